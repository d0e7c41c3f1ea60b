//! Which namespaces the actor is in, and how it changes them.

use std::fs::File;
use std::os::fd::AsFd;

use runtime::spec::Namespace;
use serde_json::Value;
use sys::namespace;

use super::identity::pid_of;
use super::{Done, done};
use protocol::operation::{Setns, Subject};

/// By kind; one that the kernel lacks is absent.
pub(super) fn inodes(subject: &Subject) -> Done {
    // `self` is no number.
    let found = runtime::namespaces(pid_of(subject)?.parse().ok())?;
    Ok(found.into_iter().map(|(kind, inode)| (kind.to_string(), Value::from(inode))).collect())
}

/// One by one, in the kernel's order: a user namespace first, for it owns the others.
pub(super) fn unshare(kinds: &[Namespace]) -> Done {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    done(kinds.into_iter().try_for_each(namespace::unshare))
}

pub(super) fn join(target: &Setns) -> Done {
    let kind = target.namespace;
    let file = File::open(format!("/proc/{}/ns/{}", pid_of(&target.of)?, kind.file()))?;
    namespace::join(file.as_fd(), kind)?;
    Ok(Value::Null)
}

#[cfg(test)]
mod tests {
    use sys::Errno;

    use super::*;
    use crate::ops::Refusal;

    #[test]
    fn every_kind_is_looked_at() {
        let told = inodes(&Subject::Actor).expect("this process has namespaces");
        for &kind in Namespace::ALL {
            assert!(told[kind.to_string()].as_u64().is_some(), "{kind:?}");
        }
    }

    #[test]
    fn a_process_that_is_not_there_has_none() {
        assert!(matches!(inodes(&Subject::Pid(i32::MAX)), Err(Refusal::Errno(Errno::ENOENT))));
    }
}
