//! What was measured, as data: the JSON report.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Lab;
use super::budget::{self, Checked};
use super::row::Row;

/// See [`Report::schema`].
const SCHEMA: u32 = 1;

/// One run of all measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Version 1 of this format; it changes when a reader of the old one would misread the new one.
    pub schema: u32,
    /// Version of nsproof.
    pub nsproof: String,
    /// When it ended: RFC 3339, UTC.
    pub ended: String,
    /// The guest's kernel, as `uname -r` says it.
    pub kernel: String,
    /// `kvm` or `tcg`.
    pub accel: String,
    /// CPUs that this machine gives.
    pub cpus: usize,
    /// `/proc/loadavg` before the first measurement.
    pub load: String,
    /// Rounds.
    pub samples: usize,
    /// The measurements.
    pub rows: Vec<Row>,
    /// The bounds that hold on the accelerator, and what became of them.
    pub budget: Vec<Checked>,
}

impl Report {
    pub(super) fn new(lab: &Lab<'_>, load: String, rows: Vec<Row>) -> Self {
        let accel = lab.testbed.accel.accelerator.name();
        Report {
            schema: SCHEMA,
            nsproof: env!("CARGO_PKG_VERSION").to_owned(),
            ended: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kernel: lab.testbed.config.kernel.release.clone(),
            accel: accel.to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            load,
            samples: lab.options.samples,
            budget: budget::check(&rows, accel),
            rows,
        }
    }

    /// Whether nothing that was measured is beyond its bound.
    pub fn is_within_budget(&self) -> bool {
        self.budget.iter().all(|checked| checked.holds != Some(false))
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Unit;
    use super::super::table;
    use super::*;

    fn report() -> Report {
        let nsrun = Row::of("start", "nsrun", Unit::Milliseconds, &[4.0, 6.0, 5.0]);
        let crun =
            Row::of("start", "crun", Unit::Milliseconds, &[12.5]).note("a cgroup too").compared(Some(&nsrun));
        let runc =
            Row::of("start", "runc", Unit::Milliseconds, &[]).note("not installed").compared(Some(&nsrun));
        Report {
            schema: SCHEMA,
            nsproof: "0.1.0".into(),
            ended: "2026-01-01T00:00:00Z".into(),
            kernel: "6.1.0".into(),
            accel: "tcg".into(),
            cpus: 2,
            load: "0.10".into(),
            samples: 3,
            budget: budget::check(&[], "tcg"),
            rows: vec![nsrun, crun, runc],
        }
    }

    #[test]
    fn json_has_the_documented_shape() {
        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(
            json["rows"][1],
            serde_json::json!({
                "group": "start", "name": "crun", "unit": "ms", "n": 1, "values": {"p50": 12.5, "p99": 12.5},
                "ratio": {"to": "nsrun", "times": 2.5}, "note": "a cgroup too",
            })
        );
        assert_eq!(json["rows"][2]["values"], serde_json::Value::Null);
        assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report());
    }

    #[test]
    fn bounds_that_do_not_hold_on_kvm_are_told_of() {
        let told = "on kvm, machines have no bound: the bounds are TCG's";
        assert!(!table(&report()).contains(told));
        let on_kvm = Report { accel: "kvm".into(), ..report() };
        assert!(table(&on_kvm).contains(told), "{}", table(&on_kvm));
    }

    #[test]
    fn the_table_is_aligned() {
        let lines = [
            "start    n      p50      p99  ratio",
            "  nsrun  3   5.0 ms   6.0 ms",
            "  crun   1  12.5 ms  12.5 ms   2.50  a cgroup too",
            "  runc   0        -        -         not installed",
        ];
        let table = table(&report());
        assert!(table.contains(&lines.join("\n")), "{table}");
    }
}
