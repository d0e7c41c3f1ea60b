//! Templates and their clones.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::guest::{Loud, PATIENCE, ask, cache, config};
use vm::{Cache, Config, Template};

fn ensure(config: &Config, cache: &Cache) -> Template {
    Template::ensure(config, cache, PATIENCE, &Loud).expect("a template")
}

#[test]
fn clones_go_on_where_the_template_was_saved() {
    let template = ensure(&config(), &cache());
    assert!(template.first_line().starts_with("READY veth.ko"), "{}", template.first_line());
    for round in 0..5 {
        let started = Instant::now();
        let mut clone = template.start().unwrap();
        assert_eq!(ask(&mut clone, "hello", PATIENCE).unwrap(), "GOT hello");
        let restored = clone.boot_time().unwrap();
        eprintln!("clone {round}: restored in {restored:?}, answer in {:?}", started.elapsed());
        assert!(restored < template.boot_time() / 2);
    }
    assert!(template.is_unchanged());
}

#[test]
fn a_clone_knows_nothing_of_another() {
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let template = ensure(&config, &cache);
    let ram = only(&folder.path().join("templates")).join("ram");
    let before = fs::read(&ram).unwrap();
    let mut one = template.start().unwrap();
    let mut two = template.start().unwrap();
    assert_eq!(ask(&mut one, "write one", PATIENCE).unwrap(), "GOT written");
    assert_eq!(ask(&mut one, "read", PATIENCE).unwrap(), "GOT one");
    assert_eq!(ask(&mut two, "read", PATIENCE).unwrap(), "GOT nothing");
    drop((one, two));
    assert!(before == fs::read(&ram).unwrap(), "a clone wrote to the template's memory");
    assert!(template.is_unchanged());
}

/// The only entry of a folder.
fn only(folder: &Path) -> std::path::PathBuf {
    let entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}
