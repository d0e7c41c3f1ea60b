//! The texts of proc(5) as data.

use serde::Serialize;
use serde_json::{Map, Value};
use sys::mountinfo::Entry;

/// Fields of `/proc/PID/status` that are lists however many numbers they have.
const ROWS: &[&str] = &["Uid", "Gid", "Groups", "NStgid", "NSpid", "NSpgid", "NSsid"];

/// `/proc/PID/status`: sizes lose their unit (kB); masks and modes stay texts.
pub(super) fn status(text: &str) -> Map<String, Value> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), field(name, value.trim()))).collect()
}

fn field(name: &str, value: &str) -> Value {
    if ROWS.contains(&name) {
        return value.split_whitespace().map(word).collect();
    }
    word(value.strip_suffix(" kB").unwrap_or(value))
}

/// A number, unless it has leading zeroes or the width of a mask.
fn word(text: &str) -> Value {
    let mask = text.len() > 1 && (text.starts_with('0') || text.len() >= 16);
    match text.parse::<i64>() {
        Ok(number) if !mask => number.into(),
        _ => text.into(),
    }
}

/// A mount, as the host is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Mount {
    /// Unique in the machine while the mount is there.
    #[serde(skip)]
    pub(super) id: u32,
    /// The directory of the file system that is mounted.
    pub(super) root: String,
    /// Where, below the process's root.
    pub(super) target: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) source: String,
    /// The mount's own options, then the file system's.
    pub(super) options: Vec<String>,
    /// `shared:1`, `master:1`, …
    pub(super) propagation: Vec<String>,
}

impl From<Entry> for Mount {
    fn from(entry: Entry) -> Self {
        let mut options = Vec::new();
        for option in entry.options.into_iter().chain(entry.super_options) {
            if !options.contains(&option) {
                options.push(option);
            }
        }
        Mount {
            id: entry.id,
            root: entry.root.to_string_lossy().into_owned(),
            target: entry.target.to_string_lossy().into_owned(),
            kind: entry.kind,
            source: entry.source.to_string_lossy().into_owned(),
            options,
            propagation: entry.propagation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_has_numbers_rows_and_texts() {
        let text = "Name:\tprobe\nUmask:\t0022\nState:\tR (running)\nPid:\t93\nUid:\t0\t0\t0\t0\nGroups:\t \n\
                    NSpid:\t93\t1\nVmSize:\t    2388 kB\nSigQ:\t0/1007\nCapEff:\t0000000000000000\n\
                    CapBnd:\t1000000000000000\nNoNewPrivs:\t0\n";
        assert_eq!(
            Value::from(status(text)),
            json!({
                "Name": "probe", "Umask": "0022", "State": "R (running)", "Pid": 93, "Uid": [0, 0, 0, 0],
                "Groups": [], "NSpid": [93, 1], "VmSize": 2388, "SigQ": "0/1007", "CapEff": "0000000000000000",
                "CapBnd": "1000000000000000", "NoNewPrivs": 0,
            })
        );
    }

    #[test]
    fn an_option_of_mount_and_file_system_is_there_once() {
        let text = b"36 22 98:0 /a\\040b /m rw,noatime shared:1 - ext3 /dev/root rw,errors=continue\n";
        let mounts = sys::mountinfo::parse(text).unwrap();
        let mount = Mount::from(mounts[0].clone());
        assert_eq!(mount.options, ["rw", "noatime", "errors=continue"]);
        assert_eq!((mount.root.as_str(), mount.target.as_str()), ("/a b", "/m"));
    }
}
