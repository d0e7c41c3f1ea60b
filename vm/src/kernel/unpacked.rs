//! A kernel that was unpacked into the cache: what it is, and whether it is still what was unpacked. Every file of it that is
//! looked at has its checksum: the modules when they are packed for a guest, all else whenever the kernel is used.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::{Kernel, file, folder, sums};
use crate::cache::Scratch;
use crate::{Cache, Error, Result};

/// Checksums of the modules, beside the record.
const SUMS: &str = "modules.json";
const RECORD: &str = "record.json";
/// Files among the modules that say what there is. modprobe(8)
const LISTS: [&str; 2] = ["modules.order", "modules.builtin"];

/// What an unpacked kernel is, kept beside it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Record {
    pub(super) release: String,
    pub(super) arch: String,
    pub(super) version: String,
    /// Package → SHA-256 of its file.
    pub(super) packages: BTreeMap<String, String>,
    /// Paths below the record's folder.
    pub(super) image: PathBuf,
    pub(super) modules: Option<PathBuf>,
    pub(super) config: Option<PathBuf>,
    /// Of the image.
    pub(super) sha256: String,
    /// File → SHA-256, of all that is looked at but the modules. Records of versions before 0.2 have none: what is there is
    /// taken for what was unpacked.
    #[serde(default)]
    pub(super) files: BTreeMap<PathBuf, String>,
}

/// What packages are called, and which they are.
pub(super) struct Title<'a> {
    /// For errors: `linux-image-6.1.0-9-amd64 6.1.27-1`, or a path.
    pub(super) name: String,
    pub(super) version: &'a str,
    pub(super) packages: BTreeMap<String, String>,
}

/// Finds the kernel in what was unpacked, writes its record, and moves it into its place.
pub(super) fn publish(scratch: Scratch, place: &Path, title: Title<'_>, cache: &Cache) -> Result<Record> {
    let root = scratch.path();
    let image = folder::image(root)?.ok_or_else(|| {
        let way_out = "ask for a package that has one, like linux-image-cloud-amd64; where image and modules are packages of \
                       their own, unpack both into one folder, and give that";
        Error::unusable(&title.name, "has no kernel image (vmlinuz)", way_out)
    })?;
    // A kernel that has all built in comes without.
    let has_modules = ["lib/modules", "usr/lib/modules"].iter().any(|below| root.join(below).is_dir());
    let kernel = file::file("", &image, has_modules.then_some(root), cache)?;
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_path_buf();
    let mut record = Record {
        image: below(&kernel.image),
        modules: kernel.modules.as_deref().map(below).filter(|path| path.is_relative()),
        config: kernel.config.as_deref().map(below).filter(|path| path.is_relative()),
        release: kernel.release,
        arch: kernel.arch,
        version: title.version.to_owned(),
        packages: title.packages,
        sha256: kernel.sha256,
        files: BTreeMap::new(),
    };
    if let Some(modules) = &record.modules {
        sums::write(&root.join(SUMS), &root.join(modules), cache)?;
    }
    record.files = record.sums(root, cache)?;
    cache.put(&root.join(RECORD), &record)?;
    scratch.publish(place)?;
    Ok(record)
}

impl Record {
    /// The record of a folder, if all that it tells of is there and whole. What is damaged is deleted: it is fetched anew.
    pub(super) fn open(folder: &Path, cache: &Cache) -> Result<Option<Self>> {
        if !folder.exists() {
            return Ok(None);
        }
        let record = cache.get::<Record>(&folder.join(RECORD));
        if let Some(mut record) = record
            && record.image_is_whole(folder, cache)
        {
            if record.files.is_empty() {
                record.files = record.sums(folder, cache)?;
                cache.put(&folder.join(RECORD), &record)?;
            }
            if record.is_whole(folder, cache) {
                return Ok(Some(record));
            }
        }
        fs::remove_dir_all(folder).map_err(Error::io("delete", folder))?;
        Ok(None)
    }

    /// What cannot be read is not whole.
    fn is_whole(&self, folder: &Path, cache: &Cache) -> bool {
        let same =
            |(path, sum): (&PathBuf, &String)| cache.sha256(&folder.join(path)).is_ok_and(|is| is == *sum);
        self.files.iter().all(same)
    }

    fn image_is_whole(&self, folder: &Path, cache: &Cache) -> bool {
        cache.sha256(&folder.join(&self.image)).is_ok_and(|is| is == self.sha256)
    }

    /// Checksums of all that is looked at but the modules.
    fn sums(&self, folder: &Path, cache: &Cache) -> Result<BTreeMap<PathBuf, String>> {
        let lists = self.modules.iter().flat_map(|modules| LISTS.map(|list| modules.join(list)));
        let files = [self.image.clone(), SUMS.into()].into_iter().chain(self.config.clone()).chain(lists);
        let there = files.filter(|path| folder.join(path).is_file());
        there.map(|path| Ok((path.clone(), cache.sha256(&folder.join(path))?))).collect()
    }

    pub(super) fn kernel(self, name: &str, folder: &Path) -> Kernel {
        Kernel {
            name: name.to_owned(),
            release: self.release,
            arch: self.arch,
            image: folder.join(self.image),
            modules: self.modules.map(|path| folder.join(path)),
            config: self.config.map(|path| folder.join(path)),
            version: self.version,
            sha256: self.sha256,
            unpacked: Some(folder.to_path_buf()),
            settings: OnceLock::new(),
        }
    }
}

/// Where the checksums of an unpacked kernel's modules are.
pub(crate) fn sums_in(folder: &Path) -> PathBuf {
    folder.join(SUMS)
}
