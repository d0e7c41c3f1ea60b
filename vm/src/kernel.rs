//! Kernels: how they are named, and what is known of them.

mod apt;
mod archive;
mod catalogue;
mod distribution;
mod embedded;
mod file;
mod folder;
mod image;
mod local;
mod lock;
mod package;
mod settings;
mod spec;
mod sums;
mod unpacked;
mod vmlinux;

use std::path::PathBuf;
use std::sync::OnceLock;

pub use catalogue::{Named, catalogue, names};
pub use lock::Lock;
pub use settings::{Setting, Settings};
pub(crate) use sums::Sums;
pub(crate) use unpacked::sums_in;

use crate::{Cache, Error, Progress, Result, Silent};
use spec::Spec;

/// A kernel that can be booted.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// As it was asked for: `distro`, `debian-6.12`, `/src/linux`.
    pub name: String,
    /// As `uname -r` tells it: `6.1.0-56-cloud-amd64`.
    pub release: String,
    /// As `uname -m` tells it: `x86_64`.
    pub arch: String,
    /// The boot image.
    pub image: PathBuf,
    /// The folder with its modules: `…/lib/modules/RELEASE`, or a built tree.
    pub modules: Option<PathBuf>,
    /// Its configuration file.
    pub config: Option<PathBuf>,
    /// The package's version, or the banner in the image.
    pub version: String,
    /// SHA-256 of the image in hexadecimal.
    pub sha256: String,
    /// The folder of the cache that it was unpacked into, if it was.
    pub(crate) unpacked: Option<PathBuf>,
    settings: OnceLock<Option<Settings>>,
}

impl Kernel {
    /// A boot image of which nothing else is known.
    pub fn of_image(image: impl Into<PathBuf>) -> Self {
        Self {
            name: String::new(),
            release: String::new(),
            arch: std::env::consts::ARCH.to_owned(),
            image: image.into(),
            modules: None,
            config: None,
            version: String::new(),
            sha256: String::new(),
            unpacked: None,
            settings: OnceLock::new(),
        }
    }

    /// What the kernel's configuration says of an option (`CONFIG_VETH`). `None`: there is no configuration to look in.
    pub fn config(&self, option: &str) -> Option<Setting> {
        let settings = self.settings.get_or_init(|| Settings::read(self.config.as_deref()?).ok());
        Some(settings.as_ref()?.get(option))
    }
}

/// Finds a kernel, and fetches it if it is in no cache yet. What is cached is used without a look at the network.
///
/// `spec` is one of
/// - `distro`: the cloud or virtual kernel of the distribution that this machine runs;
/// - a name of `kernels.toml`;
/// - `apt:PACKAGE` or `apt:PACKAGE@SUITE`: a package of the machine's own apt sources;
/// - `host`: the kernel that this machine runs;
/// - a path: a bzImage or a vmlinux (`PATH` or `PATH:MODULES`), a built kernel tree, a folder that a kernel was installed or
///   unpacked into, or a package (`.deb`, `.rpm`).
pub fn resolve(spec: &str, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
    match Spec::parse(spec)? {
        Spec::Package(wanted) => package::resolve(spec, &wanted, cache, progress),
        Spec::Host => local::host(spec, cache),
        Spec::Path { path, modules } => local::path(spec, &path, modules.as_deref(), cache),
    }
}

/// Like [`resolve`], but a package is exactly the one that was locked. What is no package cannot be locked, and is taken as
/// it is.
///
/// # Errors
/// Also a package that is not locked, that is not to be had any more, or whose checksum is another.
pub fn resolve_locked(spec: &str, lock: &Lock, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
    match Spec::parse(spec)? {
        Spec::Package(_) => lock.resolve(spec, cache, progress),
        Spec::Host | Spec::Path { .. } => resolve(spec, cache, progress),
    }
}

/// Whether the words name a kernel that there could be; looks at no network.
///
/// # Errors
/// An unknown name, or a path of nothing.
pub fn check(spec: &str) -> Result<()> {
    match Spec::parse(spec)? {
        Spec::Path { path, modules } => {
            local::given(&path)?;
            modules.map_or(Ok(()), |path| path.canonicalize().map(drop).map_err(Error::io("find", path)))
        }
        Spec::Package(_) | Spec::Host => Ok(()),
    }
}

/// The kernel of this name, if nothing has to be fetched for it.
pub fn find(spec: &str, cache: &Cache) -> Result<Option<Kernel>> {
    match Spec::parse(spec)? {
        Spec::Package(wanted) => package::cached(spec, &wanted, cache),
        Spec::Host | Spec::Path { .. } => resolve(spec, cache, &Silent).map(Some),
    }
}

/// Like [`resolve`], but asks the package source again, so that a newer version is found.
pub fn fetch(spec: &str, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
    match Spec::parse(spec)? {
        Spec::Package(wanted) => package::fetch(spec, &wanted, cache, progress),
        Spec::Host | Spec::Path { .. } => resolve(spec, cache, progress),
    }
}
