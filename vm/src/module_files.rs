//! `lib/modules/RELEASE`, or a built tree: which modules are there.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, Result};
use sys::input;

const SUFFIXES: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];

/// `-` and `_` are the same in a module's name, and `_` is what the kernel shows.
pub(crate) fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The modules in a folder, by name.
pub(crate) struct Folder {
    files: HashMap<String, PathBuf>,
    /// `None`: the folder does not tell.
    built_in: HashSet<String>,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut files = HashMap::new();
        walk(path, &mut files)?;
        Ok(Self { files, built_in: built_in(path)? })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Path> {
        self.files.get(name).map(PathBuf::as_path)
    }

    /// Every module.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.files.iter()
    }

    /// Returns whether a module is listed as part of the kernel image.
    pub(crate) fn built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }
}

/// The module's name in a file name: `nf-tables.ko.xz` → `nf_tables`.
fn module_name(file: &str) -> Option<String> {
    SUFFIXES.iter().find_map(|suffix| file.strip_suffix(suffix)).map(normal)
}

fn walk(folder: &Path, files: &mut HashMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::io("read", &path))?;
        // Symbolic links (build, source) lead out of the folder.
        if kind.is_dir() {
            walk(&path, files)?;
        } else if kind.is_file()
            && let Some(name) = entry.file_name().to_str().and_then(module_name)
        {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// `modules.builtin` has one path a line: `kernel/drivers/net/dummy.ko`. A tree without it has nothing to say.
fn built_in(folder: &Path) -> Result<HashSet<String>> {
    let path = folder.join("modules.builtin");
    match input::read_text(&path, input::TEXT) {
        Ok(text) => Ok(text.lines().filter_map(|line| module_name(line.rsplit('/').next()?)).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("veth.ko", Some("veth"))]
    #[case("nf-tables.ko.xz", Some("nf_tables"))]
    #[case("crc32c-intel.ko.zst", Some("crc32c_intel"))]
    #[case("x.ko.gz", Some("x"))]
    #[case("modules.order", None)]
    fn names(#[case] file: &str, #[case] expected: Option<&str>) {
        assert_eq!(module_name(file).as_deref(), expected);
    }
}
