//! Why there is no reply, or nobody to give one.

use std::io;

use protocol::event::{Outcome, Refused};
use runtime::Failure;
use sys::errno_name;

/// Why an operation has no outcome of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoReply {
    /// It could not be tried, or not to its end.
    Broken(String),
    /// Nothing is there to carry it out: how it ended, or why nothing could join.
    NoActor(String),
    /// Something came that was not asked for: this actor's evidence is lost.
    Forged(String),
}

impl NoReply {
    /// Its words.
    pub(super) fn words(self) -> String {
        match self {
            NoReply::Broken(words) | NoReply::NoActor(words) | NoReply::Forged(words) => words,
        }
    }
}

impl From<io::Error> for NoReply {
    fn from(error: io::Error) -> Self {
        NoReply::Broken(error.to_string())
    }
}

/// Why a container is not there.
pub(super) enum NotBuilt {
    /// A step of the runtime failed.
    Failure(Box<Failure>),
    /// It was not tried, or is gone already.
    Reason(NoReply),
}

impl NotBuilt {
    /// The runtime's own words.
    pub(super) fn reason(&self) -> String {
        match self {
            NotBuilt::Failure(failure) => failure.to_string(),
            NotBuilt::Reason(NoReply::Broken(words) | NoReply::NoActor(words) | NoReply::Forged(words)) => {
                words.clone()
            }
        }
    }

    /// The step that was refused, if one was tried.
    pub(super) fn refused(&self) -> Option<Refused> {
        match self {
            NotBuilt::Failure(failure) => {
                Some(Refused { step: failure.step.name().to_owned(), errno: errno_name(failure.errno) })
            }
            NotBuilt::Reason(_) => None,
        }
    }

    /// As the outcome of a `start` step.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            NotBuilt::Failure(failure) => Outcome::Errno(errno_name(failure.errno)),
            NotBuilt::Reason(NoReply::NoActor(words)) => Outcome::NoActor(words.clone()),
            NotBuilt::Reason(NoReply::Broken(words) | NoReply::Forged(words)) => {
                Outcome::Broken(words.clone())
            }
        }
    }
}

impl From<io::Error> for NotBuilt {
    fn from(error: io::Error) -> Self {
        NotBuilt::Reason(error.into())
    }
}
