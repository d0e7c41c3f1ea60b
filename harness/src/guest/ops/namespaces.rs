//! Which namespaces the actor is in, and how it changes them.

use std::fs::{self, File};
use std::os::fd::AsFd;

use runtime::spec::Namespace;
use runtime::sys::namespace;
use serde_json::{Map, Value};

use super::identity::pid_of;
use super::{Done, Refusal, done};
use crate::operation::{Setns, Subject};

/// Each kind, and its file's name in `/proc/PID/ns`.
pub(in crate::guest) const KINDS: &[(Namespace, &str)] = &[
    (Namespace::User, "user"),
    (Namespace::Pid, "pid"),
    (Namespace::Uts, "uts"),
    (Namespace::Ipc, "ipc"),
    (Namespace::Net, "net"),
    (Namespace::Mount, "mnt"),
    (Namespace::Cgroup, "cgroup"),
];

pub(super) fn inodes(subject: &Subject) -> Done {
    let pid = pid_of(subject)?;
    let mut inodes = Map::new();
    for (kind, file) in KINDS {
        let link = fs::read_link(format!("/proc/{pid}/ns/{file}"))?;
        let inode = inode(&link.to_string_lossy());
        let inode = inode.ok_or_else(|| Refusal::Broken(format!("{} is no namespace", link.display())))?;
        inodes.insert(word(*kind)?, inode.into());
    }
    Ok(inodes.into())
}

/// `4026531838` of `uts:[4026531838]`.
fn inode(link: &str) -> Option<u64> {
    link.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// The kind's word in a scenario.
fn word(kind: Namespace) -> Result<String, Refusal> {
    Ok(serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned())
}

/// One by one, in the kernel's order: a user namespace first, for it owns the others.
pub(super) fn unshare(kinds: &[Namespace]) -> Done {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    done(kinds.into_iter().try_for_each(namespace::unshare))
}

pub(super) fn join(target: &Setns) -> Done {
    let name = KINDS.iter().find(|(kind, _)| *kind == target.namespace).map_or("", |(_, name)| name);
    let file = File::open(format!("/proc/{}/ns/{name}", pid_of(&target.of)?))?;
    namespace::join(file.as_fd(), target.namespace)?;
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
        for (kind, _) in KINDS {
            assert!(told[word(*kind).unwrap()].as_u64().is_some(), "{kind:?}");
        }
    }
}
