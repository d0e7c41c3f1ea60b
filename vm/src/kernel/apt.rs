//! Packages through apt, with an apt root of our own: the machine's sources and keys are read, nothing of its state is
//! touched, no privilege is needed. apt itself checks the signatures.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::sha256_of_file;
use crate::process::in_path;
use crate::{Cache, Error, Progress, Result, Tool};

/// Indices and packages have some ten megabytes each.
const FETCH: Duration = Duration::from_secs(20 * 60);
/// What is on this machine's own disk.
const LOOK_UP: Duration = Duration::from_secs(2 * 60);

/// This machine's architecture, as packages name it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A private apt root: one for the machine's own sources, one for each other suite.
pub(super) struct Apt {
    folder: PathBuf,
    options: Vec<String>,
}

/// File → SHA-256, of each index.
type Lists = BTreeMap<String, String>;

/// What the index tells of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stanza {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) depends: String,
    pub(super) sha256: String,
}

impl Apt {
    /// The root for a suite (`None`: the machine's own sources), its indices fetched once.
    pub(super) fn open(suite: Option<&str>, cache: &Cache, progress: &dyn Progress) -> Result<Self> {
        for program in ["apt-get", "apt-cache"] {
            if in_path(program).is_none() {
                let way_out =
                    "kernels are known by name where there is apt; give the path of one (--kernel PATH)";
                return Err(Error::Missing { program: program.into(), way_out: way_out.into() });
            }
        }
        let own = Self::at(cache.folder("apt/own")?, &[], cache)?;
        let Some(suite) = suite else {
            own.update_once(cache, progress)?;
            return Ok(own);
        };
        let folder = cache.folder("apt")?.join(suite);
        let list = folder.join("sources.list");
        if !list.exists() {
            own.update_once(cache, progress)?;
            cache.write(&list, own.sources_for(suite)?.as_bytes())?;
        }
        let apt = Self::at(
            folder,
            &[
                format!("Dir::Etc::sourcelist={}", list.display()),
                "Dir::Etc::sourceparts=-".to_owned(),
                // A suite that was asked for by name and cannot be had is an error, not a warning.
                "APT::Update::Error-Mode=any".to_owned(),
            ],
            cache,
        )?;
        apt.update_once(cache, progress)?;
        Ok(apt)
    }

    fn at(folder: PathBuf, more: &[String], cache: &Cache) -> Result<Self> {
        for below in ["state/lists/partial", "cache/archives/partial"] {
            let path = folder.join(below);
            fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
        }
        let mut options = vec![
            format!("Dir::State={}", folder.join("state").display()),
            format!("Dir::State::status={}", folder.join("state/status").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            // Container images switch these off, which makes every call read the whole index.
            "Dir::Cache::pkgcache=pkgcache.bin".to_owned(),
            "Dir::Cache::srcpkgcache=srcpkgcache.bin".to_owned(),
            "Dir::Log=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=3".to_owned(),
            "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled=false".to_owned(),
        ];
        for index in
            ["Contents-deb", "DEP-11", "DEP-11-icons-small", "DEP-11-icons", "DEP-11-icons-hidpi", "CNF"]
        {
            options.push(format!("Acquire::IndexTargets::deb::{index}::DefaultEnabled=false"));
        }
        if fs::metadata("/proc/self").is_ok_and(|data| data.uid() == 0) {
            // root's apt fetches as the user _apt, who cannot enter root's cache.
            options.push("APT::Sandbox::User=root".to_owned());
        }
        options.extend_from_slice(more);
        let options = options.into_iter().flat_map(|option| ["-o".to_owned(), option]).collect();
        cache.write(&folder.join("state/status"), b"")?;
        Ok(Self { folder, options })
    }

    /// Fetches the indices.
    pub(super) fn update(&self, cache: &Cache, progress: &dyn Progress) -> Result<()> {
        progress.step("fetching the package index");
        // What apt made of the indices may be damaged as well.
        self.forget(&["cache/pkgcache.bin", "cache/srcpkgcache.bin"])?;
        if !self.is_whole(cache) {
            self.forget(&["state/lists"])?;
        }
        let partial = self.folder.join("state/lists/partial");
        fs::create_dir_all(&partial).map_err(Error::io("create", partial))?;
        self.tool("apt-get", "apt-get update", FETCH).args(["update"]).output()?;
        cache.put(&self.record(), &self.lists(cache)?)
    }

    /// Whether the indices are those that were fetched. apt takes one that the mirror has not changed for whole.
    fn is_whole(&self, cache: &Cache) -> bool {
        let then: Option<Lists> = cache.get(&self.record());
        then.is_some_and(|then| self.lists(cache).is_ok_and(|now| now == then))
    }

    /// Deletes files and folders of this root.
    fn forget(&self, names: &[&str]) -> Result<()> {
        for path in names.iter().map(|below| self.folder.join(below)) {
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("delete", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn lists(&self, cache: &Cache) -> Result<Lists> {
        let folder = self.folder.join("state/lists");
        let entries = fs::read_dir(&folder).map_err(Error::io("read", &folder))?.flatten();
        // apt's own lock holds nothing.
        let files = entries.filter(|entry| entry.path().is_file() && entry.file_name() != "lock");
        files
            .map(|entry| Ok((entry.file_name().to_string_lossy().into_owned(), cache.sha256(&entry.path())?)))
            .collect()
    }

    /// What the index tells of a package, `NAME` or `NAME=VERSION`.
    pub(super) fn show(&self, package: &str) -> Result<Stanza> {
        let title = format!("apt-cache show {package}");
        let tool = self.tool("apt-cache", &title, LOOK_UP);
        match tool.args(["show", "--no-all-versions", package]).output() {
            Err(Error::Command { said, .. }) if said.contains("No packages found") => {
                Err(Error::UnknownKernel {
                    spec: format!("apt:{package}"),
                    known: "apt knows no such package; `apt-cache search linux-image` lists kernels".into(),
                })
            }
            other => other.map(|text| Stanza::parse(&text)),
        }
    }

    /// Fetches packages into a folder, and checks them. The files' paths, in the packages' order.
    pub(super) fn download(&self, stanzas: &[Stanza], folder: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let packages: Vec<_> =
            stanzas.iter().map(|Stanza { package, version, .. }| format!("{package}={version}")).collect();
        let title = format!("apt-get download {}", packages.join(" "));
        let tool = self.tool("apt-get", &title, FETCH).inside(folder);
        tool.args(["download"]).args(packages).output()?;
        let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
        let files = entries.map(|entry| Ok(entry.map_err(Error::io("read", folder))?.path()));
        let files = files.collect::<Result<Vec<_>>>()?;
        stanzas.iter().map(|stanza| stanza.file_among(&files)).collect()
    }

    /// A program of apt with this root's options. Where it writes there must be room: without, it never ends.
    fn tool(&self, program: &str, title: &str, limit: Duration) -> Tool {
        let tool = Tool::new(program, title, limit).args(&self.options).writes_to(&self.folder);
        tool.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive")
    }

    fn update_once(&self, cache: &Cache, progress: &dyn Progress) -> Result<()> {
        if self.is_whole(cache) { Ok(()) } else { self.update(cache, progress) }
    }

    /// Where the indices' checksums are kept, once they were fetched.
    fn record(&self) -> PathBuf {
        self.folder.join("lists.json")
    }

    /// A sources.list for another suite of the machine's own mirrors.
    fn sources_for(&self, suite: &str) -> Result<String> {
        let format = "$(CREATED_BY)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(SOURCESENTRY)";
        let tool = self.tool("apt-get", "apt-get indextargets", LOOK_UP);
        let text = tool.args(["indextargets", "--format", format]).output()?;
        let mirror = mirror_of(&text, suite).ok_or_else(|| Error::UnknownKernel {
            spec: suite.to_owned(),
            known: "this machine's apt sources name no mirror that could have this suite".to_owned(),
        })?;
        // "/etc/apt/sources.list:3"
        let file = mirror.entry.rsplit_once(':').map_or(mirror.entry, |(file, _)| file);
        let list = fs::read_to_string(file).map_err(Error::io("read", file))?;
        let key = key_in(&list).map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        Ok(format!("deb {key}{} {suite} {}\n", mirror.site, mirror.component))
    }
}

/// A mirror among the machine's own sources.
#[derive(Debug, PartialEq, Eq)]
struct Mirror<'a> {
    site: &'a str,
    component: &'a str,
    /// The file and line, or file and stanza, that names it.
    entry: &'a str,
}

/// The mirror that has `suite`, among those that `apt-get indextargets` prints. Security suites live at an address of
/// their own.
fn mirror_of<'a>(targets: &'a str, suite: &str) -> Option<Mirror<'a>> {
    let security = suite.ends_with("-security");
    targets.lines().find_map(|line| {
        let [kind, site, own, component, entry] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let alike = if security { own.ends_with("-security") } else { !own.contains('-') };
        (kind == "Packages" && component == "main" && alike).then_some(Mirror { site, component, entry })
    })
}

/// The keyring that a sources file names: `Signed-By: PATH`, or `[signed-by=PATH]`. Without one, apt has its own.
fn key_in(list: &str) -> Option<&str> {
    list.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| {
        let (_, key) = line.split_once("Signed-By:").or_else(|| line.split_once("signed-by="))?;
        let key = key.trim_start().split([' ', ']', ',']).next()?;
        key.starts_with('/').then_some(key)
    })
}

impl Stanza {
    /// The first stanza of a text.
    fn parse(text: &str) -> Self {
        let mut stanza = Self::default();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let Some((field, value)) = line.split_once(": ") else { continue };
            let slot = match field {
                "Package" => &mut stanza.package,
                "Version" => &mut stanza.version,
                "Depends" => &mut stanza.depends,
                "SHA256" => &mut stanza.sha256,
                _ => continue,
            };
            value.clone_into(slot);
        }
        stanza
    }

    /// The package's file, `NAME_VERSION_ARCH.deb`, if it is what was asked for.
    fn file_among(&self, files: &[PathBuf]) -> Result<PathBuf> {
        let Self { package, version, sha256, .. } = self;
        let title = format!("{package} {version}");
        let way_out = "fetch it again, and if it stays so, ask who runs the mirror";
        let begin = format!("{package}_");
        let named =
            |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&begin));
        let Some(file) = files.iter().find(named) else {
            return Err(Error::unusable(title, "apt-get left no file of it", way_out));
        };
        let is = sha256_of_file(file)?;
        if is != *sha256 {
            let reason = format!("its SHA-256 is {is}, and should be {sha256}");
            return Err(Error::unusable(title, reason, way_out));
        }
        Ok(file.clone())
    }

    /// The parts of a kernel that this package depends on, as `NAME` or `NAME=VERSION`.
    pub(super) fn kernel_parts(&self) -> Vec<String> {
        // linux-base-VERSION has the configuration, where image and modules are packages of their own.
        const PARTS: [&str; 4] = ["linux-image-", "linux-binary-", "linux-modules-", "linux-base-"];
        let part = |dependency: &str| {
            let first = dependency.split('|').next().unwrap_or_default().trim();
            let (name, version) = first.split_once(' ').unwrap_or((first, ""));
            if !PARTS.iter().any(|part| name.starts_with(part)) {
                return None;
            }
            let exact = version.strip_prefix("(= ").and_then(|version| version.strip_suffix(')'));
            Some(exact.map_or_else(|| name.to_owned(), |version| format!("{name}={version}")))
        };
        self.depends.split(',').filter_map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "Translations\tmirror:/debian\tbookworm\tmain\ta:1\n\
                           Packages\tmirror:/debian\tbookworm-updates\tmain\ta:1\n\
                           Packages\tmirror:/other\tnodistro\tcontrib\tc:1\n\
                           Packages\tmirror:/debian\tbookworm\tmain\ta:1\n\
                           Packages\tmirror:/security\tbookworm-security\tmain\tb:2\n";

    #[test]
    fn another_suite_of_the_same_mirrors() {
        let site = |suite| mirror_of(TARGETS, suite).map(|mirror| (mirror.site, mirror.entry));
        assert_eq!(site("sid"), Some(("mirror:/debian", "a:1")));
        assert_eq!(site("trixie-security"), Some(("mirror:/security", "b:2")));
        assert_eq!(mirror_of("", "sid"), None);
    }

    #[rstest::rstest]
    #[case("Types: deb\n# Signed-By: /x\nSigned-By: /k.gpg\n", Some("/k.gpg"))]
    #[case("deb [arch=amd64 signed-by=/k.gpg] mirror:/ sid main\n", Some("/k.gpg"))]
    #[case("deb [signed-by=/k.gpg,/l.gpg arch=amd64] mirror:/ sid main\n", Some("/k.gpg"))]
    #[case("deb mirror:/ sid main\n", None)]
    #[case("Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n", None)]
    fn keyrings(#[case] list: &str, #[case] key: Option<&str>) {
        assert_eq!(key_in(list), key);
    }

    #[test]
    fn parts_of_a_kernel() {
        let stanza = Stanza::parse(
            "Package: linux-image-7\nVersion: 7-1\nDepends: linux-base (>= 4), linux-base-7, linux-binary-7 (= 7-1), \
             linux-modules-7 (= 7-1) | x, kmod\nSHA256: ab\n\nPackage: other\nVersion: 2\n",
        );
        assert_eq!((&*stanza.package, &*stanza.version, &*stanza.sha256), ("linux-image-7", "7-1", "ab"));
        assert_eq!(stanza.kernel_parts(), ["linux-base-7", "linux-binary-7=7-1", "linux-modules-7=7-1"]);
    }
}
