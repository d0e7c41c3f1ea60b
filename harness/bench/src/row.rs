//! One line of what was measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use harness::report::Percentiles;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Rows of a group can be compared.
    pub group: String,
    /// What was measured.
    pub name: String,
    /// Of `values`.
    pub unit: Unit,
    /// How often.
    pub n: usize,
    /// `None` if it could not be measured: the note says why.
    pub values: Option<Percentiles>,
    /// Its median next to another row's.
    pub ratio: Option<Ratio>,
    /// What a reader should know.
    pub note: Option<String>,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// 10^6 bytes.
    #[serde(rename = "MB")]
    Megabytes,
    /// Per second.
    #[serde(rename = "/s")]
    PerSecond,
}

/// How many times another row's median this one is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "said by the type")]
pub struct Ratio {
    pub to: String,
    pub times: f64,
}

impl Unit {
    /// As it is written behind a number.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::Milliseconds => "ms",
            Unit::Megabytes => "MB",
            Unit::PerSecond => "/s",
        }
    }
}

impl Row {
    /// A row of observed values.
    pub fn of(group: &str, name: &str, unit: Unit, values: &[f64]) -> Self {
        Row {
            group: group.to_owned(),
            name: name.to_owned(),
            unit,
            n: values.len(),
            values: Percentiles::of(values.iter().copied()),
            ratio: None,
            note: None,
        }
    }

    /// A row of times.
    pub fn times(group: &str, name: &str, times: &[Duration]) -> Self {
        let values: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        Row::of(group, name, Unit::Milliseconds, &values)
    }

    /// With a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// With the ratio to another row, if both were measured.
    #[must_use]
    pub fn compared(mut self, other: Option<&Row>) -> Self {
        self.ratio = other.and_then(|other| {
            let times = self.values?.p50 / other.values?.p50;
            times.is_finite().then(|| Ratio { to: other.name.clone(), times })
        });
        self
    }
}

/// The row of that group and name.
pub(super) fn find<'a>(rows: &'a [Row], group: &str, name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.group == group && row.name == name)
}
