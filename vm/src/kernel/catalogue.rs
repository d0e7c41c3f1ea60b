//! `kernels.toml`: kernels by name.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::apt;

/// A kernel of `kernels.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `debian-6.12`
    pub name: String,
    /// `linux-image-cloud-amd64`
    pub package: String,
    /// `trixie`
    pub suite: String,
}

/// All kernels that have a name, in the order of their names.
pub fn catalogue() -> Vec<Named> {
    let entries: BTreeMap<String, Entry> =
        toml::from_str(include_str!("../../kernels.toml")).expect("kernels.toml is checked by a test");
    let arch = apt::architecture();
    entries
        .into_iter()
        .map(|(name, Entry { package, suite })| Named {
            name,
            package: package.replace("{arch}", arch),
            suite,
        })
        .collect()
}

/// All names that a kernel can be asked for by: what this machine has, and the catalogue's.
pub fn names() -> Vec<String> {
    let named = catalogue().into_iter().map(|named| named.name);
    ["distro", "host"].map(str::to_owned).into_iter().chain(named).collect()
}

/// The kernel of this name.
pub(super) fn find(name: &str) -> Option<Named> {
    catalogue().into_iter().find(|named| named.name == name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    package: String,
    suite: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_package_and_a_suite() {
        let named = catalogue();
        assert!(!named.is_empty());
        for Named { name, package, suite } in named {
            assert!(package.starts_with("linux-image-") && !package.contains('{'), "{name}: {package}");
            assert!(!suite.is_empty(), "{name}");
        }
    }
}
