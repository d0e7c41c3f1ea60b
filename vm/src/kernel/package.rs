//! A kernel out of distribution packages: found, fetched, unpacked into the cache, found again without the network.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use super::Kernel;
use super::apt::{Apt, Stanza};
use super::distribution::machine;
use super::local;
use super::spec::Package;
use crate::cache::{Stamp, sha256_of, sha256_of_file};
use crate::modules::sums;
use crate::qemu::run;
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
            apt.update(progress)?;
            install(name, wanted, &apt, cache, progress)
        }
        other => other,
    }
}

/// The kernel of a package, after the index was fetched anew.
pub(super) fn fetch(name: &str, wanted: &Package, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
    let _lock = cache.lock("kernels")?;
    let apt = Apt::open(wanted.suite.as_deref(), cache, progress)?;
    apt.update(progress)?;
    install(name, wanted, &apt, cache, progress)
}

/// The packages that a kernel consists of, as the index tells now.
pub(super) fn newest(wanted: &Package, cache: &Cache, progress: &dyn Progress) -> Result<Vec<Stanza>> {
    let _lock = cache.lock("kernels")?;
    let apt = Apt::open(wanted.suite.as_deref(), cache, progress)?;
    apt.update(progress)?;
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
            apt.update(progress)?;
            unpack(stanzas, &apt, &folder, cache, progress)?
        }
        other => other?,
    };
    Ok(record.kernel(name, &folder))
}

/// What these packages were unpacked to, if it is whole.
fn unpacked(stanzas: &[Stanza], folder: &Path, cache: &Cache) -> Result<Option<Record>> {
    let Some(record) = cache.get::<Record>(&folder.join("record.json")) else { return Ok(None) };
    let image = folder.join(&record.image);
    let whole =
        record.packages == sums_of(stanzas) && image.is_file() && cache.sha256(&image)? == record.sha256;
    Ok(whole.then_some(record))
}

fn sums_of(stanzas: &[Stanza]) -> BTreeMap<String, String> {
    stanzas.iter().map(|stanza| (stanza.package.clone(), stanza.sha256.clone())).collect()
}

/// Checksums of the modules, beside the record.
const SUMS: &str = "modules.json";

/// What an unpacked kernel is, kept beside it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Record {
    release: String,
    arch: String,
    version: String,
    /// Package → SHA-256 of its file.
    packages: BTreeMap<String, String>,
    /// Paths below the record's folder.
    image: PathBuf,
    modules: Option<PathBuf>,
    config: Option<PathBuf>,
    /// Of the image.
    sha256: String,
}

/// Which unpacked kernel a name stands for, and the image's stamp when it was last found whole.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    /// Below the cache's folder.
    folder: PathBuf,
    stamp: Stamp,
}

/// A kernel in the cache. One that is damaged is thrown away.
pub(super) fn cached(name: &str, wanted: &Package, cache: &Cache) -> Result<Option<Kernel>> {
    let memory = memory(wanted, cache)?;
    let Some(found) = cache.get::<Found>(&memory) else { return Ok(None) };
    let folder = cache.root().join(&found.folder);
    let Some(record) = cache.get::<Record>(&folder.join("record.json")) else { return Ok(None) };
    let image = folder.join(&record.image);
    let Ok(stamp) = Stamp::of(&image) else { return Ok(None) };
    if stamp != found.stamp {
        if sha256_of_file(&image)? != record.sha256 {
            fs::remove_dir_all(&folder).map_err(Error::io("delete", &folder))?;
            return Ok(None);
        }
        cache.put(&memory, &Found { folder: found.folder, stamp })?;
    }
    Ok(Some(record.kernel(name, &folder)))
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
    let stamp = Stamp::of(&folder.join(&record.image))?;
    cache.put(&memory(wanted, cache)?, &Found { folder: below, stamp })?;
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
    let shell =
        Shell::new().map_err(|error| Error::io("use", scratch.path())(std::io::Error::other(error)))?;
    let downloads = scratch.path().join("downloads");
    let title = title(stanzas);
    progress.step(&format!("fetching {} {}", title.package, title.version));
    let files = apt.download(stanzas, &downloads)?;
    progress.step(&format!("unpacking {}", title.package));
    for (Stanza { package, version, .. }, file) in stanzas.iter().zip(files) {
        let root = scratch.path();
        run(cmd!(shell, "dpkg-deb -x {file} {root}"), "dpkg-deb").map_err(|error| {
            let way_out = "ask who made the package for a whole one, or take another version";
            Error::unusable(format!("{package} {version}"), format!("is damaged: {error}"), way_out)
        })?;
    }
    for superfluous in [downloads, scratch.path().join("usr/share")] {
        if superfluous.exists() {
            fs::remove_dir_all(&superfluous).map_err(Error::io("delete", &superfluous))?;
        }
    }
    let image = image_in(scratch.path()).ok_or_else(|| {
        let way_out = "ask for a package that has one, like linux-image-cloud-amd64";
        Error::unusable(
            format!("{} {}", title.package, title.version),
            "has no kernel image (vmlinuz)",
            way_out,
        )
    })?;
    // A kernel that has all built in comes without.
    let has_modules =
        ["lib/modules", "usr/lib/modules"].iter().any(|below| scratch.path().join(below).is_dir());
    let kernel = local::file("", &image, has_modules.then(|| scratch.path()), cache)?;
    let below = |path: &Path| path.strip_prefix(scratch.path()).unwrap_or(path).to_path_buf();
    let record = Record {
        image: below(&kernel.image),
        modules: kernel.modules.as_deref().map(below).filter(|path| path.is_relative()),
        config: kernel.config.as_deref().map(below).filter(|path| path.is_relative()),
        release: kernel.release,
        arch: kernel.arch,
        version: title.version.clone(),
        packages: sums_of(stanzas),
        sha256: kernel.sha256,
    };
    if let Some(modules) = &record.modules {
        sums::write(&scratch.path().join(SUMS), &scratch.path().join(modules), cache)?;
    }
    cache.put(&scratch.path().join("record.json"), &record)?;
    scratch.publish(folder)?;
    Ok(record)
}

/// `boot/vmlinuz-RELEASE`, or `usr/lib/modules/RELEASE/vmlinuz` where modules and image are packages of their own.
fn image_in(root: &Path) -> Option<PathBuf> {
    let below = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"));
    let beside =
        ["usr/lib/modules", "lib/modules"].into_iter().flat_map(below).map(|folder| folder.join("vmlinuz"));
    below("boot").into_iter().find(named).or_else(|| beside.into_iter().find(|path| path.is_file()))
}

impl Record {
    fn kernel(self, name: &str, folder: &Path) -> Kernel {
        Kernel {
            name: name.to_owned(),
            release: self.release,
            arch: self.arch,
            image: folder.join(self.image),
            modules: self.modules.map(|path| folder.join(path)),
            config: self.config.map(|path| folder.join(path)),
            version: self.version,
            sha256: self.sha256,
            sums: Some(folder.join(SUMS)),
            settings: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with one unpacked kernel, whose image is `text`.
    fn cache_with(text: &str, wanted: &Package) -> (tempfile::TempDir, Cache, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let image = cache.folder("kernels/a_1").unwrap().join("vmlinuz");
        fs::write(&image, text).unwrap();
        let record = Record {
            release: "6.1-a".into(),
            arch: "x86_64".into(),
            version: "1".into(),
            packages: BTreeMap::new(),
            image: "vmlinuz".into(),
            modules: None,
            config: None,
            sha256: sha256_of(text.as_bytes()),
        };
        cache.put(&cache.root().join("kernels/a_1/record.json"), &record).unwrap();
        let found = Found { folder: "kernels/a_1".into(), stamp: Stamp::of(&image).unwrap() };
        cache.put(&memory(wanted, &cache).unwrap(), &found).unwrap();
        (root, cache, image)
    }

    fn wanted() -> Package {
        Package { name: Some("a".into()), suite: Some("s".into()) }
    }

    #[test]
    fn an_image_that_was_only_touched_is_kept() {
        let (_root, cache, image) = cache_with("kernel", &wanted());
        fs::write(&image, "kernel").unwrap();
        let kernel = cached("name", &wanted(), &cache).unwrap().unwrap();
        assert_eq!((kernel.name.as_str(), kernel.release.as_str(), kernel.image), ("name", "6.1-a", image));
    }

    #[rstest::rstest]
    #[case("kerne")]
    #[case("kernal")]
    fn a_damaged_image_is_thrown_away(#[case] damaged: &str) {
        let (_root, cache, image) = cache_with("kernel", &wanted());
        fs::write(&image, damaged).unwrap();
        assert!(cached("name", &wanted(), &cache).unwrap().is_none());
        assert!(!image.exists());
    }
}
