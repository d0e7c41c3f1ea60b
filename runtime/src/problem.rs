//! What is wrong with a specification.

use std::fmt;

use crate::spec::Namespace;

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its path in the specification: `links[1].host`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
    /// A word that is none of those that are known there.
    pub unknown: Option<Unknown>,
    /// The kind of namespace that the field takes and the container does not have.
    pub missing: Option<Namespace>,
}

/// A word, and those in its place that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As it was written.
    pub word: String,
    /// What could be written.
    pub known: Vec<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.field, self.message, self.help)
    }
}

impl std::error::Error for Problem {}
