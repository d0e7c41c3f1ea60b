//! `kernels.lock`: the packages that the names of kernels stood for, so that a run can be repeated with exactly these. It
//! tells nothing of where they were fetched from.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::apt::{Stanza, architecture};
use super::spec::{Spec, is_word};
use super::{Kernel, package};
use crate::program;
use crate::text::Shown;
use crate::{Cache, Error, Progress, Result};
use sys::input;

/// The version of the format; it changes when a reader of the old one would misread the new one.
const VERSION: u32 = 1;
const HEAD: &str =
    "# Written by `cargo xtask kernels lock`. With --locked exactly these packages are used.\n\n";

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    path: PathBuf,
    kernels: Vec<Locked>,
}

/// The file as it is read, with the place of each kernel in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    version: Spanned<u32>,
    #[serde(default)]
    kernel: Vec<Spanned<Locked>>,
}

/// The file as it is written.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    kernel: &'a [Locked],
}

/// A kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Locked {
    /// As it is asked for: `debian-6.12`.
    name: String,
    /// As packages name it: `amd64`.
    arch: String,
    /// Where apt looks; the machine's own sources if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<String>,
    /// All that the kernel consists of.
    package: Vec<Package>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Package {
    name: String,
    version: String,
    sha256: String,
}

impl Lock {
    /// The lock file of a folder: there, or in the nearest folder above that has one.
    pub fn place(folder: &Path) -> PathBuf {
        const NAME: &str = "kernels.lock";
        let above = folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
        above.unwrap_or_else(|| folder.join(NAME))
    }

    /// Reads a lock file; one that is not there has nothing in it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = match input::read_text(path, input::TEXT) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_path_buf(), kernels: Vec::new() });
            }
            // No file, too large, no text: what a lock never is.
            Err(error) if matches!(error.kind(), ErrorKind::Other | ErrorKind::InvalidData) => {
                return Err(Error::BrokenLock {
                    path: path.to_path_buf(),
                    line: 1,
                    reason: error.to_string(),
                });
            }
            other => other.map_err(Error::io("read", path))?,
        };
        let broken = |span: Range<usize>, reason: String| {
            let line = 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
            Error::BrokenLock { path: path.to_path_buf(), line, reason }
        };
        let File { version, kernel } = toml::from_str(&text).map_err(|error| {
            broken(error.span().unwrap_or(0..0), format!("this is no lock: {}", error.message()))
        })?;
        if *version.get_ref() != VERSION {
            let reason = format!("it is of version {}, and {VERSION} is what can be read", version.get_ref());
            return Err(broken(version.span(), reason));
        }
        let flaw = kernel.iter().enumerate().find_map(|(index, locked)| {
            let of =
                |locked: &Spanned<Locked>| (locked.get_ref().name.clone(), locked.get_ref().arch.clone());
            let is_twice = kernel[..index].iter().any(|earlier| of(earlier) == of(locked));
            let twice =
                || format!("{:?} is there twice for {}", locked.get_ref().name, locked.get_ref().arch);
            Some((locked.span(), locked.get_ref().flaw().or_else(|| is_twice.then(twice))?))
        });
        match flaw {
            Some((span, flaw)) => Err(broken(span, flaw)),
            None => Ok(Self {
                path: path.to_path_buf(),
                kernels: kernel.into_iter().map(Spanned::into_inner).collect(),
            }),
        }
    }

    /// Writes the file, sorted: what did not change does not move.
    pub fn write(&self) -> Result<()> {
        let file = Written { version: VERSION, kernel: &self.kernels };
        let text = toml::to_string(&file).expect("a lock is plain data");
        fs::write(&self.path, format!("{HEAD}{text}")).map_err(Error::io("write", &self.path))
    }

    /// Where it is read and written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kernels that are locked for this machine's architecture.
    pub fn names(&self) -> Vec<String> {
        let here = self.kernels.iter().filter(|kernel| kernel.arch == architecture());
        here.map(|kernel| kernel.name.clone()).collect()
    }

    /// Locks what a kernel's name stands for now. Only the index is fetched. The title and version of its image's package.
    ///
    /// # Errors
    /// Also a kernel that is no package.
    pub fn renew(&mut self, spec: &str, cache: &Cache, progress: &dyn Progress) -> Result<String> {
        let Spec::Package(wanted) = Spec::parse(spec)? else {
            return Err(Error::NotLockable { spec: spec.to_owned() });
        };
        let stanzas = package::newest(&wanted, cache, progress)?;
        let title = package::title(&stanzas);
        let title = format!("{} {}", title.package, title.version);
        let package = stanzas.into_iter().map(Package::from).collect();
        let locked =
            Locked { name: spec.to_owned(), arch: architecture().to_owned(), suite: wanted.suite, package };
        self.kernels.retain(|kernel| (&kernel.name, &kernel.arch) != (&locked.name, &locked.arch));
        self.kernels.push(locked);
        self.kernels.sort_by(|a, b| (&a.name, &a.arch).cmp(&(&b.name, &b.arch)));
        Ok(title)
    }

    /// The kernel of exactly the packages that are locked.
    pub(super) fn resolve(&self, spec: &str, cache: &Cache, progress: &dyn Progress) -> Result<Kernel> {
        let locked = self.kernels.iter().find(|kernel| kernel.name == spec && kernel.arch == architecture());
        let renew = format!("`{} kernels lock {spec}`", program::name());
        let Some(Locked { suite, package, .. }) = locked else {
            let reason = if self.path.exists() {
                format!("has no kernel {spec} for {}", architecture())
            } else {
                "is not there, and --locked takes what it names".to_owned()
            };
            return Err(Error::unusable(&self.path, reason, format!("add the kernel with {renew}")));
        };
        let stanzas: Vec<Stanza> = package.iter().cloned().map(Stanza::from).collect();
        package::exactly(spec, &stanzas, suite.as_deref(), cache, progress).map_err(|error| match error {
            Error::Command { .. } => {
                let (Stanza { package, version, .. }, said) = (package::title(&stanzas), error.for_others());
                let reason = format!("locks {package} {version}, which is not to be had: {said}");
                Error::unusable(&self.path, reason, format!("lock what there is now with {renew}"))
            }
            Error::Unusable { path, reason, .. } => {
                let reason = format!("locks {}, which cannot be used: {reason}", Shown(&path));
                let way_out =
                    format!("fetch it again; if it stays so, lock what there is now with {renew}, or ask who runs the mirror");
                Error::unusable(&self.path, reason, way_out)
            }
            other => other,
        })
    }
}

impl Locked {
    /// What is not as `renew` writes it: the file may come from anywhere, and its words end in apt's command line.
    fn flaw(&self) -> Option<String> {
        let Self { name, suite, package, .. } = self;
        if package.is_empty() {
            return Some(format!("there is no package for {name:?}"));
        }
        if let Some(suite) = suite.as_ref().filter(|suite| !is_word(suite)) {
            return Some(format!("{name:?} has the suite {suite:?}, which cannot be one"));
        }
        let flaw = package.iter().find_map(Package::flaw)?;
        Some(format!("{name:?} has {flaw}, which cannot be one"))
    }
}

impl Package {
    /// What cannot be what it is called.
    fn flaw(&self) -> Option<String> {
        let Self { name, version, sha256 } = self;
        let is_sum = sha256.len() == 64 && sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if !is_word(name) {
            Some(format!("the package {name:?}"))
        } else if !is_word(version) {
            Some(format!("the version {version:?} of {name}"))
        } else if !is_sum {
            Some(format!("the SHA-256 {sha256:?} of {name}"))
        } else {
            None
        }
    }
}

impl From<Stanza> for Package {
    fn from(Stanza { package, version, sha256, .. }: Stanza) -> Self {
        Package { name: package, version, sha256 }
    }
}

impl From<Package> for Stanza {
    fn from(Package { name, version, sha256 }: Package) -> Self {
        Stanza { package: name, version, sha256, depends: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(folder: &Path) -> Lock {
        let package = Package { name: "linux-image-a".into(), version: "1".into(), sha256: "ab".repeat(32) };
        let kernel = Locked {
            name: "k".into(),
            arch: architecture().into(),
            suite: Some("sid".into()),
            package: vec![package],
        };
        Lock { path: folder.join("kernels.lock"), kernels: vec![kernel] }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock(folder.path());
        lock.write().unwrap();
        assert_eq!(Lock::read(lock.path()).unwrap(), lock);
        assert_eq!(lock.names(), ["k"]);
        let below = folder.path().join("a/b");
        assert_eq!(Lock::place(&below), lock.path());
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernels.lock");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let refused = Lock::read(&path).unwrap_err().to_string();
        assert!(
            refused.contains("kernels.lock:1: it is a FIFO, not a regular file; restore it"),
            "{refused}"
        );
    }

    #[rstest::rstest]
    #[case("version = 2\n", ":1: it is of version 2")]
    #[case("version = 1\n\ngarbage", ":3: this is no lock: ")]
    #[case("version = 1\nkernels = []\n", ":2: this is no lock: unknown field `kernels`")]
    #[case(
        "version = 1\n[[kernel]]\nname = \"k\"\narch = \"a\"\npackage = []\n",
        ":2: there is no package for \"k\""
    )]
    fn damaged(#[case] text: &str, #[case] reason: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernels.lock");
        fs::write(&path, text).unwrap();
        let error = Lock::read(&path).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("cargo xtask kernels lock"), "{error}");
    }

    #[rstest::rstest]
    #[case(|it: &mut Locked| it.suite = Some("sid -o".into()), "the suite \"sid -o\"")]
    #[case(|it: &mut Locked| it.suite = Some("../own".into()), "the suite \"../own\"")]
    #[case(|it: &mut Locked| it.package[0].name = "--option=x".into(), "the package \"--option=x\"")]
    #[case(|it: &mut Locked| it.package[0].name = String::new(), "the package \"\"")]
    #[case(|it: &mut Locked| it.package[0].version = "1/../2".into(), "the version \"1/../2\" of linux-image-a")]
    #[case(|it: &mut Locked| it.package[0].sha256 = "ab".into(), "the SHA-256 \"ab\" of linux-image-a")]
    #[case(|it: &mut Locked| it.package[0].sha256 = "\u{e4}".repeat(32), "of linux-image-a")]
    fn words_that_would_be_more_than_words(#[case] change: fn(&mut Locked), #[case] flaw: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = lock(folder.path());
        change(&mut lock.kernels[0]);
        lock.write().unwrap();
        let error = Lock::read(lock.path()).unwrap_err().to_string();
        let told = [flaw, "kernels.lock:", "\"k\" has ", "cargo xtask kernels lock"];
        assert!(told.iter().all(|word| error.contains(word)), "{error}");
    }

    #[test]
    fn a_kernel_that_is_there_twice_is_neither() {
        let folder = tempfile::tempdir().unwrap();
        let mut lock = lock(folder.path());
        let mut other = lock.kernels[0].clone();
        other.arch = "other".into();
        lock.kernels.push(other);
        lock.write().unwrap();
        assert_eq!(Lock::read(lock.path()).unwrap(), lock);
        lock.kernels.push(lock.kernels[0].clone());
        lock.write().unwrap();
        let error = Lock::read(lock.path()).unwrap_err().to_string();
        assert!(error.contains("\"k\" is there twice for"), "{error}");
    }

    #[test]
    fn a_lock_that_is_not_there_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::read(&folder.path().join("kernels.lock")).unwrap();
        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        let error = lock.resolve("k", &cache, &crate::Silent).unwrap_err().to_string();
        assert!(error.contains("kernels.lock: is not there") && error.contains("kernels lock k"), "{error}");
    }

    #[test]
    fn a_kernel_of_another_architecture_is_not_locked() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let mut lock = lock(folder.path());
        lock.kernels[0].arch = "other".into();
        lock.write().unwrap();
        let error = lock.resolve("k", &cache, &crate::Silent).unwrap_err().to_string();
        assert!(error.contains("has no kernel k") && error.contains("kernels lock k"), "{error}");
    }
}
