//! The ids of a user namespace. user_namespaces(7)

use std::fs;

use crate::spec::{IdMap, Spec};
use crate::step::{About, Fault};
use sys::credentials;

/// The rows of `uid_map` and `gid_map`: those of the specification, or user 0 inside for the caller outside.
pub(crate) fn maps(spec: &Spec) -> (Vec<IdMap>, Vec<IdMap>) {
    let (user, group) = credentials::effective_ids();
    let or_caller = |rows: &[IdMap], id| match rows {
        [] => vec![IdMap { inside: 0, outside: id, count: 1 }],
        rows => rows.to_vec(),
    };
    (or_caller(&spec.uid_map, user), or_caller(&spec.gid_map, group))
}

/// Writes the maps of a child in a new user namespace.
pub(crate) fn write_maps(spec: &Spec, pid: i32) -> Result<(), Fault> {
    let (users, groups) = maps(spec);
    if !spec.setgroups {
        // Before gid_map, where the kernel demands it of an unprivileged caller (CVE-2014-8989).
        fs::write(format!("/proc/{pid}/setgroups"), "deny").about(|| "setgroups".into())?;
    }
    fs::write(format!("/proc/{pid}/gid_map"), rows(&groups)).about(|| describe("gid", &groups))?;
    fs::write(format!("/proc/{pid}/uid_map"), rows(&users)).about(|| describe("uid", &users))
}

/// As `uid_map` takes it.
pub(crate) fn rows(map: &[IdMap]) -> String {
    map.iter().map(|row| format!("{} {} {}\n", row.inside, row.outside, row.count)).collect()
}

fn describe(kind: &str, map: &[IdMap]) -> String {
    format!("{kind} {}", rows(map).trim_end().replace('\n', ", "))
}
