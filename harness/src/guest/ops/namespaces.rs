//! Which namespaces the actor is in, and how it changes them.

use std::fs::{self, File};
use std::os::fd::AsFd;

use runtime::spec::Namespace;
use runtime::sys::namespace;
use serde_json::{Map, Value};

use super::identity::pid_of;
use super::{Done, Refusal, done};
use crate::operation::{Setns, Subject};

pub(super) fn inodes(subject: &Subject) -> Done {
    let pid = pid_of(subject)?;
    let mut inodes = Map::new();
    for kind in Namespace::ALL {
        let link = fs::read_link(format!("/proc/{pid}/ns/{}", kind.file()))?;
        let inode = inode(&link.to_string_lossy());
        let inode = inode.ok_or_else(|| Refusal::Broken(format!("{} is no namespace", link.display())))?;
        inodes.insert(kind.to_string(), inode.into());
    }
    Ok(inodes.into())
}

/// `4026531838` of `uts:[4026531838]`.
fn inode(link: &str) -> Option<u64> {
    link.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
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
    use super::*;

    #[test]
    fn the_inode_is_between_the_brackets() {
        assert_eq!(inode("uts:[4026531838]"), Some(4_026_531_838));
        assert_eq!(inode("/proc/1/ns/uts"), None);
    }

    #[test]
    fn every_kind_is_looked_at() {
        let told = inodes(&Subject::Actor).expect("this process has namespaces");
        for kind in Namespace::ALL {
            assert!(told[kind.to_string()].as_u64().is_some(), "{kind:?}");
        }
    }
}
