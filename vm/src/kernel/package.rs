//! A kernel out of distribution packages: found, fetched, unpacked into the cache, found again without the network.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::apt::{Apt, Stanza};
use super::distribution::machine;
use super::spec::Package;
use super::unpacked::{Record, Title};
use super::{Kernel, archive, unpacked};
use crate::cache::sha256_of;
use crate::{Cache, Error, Progress, Result};

/// The kernel of a package: from the cache, else fetched.
pub(super) fn resolve(
    name: &str,
    wanted: &Package,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Kernel> {
    if let Some(kernel) = cached(name, wanted, cache)? {
        return Ok(kernel);
    }
    let _lock = cache.lock("kernels")?;
    if let Some(kernel) = cached(name, wanted, cache)? {
        return Ok(kernel);
    }
    let apt = Apt::open(wanted.suite.as_deref(), cache, progress)?;
    match install(name, wanted, &apt, cache, progress) {
        // The index may be older than the mirror.
        Err(Error::Command { .. } | Error::UnknownKernel { .. }) => {
            apt.update(cache, progress)?;
            install(name, wanted, &apt, cache, progress)
        }
        other => other,
    }
}

/// The kernel of a package, after the index was fetched anew.
pub(super) fn fetch(name: &str, wanted: &Package, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
    let _lock = cache.lock("kernels")?;
    let apt = Apt::open(wanted.suite.as_deref(), cache, progress)?;
    apt.update(cache, progress)?;
    install(name, wanted, &apt, cache, progress)
}

/// The packages that a kernel consists of, as the index tells now.
pub(super) fn newest(wanted: &Package, cache: &Cache, progress: &dyn Progress) -> Result<Vec<Stanza>> {
    let _lock = cache.lock("kernels")?;
    let apt = Apt::open(wanted.suite.as_deref(), cache, progress)?;
    apt.update(cache, progress)?;
    parts(&apt, &wanted.package()?)
}

/// The kernel of exactly these packages: from the cache, else fetched.
pub(super) fn exactly(
    name: &str,
    stanzas: &[Stanza],
    suite: Option<&str>,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Kernel> {
    let folder = cache.root().join(place(stanzas));
    if let Some(record) = unpacked(stanzas, &folder, cache)? {
        return Ok(record.kernel(name, &folder));
    }
    let _lock = cache.lock("kernels")?;
    if let Some(record) = unpacked(stanzas, &folder, cache)? {
        return Ok(record.kernel(name, &folder));
    }
    let apt = Apt::open(suite, cache, progress)?;
    let record = match unpack(stanzas, &apt, &folder, cache, progress) {
        // The index may be older than the mirror.
        Err(Error::Command { .. }) => {
            apt.update(cache, progress)?;
            unpack(stanzas, &apt, &folder, cache, progress)?
        }
        other => other?,
    };
    Ok(record.kernel(name, &folder))
}

/// What these packages were unpacked to, if it is whole.
fn unpacked(stanzas: &[Stanza], folder: &Path, cache: &Cache) -> Result<Option<Record>> {
    let record = Record::open(folder, cache)?;
    Ok(record.filter(|record| record.packages == sums_of(stanzas)))
}

fn sums_of(stanzas: &[Stanza]) -> BTreeMap<String, String> {
    stanzas.iter().map(|stanza| (stanza.package.clone(), stanza.sha256.clone())).collect()
}

/// Which unpacked kernel a name stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    /// Below the cache's folder.
    folder: PathBuf,
}

/// A kernel in the cache. One that is damaged is thrown away.
pub(super) fn cached(name: &str, wanted: &Package, cache: &Cache) -> Result<Option<Kernel>> {
    let Some(found) = cache.get::<Found>(&memory(wanted, cache)?) else { return Ok(None) };
    let folder = cache.root().join(&found.folder);
    Ok(Record::open(&folder, cache)?.map(|record| record.kernel(name, &folder)))
}

/// The kernel of a package that lies on this machine.
pub(super) fn in_file(name: &str, package: &Path, cache: &Cache) -> Result<Kernel> {
    let sha256 = cache.sha256(package)?;
    let folder = cache.folder("kernels")?.join(format!("file_{sha256}"));
    if let Some(record) = Record::open(&folder, cache)? {
        return Ok(record.kernel(name, &folder));
    }
    let _lock = cache.lock("kernels")?;
    if let Some(record) = Record::open(&folder, cache)? {
        return Ok(record.kernel(name, &folder));
    }
    let scratch = cache.scratch()?;
    archive::unpack(package, scratch.path())?;
    let file = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let packages = BTreeMap::from([(file.clone(), sha256)]);
    let title = Title { name: package.display().to_string(), version: &file, packages };
    Ok(unpacked::publish(scratch, &folder, title, cache)?.kernel(name, &folder))
}

/// The file that remembers what a package name stands for on this machine.
fn memory(wanted: &Package, cache: &Cache) -> Result<PathBuf> {
    let key = match &wanted.name {
        Some(name) => format!("{name} {}", wanted.suite.as_deref().unwrap_or(&machine()?.to_string())),
        None => format!("distro {}", machine()?),
    };
    Ok(cache.root().join("names").join(sha256_of(key.as_bytes()) + ".json"))
}

fn install(
    name: &str,
    wanted: &Package,
    apt: &Apt,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Kernel> {
    let stanzas = parts(apt, &wanted.package()?)?;
    let below = place(&stanzas);
    let folder = cache.root().join(&below);
    let record = match unpacked(&stanzas, &folder, cache)? {
        Some(record) => record,
        None => unpack(&stanzas, apt, &folder, cache, progress)?,
    };
    cache.put(&memory(wanted, cache)?, &Found { folder: below })?;
    Ok(record.kernel(name, &folder))
}

/// A package and the parts of a kernel that it depends on: a meta-package has none of its own, and image and modules
/// may be apart.
fn parts(apt: &Apt, package: &str) -> Result<Vec<Stanza>> {
    let mut queue = VecDeque::from([package.to_owned()]);
    let mut stanzas: Vec<Stanza> = Vec::new();
    while let Some(next) = queue.pop_front() {
        let stanza = apt.show(&next)?;
        if stanzas.contains(&stanza) {
            continue;
        }
        queue.extend(stanza.kernel_parts());
        stanzas.push(stanza);
    }
    Ok(stanzas)
}

/// The package after which a kernel is called: the image's.
pub(super) fn title(stanzas: &[Stanza]) -> &Stanza {
    stanzas.iter().rfind(|stanza| stanza.package.starts_with("linux-image-")).unwrap_or(&stanzas[0])
}

/// Where a kernel is unpacked, below the cache's folder.
fn place(stanzas: &[Stanza]) -> PathBuf {
    let Stanza { package, version, .. } = title(stanzas);
    Path::new("kernels").join(format!("{package}_{}", version.replace(':', "%3a")))
}

impl Package {
    /// The package's name.
    fn package(&self) -> Result<String> {
        self.name.clone().map_or_else(|| machine()?.kernel(), Ok)
    }
}

fn unpack(
    stanzas: &[Stanza],
    apt: &Apt,
    folder: &Path,
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Record> {
    let scratch = cache.scratch()?;
    let downloads = scratch.path().join("downloads");
    let title = title(stanzas);
    progress.step(&format!("fetching {} {}", title.package, title.version));
    let files = apt.download(stanzas, &downloads)?;
    progress.step(&format!("unpacking {}", title.package));
    for (Stanza { package, version, .. }, file) in stanzas.iter().zip(files) {
        archive::unpack(&file, scratch.path()).map_err(|error| match error {
            // Its path is gone with the folder that it was fetched into.
            Error::Unusable { reason, .. } => {
                let way_out = "ask who made the package for a whole one, or take another version";
                Error::unusable(format!("{package} {version}"), reason, way_out)
            }
            other => other,
        })?;
    }
    fs::remove_dir_all(&downloads).map_err(Error::io("delete", &downloads))?;
    let name = format!("{} {}", title.package, title.version);
    let title = Title { name, version: &title.version, packages: sums_of(stanzas) };
    unpacked::publish(scratch, folder, title, cache)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with one unpacked kernel of three files, and its folder.
    fn cache_with() -> (tempfile::TempDir, Cache, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let folder = cache.folder("kernels/a_1").unwrap();
        let files =
            [("vmlinuz", "kernel"), ("config-1", "CONFIG_VETH=m"), ("modules/modules.builtin", "x.ko")];
        fs::create_dir(folder.join("modules")).unwrap();
        files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        let record = Record {
            release: "6.1-a".into(),
            arch: "x86_64".into(),
            version: "1".into(),
            packages: BTreeMap::new(),
            image: "vmlinuz".into(),
            modules: Some("modules".into()),
            config: Some("config-1".into()),
            sha256: sha256_of(b"kernel"),
            files: files.iter().map(|(name, text)| (name.into(), sha256_of(text.as_bytes()))).collect(),
        };
        cache.put(&folder.join("record.json"), &record).unwrap();
        cache.put(&memory(&wanted(), &cache).unwrap(), &Found { folder: "kernels/a_1".into() }).unwrap();
        (root, cache, folder)
    }

    fn wanted() -> Package {
        Package { name: Some("a".into()), suite: Some("s".into()) }
    }

    #[test]
    fn what_was_only_touched_is_kept() {
        let (_root, cache, folder) = cache_with();
        fs::write(folder.join("vmlinuz"), "kernel").unwrap();
        let kernel = cached("name", &wanted(), &cache).unwrap().unwrap();
        assert_eq!((kernel.name.as_str(), kernel.release.as_str()), ("name", "6.1-a"));
        assert_eq!(kernel.image, folder.join("vmlinuz"));
    }

    #[rstest::rstest]
    #[case::image_cut("vmlinuz", "kerne")]
    #[case::image("vmlinuz", "kernal")]
    #[case::config("config-1", "CONFIG_VETH=n")]
    #[case::config_gone("config-1", "")]
    #[case::what_is_built_in("modules/modules.builtin", "y.ko")]
    #[case::record("record.json", "{}")]
    fn what_is_damaged_is_thrown_away(#[case] file: &str, #[case] damaged: &str) {
        let (_root, cache, folder) = cache_with();
        fs::write(folder.join(file), damaged).unwrap();
        if damaged.is_empty() {
            fs::remove_file(folder.join(file)).unwrap();
        }
        assert!(cached("name", &wanted(), &cache).unwrap().is_none());
        assert!(!folder.exists());
    }

    #[test]
    fn what_an_older_version_unpacked_is_taken_as_it_is_and_checked_from_then_on() {
        let (_root, cache, folder) = cache_with();
        let mut record: Record = cache.get(&folder.join("record.json")).unwrap();
        record.files.clear();
        cache.put(&folder.join("record.json"), &record).unwrap();
        assert!(cached("name", &wanted(), &cache).unwrap().is_some());
        fs::write(folder.join("config-1"), "CONFIG_VETH=n").unwrap();
        assert!(cached("name", &wanted(), &cache).unwrap().is_none());
    }
}
