//! A kernel's configuration: `.config`, or `config-RELEASE` in a package.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Error, Result};
use sys::input;

/// What an option is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `y`: built in.
    Yes,
    /// `m`: a module.
    Module,
    /// Not set, or not known to this kernel.
    No,
    /// A number or a text.
    Value(String),
}

/// All options that are set.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::parse(&input::read_text(path, input::TEXT).map_err(Error::io("read", path))?))
    }

    /// What an option is set to.
    pub fn get(&self, option: &str) -> Setting {
        self.0.get(option).cloned().unwrap_or(Setting::No)
    }

    pub(super) fn parse(text: &str) -> Self {
        let option = |line: &str| {
            let (name, value) = line.split_once('=')?;
            let setting = match value {
                "y" => Setting::Yes,
                "m" => Setting::Module,
                "n" => Setting::No,
                other => Setting::Value(other.trim_matches('"').to_owned()),
            };
            name.starts_with("CONFIG_").then(|| (name.to_owned(), setting))
        };
        Self(text.lines().filter_map(option).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let text = "#\n# x\nCONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"a b\"\nCONFIG_E=0x10\n";
        let settings = Settings::parse(text);
        assert_eq!(settings.get("CONFIG_A"), Setting::Yes);
        assert_eq!(settings.get("CONFIG_B"), Setting::Module);
        assert_eq!(settings.get("CONFIG_C"), Setting::No);
        assert_eq!(settings.get("CONFIG_D"), Setting::Value("a b".into()));
        assert_eq!(settings.get("CONFIG_E"), Setting::Value("0x10".into()));
        assert_eq!(settings.get("CONFIG_Z"), Setting::No);
    }
}
