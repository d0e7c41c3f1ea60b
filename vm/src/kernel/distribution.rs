//! Which distribution this machine runs, and which kernel that has for virtual machines.

use std::fs;
use std::path::Path;

use super::apt::architecture;
use crate::{Error, Result};

/// The distribution that this machine runs.
pub(super) struct Distribution {
    id: String,
    like: String,
    version: String,
}

/// This machine's.
pub(super) fn machine() -> Result<Distribution> {
    let path = Path::new("/etc/os-release");
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    Ok(Distribution { id: field("ID"), like: field("ID_LIKE"), version: field("VERSION_ID") })
}

impl Distribution {
    /// The package of its kernel for virtual machines.
    pub(super) fn kernel(&self) -> Result<String> {
        let is = |name: &str| self.id == name || self.like.split_whitespace().any(|like| like == name);
        if is("ubuntu") {
            return Ok("linux-image-virtual".to_owned());
        }
        if is("debian") {
            return Ok(format!("linux-image-cloud-{}", architecture()));
        }
        Err(Error::UnknownKernel {
            spec: "distro".to_owned(),
            known: format!(
                "this machine runs {}, whose packages are not apt's: give a path, or host",
                self.id
            ),
        })
    }
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.id, self.version, architecture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions() {
        let kernel = |id: &str, like: &str| {
            let [id, like, version] = [id, like, "1"].map(str::to_owned);
            Distribution { id, like, version }.kernel()
        };
        assert!(kernel("debian", "").unwrap().starts_with("linux-image-cloud-"));
        assert_eq!(kernel("linuxmint", "ubuntu debian").unwrap(), "linux-image-virtual");
        assert!(kernel("fedora", "").unwrap_err().to_string().contains("give a path"));
    }
}
