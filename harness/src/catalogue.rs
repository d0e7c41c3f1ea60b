//! The properties that scenarios cover: the catalogue, embedded.

use std::sync::LazyLock;

use serde::Deserialize;

/// One isolation property.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// `P18`; it never changes and is never given again.
    pub id: String,
    /// Whether it is a step of the classic demo: all of these must be proven on every kernel.
    #[serde(default)]
    pub starred: bool,
    /// The mechanism: `PID`.
    pub group: String,
    /// What must hold, in one line.
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    property: Vec<Property>,
}

static CATALOGUE: LazyLock<Vec<Property>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("../catalogue.toml")).expect("catalogue.toml is tested");
    file.property
});

/// Every property, by id.
pub fn all() -> &'static [Property] {
    &CATALOGUE
}

/// The property of an id.
pub fn find(id: &str) -> Option<&'static Property> {
    all().iter().find(|property| property.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_complete_unique_and_in_order() {
        let ids: Vec<&str> = all().iter().map(|property| property.id.as_str()).collect();
        let expected: Vec<String> = (1..=140).map(|number| format!("P{number}")).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn the_starred_ones_are_the_demo() {
        let starred: Vec<&str> = all().iter().filter(|p| p.starred).map(|p| &p.id[1..]).collect();
        let demo = "1 2 8 9 10 18 19 20 21 22 37 38 39 40 41 42 46 48 56 59 60 62 63 64 83 110 111 135 140";
        assert_eq!(starred.join(" "), demo);
    }
}
