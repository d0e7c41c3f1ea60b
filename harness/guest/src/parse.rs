//! The texts of proc(5) as data.

use serde::Serialize;
use serde_json::{Map, Value};

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

/// A line of `/proc/PID/mountinfo`.
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

/// `/proc/PID/mountinfo`
pub(super) fn mountinfo(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut mount = mount.split(' ');
    let id = mount.next()?.parse().ok()?;
    let mut mount = mount.skip(2);
    let (root, target, options) = (mount.next()?, mount.next()?, mount.next()?);
    let mut filesystem = filesystem.split(' ');
    let (kind, source, super_options) = (filesystem.next()?, filesystem.next()?, filesystem.next()?);
    let options = options.split(',').chain(super_options.split(','));
    let mut options: Vec<String> = options.map(str::to_owned).collect();
    let mut seen = std::collections::BTreeSet::new();
    options.retain(|option| seen.insert(option.clone()));
    Some(Mount {
        id,
        root: unescape(root),
        target: unescape(target),
        kind: kind.into(),
        source: unescape(source),
        options,
        propagation: mount.map(str::to_owned).collect(),
    })
}

/// Space, tab, newline and backslash are written as `\040` and the like.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) if byte == b'\\' => {
                bytes.push(code);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    fn a_mount_may_have_any_number_of_optional_fields() {
        let text = "22 1 0:21 / / rw - tmpfs root rw,mode=755\n\
                    36 22 98:0 /a\\040b /m\\134n rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n";
        let mounts = mountinfo(text);
        assert_eq!((mounts[0].id, mounts[1].id), (22, 36));
        assert_eq!(mounts[0].propagation, Vec::<String>::new());
        assert_eq!(mounts[0].options, ["rw", "mode=755"]);
        assert_eq!((mounts[1].root.as_str(), mounts[1].target.as_str()), ("/a b", "/m\\n"));
        assert_eq!(mounts[1].options, ["rw", "noatime", "errors=continue"]);
        assert_eq!(mounts[1].propagation, ["shared:1", "master:2"]);
        assert_eq!((mounts[1].kind.as_str(), mounts[1].source.as_str()), ("ext3", "/dev/root"));
    }
}
