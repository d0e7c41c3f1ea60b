//! Who the actor is.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};
use sys::probe::task::{self, Sets};
use sys::probe::{files, machine};
use sys::{Errno, credentials, descriptor};

use super::{Done, Refusal};
use crate::parse;
use protocol::operation::Subject;

/// Descriptors are looked for below this number: nothing opens more in a container's life.
const MOST_DESCRIPTORS: i32 = 1024;

pub(super) fn hostname() -> Done {
    Ok(machine::names()?.hostname.into())
}

pub(super) fn domainname() -> Done {
    Ok(machine::names()?.domainname.into())
}

pub(super) fn process() -> Done {
    let ids = task::ids()?;
    Ok(json!({
        "pid": ids.pid, "ppid": ids.ppid, "pgid": ids.pgid, "sid": ids.sid,
        "uid": ids.uid, "euid": ids.euid, "gid": ids.gid, "egid": ids.egid, "groups": ids.groups,
        "cwd": std::env::current_dir()?,
        "umask": format!("{:04o}", files::umask()),
    }))
}

pub(super) fn pids() -> Done {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    pids.sort_unstable();
    Ok(pids.into())
}

pub(super) fn status(subject: &Subject) -> Done {
    let text = sys::file::read_text(format!("/proc/{}/status", pid_of(subject)?))?;
    Ok(parse::status(&text).into())
}

/// The name of a process's folder in `/proc`.
pub(super) fn pid_of(subject: &Subject) -> Result<String, Refusal> {
    match subject {
        Subject::Actor => Ok("self".into()),
        Subject::Init => Ok("1".into()),
        Subject::Pid(pid) => Ok(pid.to_string()),
        Subject::Container(name) => {
            Err(Refusal::Broken(format!("only the host knows processes by name: {name}")))
        }
    }
}

pub(super) fn capabilities() -> Done {
    let Sets { bounding, permitted, effective, inheritable, ambient } = task::capabilities()?;
    let sets = [
        ("bounding", bounding),
        ("permitted", permitted),
        ("effective", effective),
        ("inheritable", inheritable),
        ("ambient", ambient),
    ];
    let names = |set: &task::Set| set.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    Ok(sets.iter().map(|(name, set)| ((*name).to_owned(), json!(names(set)))).collect::<Map<_, _>>().into())
}

pub(super) fn rlimits() -> Done {
    let number = |value| if value == u64::MAX { json!("unlimited") } else { json!(value) };
    let mut limits = Map::new();
    for kind in credentials::RESOURCES {
        let (soft, hard) = credentials::limits(kind)?;
        let name = serde_json::to_value(kind)?;
        let name = name.as_str().unwrap_or_default().to_owned();
        limits.insert(name, json!({ "soft": number(soft), "hard": number(hard) }));
    }
    Ok(limits.into())
}

/// Asked of the kernel one by one: the `/proc` of a container may be hidden or another's.
pub(super) fn descriptors() -> Done {
    let mut open = Vec::new();
    for number in 0..MOST_DESCRIPTORS {
        match descriptor::check_open(number) {
            Ok(()) => open.push(number),
            Err(Errno::EBADF) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(open.into())
}

pub(super) fn cgroup() -> Done {
    Ok(Value::from(sys::file::read_text("/proc/self/cgroup")?.trim_end()))
}
