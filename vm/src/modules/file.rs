//! One module file: decompression, and what its `.modinfo` section tells.

use std::io::{self, Read};
use std::path::Path;

use object::{Object, ObjectSection};

use crate::compression;
use crate::module_files::normal;
use crate::{Error, Result};
use sys::input;

/// What a module says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Modules that must be loaded before.
    pub(super) depends: Vec<String>,
    /// The release it was built for.
    pub(super) release: Option<String>,
}

/// The largest module, in bytes: those of a debug build have tens of megabytes.
const LARGEST: u64 = 1 << 30;

/// The ELF object, decompressed.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let raw = input::read(path, LARGEST).map_err(Error::io("read", path))?;
    decompress(&raw).map_err(|error| damaged(path, error))
}

/// Reads `.modinfo`.
pub(super) fn info(path: &Path) -> Result<Info> {
    let bytes = read(path)?;
    let file = object::File::parse(&*bytes).map_err(|error| damaged(path, error))?;
    let section = file.section_by_name(".modinfo").ok_or_else(|| damaged(path, "it has no .modinfo"))?;
    Ok(parse(section.data().map_err(|error| damaged(path, error))?))
}

pub(super) fn damaged(path: &Path, error: impl std::fmt::Display) -> Error {
    let way_out = "build, install or unpack the modules anew";
    Error::unusable(path, format!("is no whole kernel module: {error}"), way_out)
}

fn decompress(raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    compression::reader(raw)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `.modinfo` is a sequence of `key=value`, each ended by NUL.
fn parse(section: &[u8]) -> Info {
    let mut info = Info::default();
    for entry in section.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        match entry.split_once('=') {
            Some(("depends", names)) => info.depends.extend(list(names)),
            // "6.1.0-56-cloud-amd64 SMP preempt mod_unload modversions"
            Some(("vermagic", magic)) => info.release = magic.split(' ').next().map(str::to_owned),
            // "pre: crc32c post: other"; what comes before is as good as a dependency.
            Some(("softdep", soft)) => {
                let before = soft.split("post:").next().unwrap_or_default();
                info.depends.extend(before.split_whitespace().filter(|word| *word != "pre:").map(normal));
            }
            _ => {}
        }
    }
    info
}

fn list(names: &str) -> impl Iterator<Item = String> {
    names.split(',').filter(|name| !name.is_empty()).map(normal)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn modinfo() {
        let info = parse(b"license=GPL\0depends=udp-tunnel,ip6_udp_tunnel\0softdep=pre: crc32c post: x\0vermagic=6.1-a SMP \0");
        assert_eq!(info.depends, ["udp_tunnel", "ip6_udp_tunnel", "crc32c"]);
        assert_eq!(info.release.as_deref(), Some("6.1-a"));
        assert_eq!(parse(b"depends=\0"), Info::default());
    }

    #[test]
    fn truncated() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["m.ko", "m.ko.xz", "m.ko.zst", "m.ko.gz"] {
            let path = folder.path().join(name);
            fs::write(&path, b"\x7fELF\x02").unwrap();
            let error = info(&path).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("no whole kernel module"), "{error}");
        }
    }
}
