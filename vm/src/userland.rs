//! Programs of this machine for a guest that people use: each with the libraries it is linked to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::initramfs::Entry;
use crate::process::in_path;
use crate::{Result, Tool};

/// ldd(1) runs the loader, which answers at once.
const LDD: Duration = Duration::from_secs(10);

/// The entries for these programs, in `bin/`. Those that this machine has not are left out.
pub fn programs(names: &[&str]) -> Result<Vec<Entry>> {
    let mut entries = BTreeMap::new();
    for name in names {
        let Some(path) = in_path(name) else { continue };
        entries.insert(format!("bin/{name}"), Entry::program(format!("bin/{name}"), &path)?);
        // A program that is linked statically, or a script, has none: ldd fails.
        let listed = Tool::new("ldd", "ldd", LDD).args([&path]).output().unwrap_or_default();
        for library in libraries(&listed) {
            let place = library.trim_start_matches('/').to_owned();
            if !entries.contains_key(&place) {
                entries.insert(place.clone(), Entry::program(place, Path::new(library))?);
            }
        }
    }
    Ok(entries.into_values().collect())
}

/// Paths in what ldd(1) prints: `libc.so.6 => /lib/… (0x…)`, and `/lib64/ld-linux-x86-64.so.2 (0x…)` for the loader.
fn libraries(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ldd_prints() {
        let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld.so.2 (0x3)\n";
        assert_eq!(libraries(listed).collect::<Vec<_>>(), ["/lib/libc.so.6", "/lib64/ld.so.2"]);
    }

    #[test]
    fn a_shell_comes_with_its_loader() {
        let entries = programs(&["sh", "no-such-program"]).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.as_str()).collect();
        assert!(paths.contains(&"bin/sh") && !paths.contains(&"bin/no-such-program"), "{paths:?}");
        assert!(paths.iter().any(|path| path.contains("/libc.so")), "{paths:?}");
    }
}
