//! How slow and how large it may become. Bounds of time are ratios of medians of one run: they hold on fast and on busy
//! machines.

use serde::{Deserialize, Serialize};
use vm::accel::Accelerator;

use super::containers::{BWRAP, CRUN, NSRUN, START, UNSHARE};
use super::machines::{
    ANSWER, BOOT, CLONE, MEMORY, PROCESSOR, PROCESSOR_ANSWER, PROCESSOR_BOOT, PROCESSOR_SCENARIO, READY, WARM,
};
use super::row::{Row, find};

/// A median, or its ratio to another one, is at most so much.
struct Bound {
    name: &'static str,
    of: (&'static str, &'static str),
    to: Option<(&'static str, &'static str)>,
    at_most: f64,
}

/// What was measured of containers was so on two CPUs, with nothing else to do and, at a priority above it, with a load of 4.
const BOUNDS: [Bound; 9] = [
    // Measured: 0.04. A clone that costs more has begun to boot something, or to copy its memory.
    Bound {
        name: "clone's first answer / cold boot",
        of: (CLONE, ANSWER),
        to: Some((BOOT, READY)),
        at_most: 0.05,
    },
    // Measured: 0.035, on a quiet machine and on a busy one.
    Bound {
        name: "the same in processor time",
        of: (PROCESSOR, PROCESSOR_ANSWER),
        to: Some((PROCESSOR, PROCESSOR_BOOT)),
        at_most: 0.05,
    },
    // Measured: 36, of which QEMU's translations are 18 and the guest's own pages 2.
    Bound { name: "MB of a further clone", of: (CLONE, MEMORY), to: None, at_most: 40.0 },
    // Measured: 0.01. Its memory is shared, and nothing is translated again.
    Bound {
        name: "warm clone's first answer / cold boot",
        of: (WARM, ANSWER),
        to: Some((BOOT, READY)),
        at_most: 0.025,
    },
    // Measured: 0.02. In a clone that begins cold it is 0.12.
    Bound {
        name: "a scenario in a warm clone / cold boot, in processor time",
        of: (PROCESSOR, PROCESSOR_SCENARIO),
        to: Some((PROCESSOR, PROCESSOR_BOOT)),
        at_most: 0.05,
    },
    // Measured: 4.2, which is what it writes to; all else it shares with the one that it is copied from.
    Bound { name: "MB of a further warm clone", of: (WARM, MEMORY), to: None, at_most: 10.0 },
    // Measured: 0.74 to 0.80. It has no link, no tmpfs to fill, no masks, and keeps capabilities.
    Bound { name: "nsrun / bwrap", of: (START, NSRUN), to: Some((START, BWRAP)), at_most: 1.0 },
    // Measured: 0.41 to 0.45. It does the same without a link and without a tmpfs to fill, and makes a cgroup.
    Bound { name: "nsrun / crun", of: (START, NSRUN), to: Some((START, CRUN)), at_most: 0.5 },
    // Measured: 1.07 to 1.17. Namespaces and a procfs alone: what the kernel itself takes.
    Bound { name: "nsrun / unshare", of: (START, NSRUN), to: Some((START, UNSHARE)), at_most: 2.0 },
];

/// A bound, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// What is compared with what.
    pub name: String,
    /// The bound.
    pub at_most: f64,
    /// The median or the ratio; `None` if a side was not measured.
    pub is: Option<f64>,
    /// Whether it is within the bound; `None` as for `is`.
    pub holds: Option<bool>,
}

/// The bounds that hold on this accelerator: those of machines were measured on TCG, and say nothing of KVM.
pub(super) fn check(rows: &[Row], accelerator: &str) -> Vec<Checked> {
    let median = |(group, name)| find(rows, group, name)?.values.map(|values| values.p50);
    let tcg = accelerator == Accelerator::Tcg.name();
    BOUNDS
        .iter()
        // Containers need no machine.
        .filter(|bound| tcg || bound.of.0 == START)
        .map(|bound| {
            let to = bound.to.map_or(Some(1.0), median);
            let is = median(bound.of).zip(to).map(|(of, to)| of / to);
            let holds = is.map(|is| is <= bound.at_most);
            Checked { name: bound.name.to_owned(), at_most: bound.at_most, is, holds }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Unit;

    fn rows(clone: f64) -> Vec<Row> {
        let row = |group, name, value| Row::of(group, name, Unit::Milliseconds, &[value]);
        vec![row(BOOT, READY, 1000.0), row(CLONE, ANSWER, clone)]
    }

    #[test]
    fn a_ratio_beyond_its_bound_is_told() {
        assert_eq!(check(&rows(45.0), "tcg")[0].holds, Some(true));
        let exceeded = &check(&rows(60.0), "tcg")[0];
        assert_eq!((exceeded.is, exceeded.holds), (Some(0.06), Some(false)));
    }

    #[test]
    fn machines_on_kvm_have_no_bound() {
        let names = |accelerator| {
            check(&rows(60.0), accelerator).into_iter().map(|bound| bound.name).collect::<Vec<_>>()
        };
        assert_eq!(names("kvm"), ["nsrun / bwrap", "nsrun / crun", "nsrun / unshare"]);
        assert_eq!(names("tcg").len(), BOUNDS.len());
    }

    #[test]
    fn a_value_has_a_bound_of_its_own() {
        let checked = check(&[Row::of(CLONE, MEMORY, Unit::Megabytes, &[41.0])], "tcg");
        assert_eq!((checked[2].is, checked[2].holds), (Some(41.0), Some(false)));
    }

    #[test]
    fn what_was_not_measured_is_neither_within_nor_beyond() {
        assert!(
            check(&rows(45.0), "tcg")[1..]
                .iter()
                .all(|checked| checked.is.is_none() && checked.holds.is_none())
        );
    }
}
