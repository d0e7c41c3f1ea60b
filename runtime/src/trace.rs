//! Each step as it happens.

use std::collections::BTreeMap;

use crate::spec::Namespace;
use crate::step::{Side, Step};

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Where it ran.
    pub side: Side,
    /// Which.
    pub step: Step,
    /// Which of several, from 0.
    pub index: Option<u16>,
    /// What it was about; may be empty.
    pub detail: String,
    /// The namespaces of the container's process after it, by inode.
    pub namespaces: BTreeMap<Namespace, u64>,
}

/// Who looks on.
pub(crate) struct Tracer<'t, 'f>(pub(crate) Option<&'t mut (dyn FnMut(&Trace) + 'f)>);
