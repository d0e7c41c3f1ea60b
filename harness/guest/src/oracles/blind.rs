//! What the oracles cannot see on this kernel: an oracle that sees nothing and one that cannot see look alike.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use runtime::spec::Namespace;

use crate::integrity;

/// The oracles, as the host calls them.
const LOG: &str = "kernel log";
const TAINT: &str = "taint mask";
const LEFT: &str = "inventory";
const INTEGRITY: &str = "integrity of the probes";

/// The function that looks a WARN_ON() or BUG_ON() up (lib/bug.c): it is there with CONFIG_BUG only.
const REPORT: &str = " report_bug";

/// Each oracle that is blind, and for what. `taint` is the mask at READY.
pub(super) fn blind(
    has_log: bool,
    taint: Option<u64>,
    uncounted: &[Namespace],
) -> io::Result<BTreeMap<String, String>> {
    let taint = match taint {
        None => Some("is not there: no /proc/sys/kernel/tainted (CONFIG_PROC_SYSCTL)".to_owned()),
        Some(0) => None,
        Some(mask) => Some(format!("cannot tell of {mask:#x}, which was set before anything ran")),
    };
    let log = (!has_log).then(|| "is not there: no /dev/kmsg (CONFIG_PRINTK)".to_owned());
    let integrity = (!integrity::is_told())
        .then(|| "is not looked at: no /proc/PID/smaps (CONFIG_PROC_PAGE_MONITOR)".to_owned());
    let all = [(LOG, log), (TAINT, taint), (LEFT, unseen(uncounted)), (INTEGRITY, integrity)];
    Ok(all.into_iter().filter_map(|(oracle, why)| Some((oracle.to_owned(), why?))).collect())
}

/// What the inventory of what is left behind does not see.
fn unseen(uncounted: &[Namespace]) -> Option<String> {
    let mut unseen = Vec::new();
    if !Path::new("/sys/class/net").exists() {
        unseen.push("does not see network devices: no /sys/class/net (CONFIG_SYSFS)".to_owned());
    }
    // A kind of which there is but one namespace cannot be left.
    let there = |kind: &&Namespace| Path::new("/proc/self/ns").join(kind.file()).exists();
    let kinds: Vec<String> = uncounted.iter().filter(there).map(ToString::to_string).collect();
    if !kinds.is_empty() {
        let kinds = kinds.join(", ");
        unseen.push(format!(
            "does not count namespaces ({kinds}): no /proc/sys/user/max_*_namespaces (CONFIG_SYSCTL)"
        ));
    }
    (!unseen.is_empty()).then(|| unseen.join("; it "))
}

/// Whether a WARN_ON() of this kernel says anything; `None` if nothing here tells. That of a module is in a section of its
/// own, which is looked for first: to read all symbols takes an emulated machine half a second.
pub(super) fn kernel_warns() -> io::Result<Option<bool>> {
    for module in fs::read_dir("/sys/module").into_iter().flatten() {
        if module?.path().join("sections/__bug_table").exists() {
            return Ok(Some(true));
        }
    }
    let symbols = match File::open("/proc/kallsyms") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => BufReader::new(other?),
    };
    has_symbol(symbols, REPORT).map(Some)
}

fn has_symbol(symbols: impl BufRead, name: &str) -> io::Result<bool> {
    for line in symbols.lines() {
        if line?.ends_with(name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A WARN_ONCE() that fired is silent from then on, whoever runs into it next: all are armed anew.
/// Documentation/admin-guide/clearing-warn-once.rst
pub(super) fn rearm() -> io::Result<()> {
    match fs::write("/sys/kernel/debug/clear_warn_once", "1") {
        // No CONFIG_DEBUG_FS: a machine that warned is not used again, and one that warned at its boot says so.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_can_warn_has_the_function_that_does() {
        let with = "ffffffff81a T report_bug\nffffffff81b t other\n";
        assert!(has_symbol(with.as_bytes(), REPORT).unwrap());
        let without = "ffffffff81a t report_bug_later\nffffffff81b t xreport_bug\n";
        assert!(!has_symbol(without.as_bytes(), REPORT).unwrap());
    }

    #[test]
    fn an_oracle_that_sees_is_not_blind() {
        let blind = blind(true, Some(0x200), &[]).unwrap();
        assert_eq!(blind.get(TAINT).unwrap(), "cannot tell of 0x200, which was set before anything ran");
        assert!(!blind.contains_key(LOG));
        let reason = super::blind(false, None, &[]).unwrap();
        assert_eq!(reason.keys().collect::<Vec<_>>()[..2], [LOG, TAINT]);
    }
}
