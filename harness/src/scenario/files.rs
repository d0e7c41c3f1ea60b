//! Which files are meant.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, nearest};
use sys::input;

/// A scenario file that the filters chose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The path as messages show it.
    pub(super) shown: String,
}

/// The chosen files, by name, each once.
pub(super) fn choose(root: &Path, filters: &[String]) -> Result<Vec<Chosen>, Vec<Diagnostic>> {
    let all = below(root, root).map_err(|problem| vec![problem])?;
    let mut chosen = Vec::new();
    let mut problems = Vec::new();
    if filters.is_empty() {
        chosen.clone_from(&all);
    }
    for filter in filters {
        match matching(root, &all, filter) {
            Ok(files) => chosen.extend(files),
            Err(problem) => problems.push(problem),
        }
    }
    chosen.sort();
    let mut seen = BTreeSet::new();
    chosen.retain(|file| seen.insert(absolute(&file.path)));
    problems.extend(namesakes(&chosen));
    if problems.is_empty() { Ok(chosen) } else { Err(problems) }
}

/// Results are told by name: of two that have the same, one would hide the other.
fn namesakes(chosen: &[Chosen]) -> impl Iterator<Item = Diagnostic> {
    chosen.windows(2).filter(|pair| pair[0].name == pair[1].name).map(|pair| {
        let message =
            format!("two scenarios are called `{}`: {} and {}", pair[0].name, pair[0].shown, pair[1].shown);
        Diagnostic::new(message, "rename one of the files, or choose one of them")
    })
}

/// A text with a `/` or `.toml` that names something on the disk is a path; any other is a part of a name.
fn matching(root: &Path, all: &[Chosen], filter: &str) -> Result<Vec<Chosen>, Diagnostic> {
    if filter.is_empty() {
        return Err(nothing(filter, all));
    }
    let path = Path::new(filter);
    let is_path = filter.contains('/') || filter.ends_with(".toml") || same_file(path, root);
    if is_path && path.is_dir() {
        return below(root, path);
    }
    if is_path && path.exists() {
        return Ok(vec![chosen(root, path.parent().unwrap_or(path), path.to_path_buf())?]);
    }
    let part = filter.trim_end_matches(".toml").trim_matches('/');
    let part = part.strip_prefix("scenarios/").unwrap_or(part);
    let choose = |fits: &dyn Fn(&str) -> bool| -> Vec<_> {
        all.iter().filter(|file| fits(&file.name)).cloned().collect()
    };
    // Whole words first: `uts` is the folder, and not a part of `mount/outside-stays-outside`.
    let whole = choose(&|name| format!("/{name}/").contains(&format!("/{part}/")));
    let found = if whole.is_empty() { choose(&|name| name.contains(part)) } else { whole };
    if found.is_empty() { Err(nothing(filter, all)) } else { Ok(found) }
}

fn nothing(filter: &str, all: &[Chosen]) -> Diagnostic {
    // A path, and no part of a name.
    if filter.starts_with(['/', '.']) {
        let help = "give the path of a scenario file or folder, or a part of a scenario's name".to_owned();
        return Diagnostic::new(format!("there is no file or folder `{filter}`"), help);
    }
    let names: Vec<&str> = all.iter().flat_map(|file| [file.name.as_str(), last(&file.name)]).collect();
    let help = match nearest(filter, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let mut folders: Vec<&str> = all.iter().map(|file| folder(&file.name)).collect();
            folders.dedup();
            format!(
                "a filter is a file, a folder, or a part of a name; the folders are: {}",
                folders.join(", ")
            )
        }
    };
    Diagnostic::new(format!("no scenario matches `{filter}`"), help)
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn folder(name: &str) -> &str {
    name.split_once('/').map_or(name, |(folder, _)| folder)
}

/// Every scenario file below a folder, sorted; there must be one.
fn below(root: &Path, folder: &Path) -> Result<Vec<Chosen>, Diagnostic> {
    let mut paths = Vec::new();
    walk(folder, &mut BTreeSet::new(), &mut paths).map_err(|error| {
        let help = "give the folder that holds the scenario files";
        Diagnostic::new(format!("cannot read the folder {}: {error}", folder.display()), help)
    })?;
    if paths.is_empty() {
        let message = format!("there is no scenario in {}", folder.display());
        return Err(Diagnostic::new(
            message,
            "a scenario is a file that ends in .toml; scenarios/README.md tells how",
        ));
    }
    let mut files =
        paths.into_iter().map(|path| chosen(root, folder, path)).collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

/// A symbolic link may lead to where it was already: each folder is entered once.
fn walk(folder: &Path, entered: &mut BTreeSet<PathBuf>, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !entered.insert(absolute(folder)) {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, entered, found)?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            found.push(path);
        }
    }
    Ok(())
}

/// `folder` is what was chosen, or the folder of the file that was.
fn chosen(root: &Path, folder: &Path, path: PathBuf) -> Result<Chosen, Diagnostic> {
    let full = absolute(&path);
    // What is elsewhere is called by where it is below what was chosen.
    let inside = full.strip_prefix(absolute(root)).or_else(|_| path.strip_prefix(folder));
    let name = inside.unwrap_or(&path).with_extension("").to_string_lossy().into_owned();
    let current = std::env::current_dir().unwrap_or_default();
    let shown = full.strip_prefix(current).unwrap_or(&path).display().to_string();
    if last(&name).starts_with('.') {
        let help = "a scenario is called as its file, and leaves a folder of that name: begin it with a letter or a number";
        return Err(Diagnostic::new(format!("{shown} is no name for a scenario's file"), help));
    }
    Ok(Chosen { name, path, shown })
}

/// Without symbolic links where it exists, so that two ways to one file are one.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn same_file(a: &Path, b: &Path) -> bool {
    a.exists() && absolute(a) == absolute(b)
}

/// The file's text.
pub(super) fn text(file: &Chosen) -> Result<Arc<str>, Diagnostic> {
    let bytes = input::read(&file.path, input::TEXT).map_err(|error| {
        let help = "a scenario is a readable file of at most 1 MiB; link or copy one here, or remove this";
        Diagnostic::new(format!("cannot read {}: {error}", file.shown), help)
    })?;
    String::from_utf8(bytes).map(Arc::from).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        let message = format!("{}:{line}:{column}: this byte is not UTF-8", file.shown);
        Diagnostic::new(message, "save the file as UTF-8, as TOML demands")
    })
}
