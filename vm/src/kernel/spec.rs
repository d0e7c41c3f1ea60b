//! The words by which a kernel is asked for.

use std::path::{Path, PathBuf};

use super::catalogue;
use crate::{Error, Result};

/// A kernel as asked for, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spec {
    Package(Package),
    Host,
    Path { path: PathBuf, modules: Option<PathBuf> },
}

/// A package to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    /// `None`: the distribution's own choice.
    pub(super) name: Option<String>,
    /// `None`: what the machine's sources have.
    pub(super) suite: Option<String>,
}

impl Spec {
    pub(super) fn parse(spec: &str) -> Result<Self> {
        if spec == "distro" {
            return Ok(Self::Package(Package { name: None, suite: None }));
        }
        if spec == "host" {
            return Ok(Self::Host);
        }
        if let Some(package) = spec.strip_prefix("apt:") {
            return Ok(Self::Package(Package::parse(spec, package)?));
        }
        if let Some(named) = catalogue::find(spec) {
            return Ok(Self::Package(Package { name: Some(named.package), suite: Some(named.suite) }));
        }
        path(spec).ok_or_else(|| unknown(spec))
    }
}

impl Package {
    /// `NAME` or `NAME@SUITE`.
    fn parse(spec: &str, text: &str) -> Result<Self> {
        let (name, suite) = match text.split_once('@') {
            Some((name, suite)) => (name, Some(suite)),
            None => (text, None),
        };
        if !is_word(name) || !suite.is_none_or(is_word) {
            return Err(Error::UnknownKernel {
                spec: spec.to_owned(),
                known: "after \"apt:\" comes PACKAGE or PACKAGE@SUITE".to_owned(),
            });
        }
        Ok(Self { name: Some(name.to_owned()), suite: suite.map(str::to_owned) })
    }
}

/// Whether this may be a package's name, its version, or a suite. Strict, because they end in a command line and in paths.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:~".contains(c))
}

fn path(spec: &str) -> Option<Spec> {
    if Path::new(spec).exists() {
        return Some(Spec::Path { path: spec.into(), modules: None });
    }
    if let Some((path, modules)) = spec.split_once(':')
        && Path::new(path).exists()
    {
        return Some(Spec::Path { path: path.into(), modules: Some(modules.into()) });
    }
    // A path that is not there is told as such, when it is opened.
    spec.contains('/').then(|| Spec::Path { path: spec.into(), modules: None })
}

fn unknown(spec: &str) -> Error {
    let names = catalogue::names();
    let near = nearest(spec, &names).map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    Error::UnknownKernel {
        spec: spec.to_owned(),
        known: format!(
            "{near}known are {}, apt:PACKAGE[@SUITE], host, and the path of a bzImage or vmlinux, of a .deb or .rpm, or of the folder of a kernel that was built, \
             installed or unpacked",
            names.join(", ")
        ),
    }
}

/// The name that somebody may have meant: a third of it may be wrong.
fn nearest<'a>(spec: &str, names: &'a [String]) -> Option<&'a String> {
    let distance = |name: &&String| strsim::damerau_levenshtein(spec, name);
    let near = names.iter().min_by_key(distance)?;
    (distance(&near) <= near.len() / 3).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: Option<&str>, suite: Option<&str>) -> Spec {
        Spec::Package(Package { name: name.map(str::to_owned), suite: suite.map(str::to_owned) })
    }

    #[rstest::rstest]
    #[case("distro", package(None, None))]
    #[case("host", Spec::Host)]
    #[case("apt:linux-image-amd64", package(Some("linux-image-amd64"), None))]
    #[case("apt:linux-image-amd64@sid", package(Some("linux-image-amd64"), Some("sid")))]
    #[case("/etc/passwd", Spec::Path { path: "/etc/passwd".into(), modules: None })]
    #[case("/etc/passwd:/lib", Spec::Path { path: "/etc/passwd".into(), modules: Some("/lib".into()) })]
    #[case("/no/such/file", Spec::Path { path: "/no/such/file".into(), modules: None })]
    fn words(#[case] spec: &str, #[case] expected: Spec) {
        assert_eq!(Spec::parse(spec).unwrap(), expected);
    }

    #[rstest::rstest]
    #[case("debian6.12", "did you mean debian-6.12?")]
    #[case("distrib", "did you mean distro?")]
    #[case("fedora-42", "\": known are distro, host, debian-5.10,")]
    fn unknown_names(#[case] spec: &str, #[case] words: &str) {
        let error = Spec::parse(spec).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }

    #[rstest::rstest]
    #[case("apt:")]
    #[case("apt:--help")]
    #[case("apt:a@-o")]
    #[case("apt:a b")]
    #[case("debian-99")]
    fn refused(#[case] spec: &str) {
        let error = Spec::parse(spec).unwrap_err().to_string();
        assert!(
            error.contains(spec) && error.contains("apt:PACKAGE") || error.contains("PACKAGE@SUITE"),
            "{error}"
        );
    }
}
