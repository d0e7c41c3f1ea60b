//! Modules of a crate depend on each other in one direction: what is below `a` may use what is below `b`, or the other way round.
//!
//! `cargo modules dependencies --acyclic` takes a type and its methods for a circle, and is as large as a compiler. Here the
//! source is parsed, and each path in it is followed to a module of the crate, through what modules `use` of others. What tests
//! use does not count, nor what a module and those below it have of one another.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// A module by its path in the crate: `["run", "pool"]`; the crate itself is empty.
type Module = Vec<String>;

/// Returns the circles of a crate, each as the uses that make it. `root` is its `lib.rs` or `main.rs`.
///
/// # Errors
/// A file cannot be read, or is no Rust.
pub(crate) fn of(root: &Path) -> io::Result<Vec<Vec<Use>>> {
    let mut krate = Crate::default();
    let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
    krate.read(&Module::new(), root, &folder)?;
    Ok(krate.circles())
}

/// One module that uses another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    from: Module,
    to: Module,
    /// One of the paths by which it does.
    path: Vec<String>,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} uses {}: {}", self.from.join("::"), self.to.join("::"), self.path.join("::"))
    }
}

/// What is known of a crate's modules.
#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, Contents>,
}

/// What stands in a module.
#[derive(Default)]
struct Contents {
    /// Paths in it, as they stand there.
    paths: Vec<Vec<String>>,
    /// What `use` calls by a name, by that name.
    names: BTreeMap<String, Vec<String>>,
}

impl Crate {
    fn read(&mut self, module: &Module, file: &Path, folder: &Path) -> io::Result<()> {
        let text = fs::read_to_string(file)?;
        let parsed = syn::parse_file(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        self.take(module, &parsed.items, folder)
    }

    fn take(&mut self, module: &Module, items: &[Item], folder: &Path) -> io::Result<()> {
        let mut reader = Reader::default();
        for item in items {
            match item {
                Item::Mod(inner) if is_for_tests(&inner.attrs) => {}
                Item::Mod(inner) => self.enter(module, inner, folder)?,
                other => reader.visit_item(other),
            }
        }
        self.modules.insert(module.clone(), reader.0);
        Ok(())
    }

    fn enter(&mut self, module: &Module, inner: &ItemMod, folder: &Path) -> io::Result<()> {
        let name = inner.ident.to_string();
        let below = [module.as_slice(), std::slice::from_ref(&name)].concat();
        let folder_below = folder.join(&name);
        match &inner.content {
            Some((_, items)) => self.take(&below, items, &folder_below),
            None => self.read(&below, &file_of(folder, &name), &folder_below),
        }
    }

    /// The module that a path in another one leads to, if it is one of this crate.
    fn target(&self, from: &Module, path: &[String]) -> Option<Module> {
        let (mut place, mut rest) = self.beginning(from, path)?;
        // As many steps as a path has, each through at most a few `use`.
        for _ in 0..16 {
            let Some((name, after)) = rest.split_first() else { break };
            let below = [place.as_slice(), std::slice::from_ref(name)].concat();
            if self.modules.contains_key(&below) {
                (place, rest) = (below, after.to_vec());
                continue;
            }
            let Some(used) = self.modules.get(&place).and_then(|contents| contents.names.get(name)) else {
                break;
            };
            let (start, mut there) = self.beginning(&place, used)?;
            there.extend_from_slice(after);
            (place, rest) = (start, there);
        }
        Some(place)
    }

    /// Where a path begins, and what follows.
    fn beginning(&self, from: &Module, path: &[String]) -> Option<(Module, Vec<String>)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some((Module::new(), rest.to_vec())),
            "self" => Some((from.clone(), rest.to_vec())),
            "super" => {
                let (_, parent) = from.split_last()?;
                let mut place = parent.to_vec();
                let mut rest = rest;
                while let [next, after @ ..] = rest
                    && next == "super"
                {
                    place.pop();
                    rest = after;
                }
                Some((place, rest.to_vec()))
            }
            // A module of its own, or a name that it uses; all else is another crate's.
            _ => {
                let below = [from.as_slice(), std::slice::from_ref(first)].concat();
                let known = self.modules.contains_key(&below)
                    || self.modules.get(from).is_some_and(|contents| contents.names.contains_key(first));
                known.then(|| (from.clone(), path.to_vec()))
            }
        }
    }

    /// Which modules use which, among those that lie in one module.
    fn uses(&self) -> Vec<Use> {
        let mut uses = BTreeMap::new();
        for (from, contents) in &self.modules {
            for path in &contents.paths {
                let Some(to) = self.target(from, path) else { continue };
                let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if from.len() > common && to.len() > common {
                    uses.entry((from[..=common].to_vec(), to[..=common].to_vec())).or_insert(path);
                }
            }
        }
        uses.into_iter().map(|((from, to), path)| Use { from, to, path: path.clone() }).collect()
    }

    fn circles(&self) -> Vec<Vec<Use>> {
        let uses = self.uses();
        let graph: DiGraphMap<&Module, ()> = uses.iter().map(|used| (&used.from, &used.to)).collect();
        let circles = tarjan_scc(&graph).into_iter().filter(|modules| modules.len() > 1);
        let within = |modules: Vec<&Module>| {
            uses.iter()
                .filter(|used| modules.contains(&&used.from) && modules.contains(&&used.to))
                .cloned()
                .collect()
        };
        circles.map(within).collect()
    }
}

/// `name.rs`, or `name/mod.rs`.
fn file_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name).with_extension("rs");
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

#[derive(Default)]
struct Reader(Contents);

impl Reader {
    fn used(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.used(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.used(before, tree)),
            UseTree::Name(name) if name.ident == "self" => self.called(before.to_vec(), before.last()),
            UseTree::Name(name) => self.called(with(&name.ident), Some(&name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.called(before.to_vec(), Some(&rename.rename.to_string()));
            }
            UseTree::Rename(rename) => self.called(with(&rename.ident), Some(&rename.rename.to_string())),
            UseTree::Glob(_) => self.0.paths.push(before.to_vec()),
        }
    }

    fn called(&mut self, path: Vec<String>, name: Option<&String>) {
        self.0.paths.push(path.clone());
        if let Some(name) = name
            // `use sys;` leads to itself.
            && path.first() != Some(name)
        {
            self.0.names.insert(name.clone(), path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.used(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate with these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let circles = of(&folder.path().join("lib.rs")).unwrap();
        let pairs = |used: &Use| format!("{} → {}", used.from.join("::"), used.to.join("::"));
        circles.iter().flatten().map(pairs).collect()
    }

    #[test]
    fn one_direction_is_no_circle() {
        let none = circles(&[
            ("lib.rs", "mod a; mod b; pub use b::B;"),
            ("a.rs", "use crate::B; fn f() { crate::b::g(); std::mem::drop(B); }"),
            ("b.rs", "pub struct B; pub fn g() {} #[cfg(test)] mod tests { use crate::a; }"),
        ]);
        assert_eq!(none, Vec::<String>::new());
    }

    #[rstest::rstest]
    #[case::by_use("use super::a::A;")]
    #[case::by_a_path("fn f() -> crate::a::A { todo() }")]
    #[case::by_what_the_crate_gives_on("use crate::Given;")]
    #[case::by_a_group("use crate::{a::{self, A}};")]
    #[case::from_below("mod inner { use crate::a::A; }")]
    #[case::in_a_function("fn f() { use crate::a::A; }")]
    fn a_circle_is_found(#[case] b: &str) {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c; pub use a::A as Given;"),
            ("a.rs", "use crate::b;"),
            ("b.rs", b),
            ("c.rs", "use crate::a;"),
        ]);
        assert_eq!(found, ["a → b", "b → a"]);
    }

    #[test]
    fn one_below_a_module_is_found_with_its_place() {
        let found = circles(&[
            ("lib.rs", "mod x;"),
            ("x.rs", "mod a; mod b;"),
            ("x/a.rs", "use super::b::B;"),
            ("x/b.rs", "use crate::x::a::A;"),
        ]);
        assert_eq!(found, ["x::a → x::b", "x::b → x::a"]);
    }
}
