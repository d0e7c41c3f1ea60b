//! The values of flags.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as Unknown, StrDeserializer};

use crate::spec::{IdMap, Mount, Peer, Rlimit};

/// `LEFT=RIGHT`
#[derive(Debug, Clone)]
pub(super) struct Pair<L, R>(pub(super) L, pub(super) R);

impl<L: FromStr, R: FromStr> FromStr for Pair<L, R>
where
    L::Err: ToString,
    R::Err: ToString,
{
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (left, right) = text.split_once('=').ok_or("there is no `=` in it")?;
        let left = left.parse().map_err(|error: L::Err| error.to_string())?;
        Ok(Pair(left, right.parse().map_err(|error: R::Err| error.to_string())?))
    }
}

impl FromStr for Peer {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Peer::from(text.to_owned()))
    }
}

/// A word that serde knows: `net`, `nofile`.
#[derive(Debug, Clone)]
pub(super) struct Word<T>(pub(super) T);

impl<T: for<'de> Deserialize<'de>> FromStr for Word<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word: StrDeserializer<'_, Unknown> = text.into_deserializer();
        T::deserialize(word).map(Word).map_err(|error| error.to_string())
    }
}

/// `NAME[:ADDRESS]`
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) name: String,
    pub(super) address: Option<String>,
}

impl FromStr for Ended {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, address) = match text.split_once(':') {
            Some((name, address)) => (name, Some(address.to_owned())),
            None => (text, None),
        };
        Ok(Ended { name: name.to_owned(), address })
    }
}

/// `INSIDE:OUTSIDE:COUNT`
#[derive(Debug, Clone)]
pub(super) struct Row(pub(super) IdMap);

impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> = text.split(':').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[inside, outside, count]) => Ok(Row(IdMap { inside, outside, count })),
            _ => Err("it needs three numbers: INSIDE:OUTSIDE:COUNT".into()),
        }
    }
}

/// `SOFT[:HARD]`
#[derive(Debug, Clone)]
pub(super) struct Limit(pub(super) Rlimit);

impl FromStr for Limit {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (soft, hard) = text.split_once(':').unwrap_or((text, text));
        Ok(Limit(Rlimit { soft: soft.parse()?, hard: hard.parse()? }))
    }
}

/// `SRC:DST[:OPTIONS]`
#[derive(Debug, Clone)]
pub(super) struct Bind(pub(super) Mount);

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match parts[..] {
            [source, target] => (source, target, ""),
            [source, target, options] => (source, target, options),
            _ => return Err("it needs two paths: SRC:DST, and may have :OPTIONS".into()),
        };
        let options = options.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let (source, target, data) = (source.to_owned(), target.into(), String::new());
        Ok(Bind(Mount { kind: "rbind".into(), source, target, options, data }))
    }
}
