//! A part of a run, for a fleet of machines that agree on nothing but the command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `2/4`: the second of four parts. Together they are the whole, and no two have anything in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: usize,
    total: usize,
}

impl Shard {
    /// All there is.
    pub const WHOLE: Shard = Shard { index: 1, total: 1 };

    /// Each of so many parts.
    pub fn all(total: usize) -> impl Iterator<Item = Shard> {
        (1..=total).map(move |index| Shard { index, total })
    }

    /// Which part, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// Of how many.
    pub fn total(self) -> usize {
        self.total
    }

    /// Whether the pair at a position is in this part; pairs are counted from 0, kernel after kernel, and dealt out in turn:
    /// neighbours in the scenarios' order are alike, and so are then the parts.
    pub fn has(self, position: usize) -> bool {
        position % self.total == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            None => Err("write I/N, for example 1/4".into()),
            Some((_, 0)) => Err("there are no parts to choose from: N is 1 or more".into()),
            Some((0, total)) => Err(format!("parts are counted from 1: 1/{total} to {total}/{total}")),
            Some((index, total)) if index > total => {
                Err(format!("there are {total} parts: 1/{total} to {total}/{total}"))
            }
            Some((index, total)) => Ok(Shard { index, total }),
        }
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(1, 7)]
    #[case(2, 70)]
    #[case(5, 3)]
    fn the_parts_are_the_whole_and_have_nothing_in_common(#[case] total: usize, #[case] pairs: usize) {
        let parts: Vec<Shard> = Shard::all(total).collect();
        let mut all: Vec<usize> =
            parts.iter().flat_map(|part| (0..pairs).filter(move |position| part.has(*position))).collect();
        all.sort_unstable();
        assert_eq!(all, (0..pairs).collect::<Vec<_>>());
        let sizes: Vec<usize> =
            parts.iter().map(|part| (0..pairs).filter(|position| part.has(*position)).count()).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
    }

    #[rstest::rstest]
    #[case("0/4", "parts are counted from 1: 1/4 to 4/4")]
    #[case("5/4", "there are 4 parts: 1/4 to 4/4")]
    #[case("0/0", "there are no parts to choose from: N is 1 or more")]
    #[case("x/y", "write I/N, for example 1/4")]
    #[case("3", "write I/N, for example 1/4")]
    #[case("-1/4", "write I/N, for example 1/4")]
    fn what_is_no_part_is_told(#[case] text: &str, #[case] told: &str) {
        assert_eq!(text.parse::<Shard>().unwrap_err(), told);
    }
}
