//! Templates and their clones.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guest::{Loud, Steps, TIMEOUT, ask, cache, config};
use vm::{Cache, Config, Ending, Error, Template};

fn ensure(config: &Config, cache: &Cache) -> Template {
    Template::ensure(config, cache, TIMEOUT, &Loud).expect("a template")
}

#[test]
fn clones_go_on_where_the_template_was_saved() {
    let template = ensure(&config(), &cache());
    assert!(template.ready_line().starts_with("READY veth.ko"), "{}", template.ready_line());
    for round in 0..5 {
        let started = Instant::now();
        let mut clone = template.start().unwrap();
        assert_eq!(ask(&mut clone, "hello", TIMEOUT).unwrap(), "GOT hello");
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
    assert_eq!(ask(&mut one, "write one", TIMEOUT).unwrap(), "GOT written");
    assert_eq!(ask(&mut one, "read", TIMEOUT).unwrap(), "GOT one");
    assert_eq!(ask(&mut two, "read", TIMEOUT).unwrap(), "GOT nothing");
    drop((one, two));
    assert!(before == fs::read(&ram).unwrap(), "a clone wrote to the template's memory");
    assert!(template.is_unchanged());
}

#[test]
fn a_template_is_booted_once() {
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    let booted: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| boots(&config, folder.path()))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(booted.iter().filter(|booted| **booted).count(), 1, "{booted:?}");
    assert!(!boots(&config, folder.path()));
}

#[test]
fn a_damaged_template_is_made_again() {
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    assert!(boots(&config, folder.path()));
    let template = only(&folder.path().join("templates"));
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let truncate = |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(4096).unwrap();
    let delete = |path: &Path| fs::remove_file(path).unwrap();
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 5] =
        [("state", &flip), ("ram", &flip), ("ram", &truncate), ("ram", &delete), ("record.json", &truncate)];
    for (number, (file, damage)) in damages.into_iter().enumerate() {
        damage(&template.join(file));
        assert!(boots(&config, folder.path()), "damage {number}, to {file}, was not seen");
        assert!(!boots(&config, folder.path()));
    }
}

#[test]
fn a_guest_that_is_never_ready_gives_no_template() {
    let mut config = config();
    config.append = "rdinit=/no/such/init".into();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let error = Template::ensure(&config, &cache, TIMEOUT, &Loud).unwrap_err();
    let Error::NotReady { ending: Ending::Panic(line), console } = &error else { panic!("{error}") };
    assert!(line.contains("Unable to mount root") && !console.is_empty(), "{error}");
    assert_eq!(entries(&folder.path().join("templates")), [] as [PathBuf; 0]);
    assert_eq!(entries(&folder.path().join("tmp")), [] as [PathBuf; 0]);
}

/// Set for the process that the tests start to make a template: the cache's folder.
const VICTIM: &str = "VM_TEST_TEMPLATE";

/// Not a test of its own.
#[test]
fn victim() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        let config = config();
        println!("\nbegins");
        let made = Template::ensure(&config, &Cache::at(Path::new(&folder)).unwrap(), TIMEOUT, &Loud);
        println!("\nmade {}", made.map_or_else(|error| error.to_string(), |_| "well".into()));
    }
}

#[test]
fn a_run_that_is_killed_half_way_leaves_nothing_that_harms() {
    let config = config();
    let folder = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "template::victim", "--nocapture"])
        .env(VICTIM, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "begins"));
    std::thread::sleep(Duration::from_millis(700));
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert_eq!(entries(&folder.path().join("tmp")).len(), 1, "killed in the middle of it");
    assert!(boots(&config, folder.path()));
}

#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    config();
    let script =
        r#"mount -t tmpfs -o size=60m,mode=700 none "$0" && exec "$@" --exact template::victim --nocapture"#;
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(VICTIM, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains("begins") {
        eprintln!("SKIPPED: no file system can be mounted here: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert!(said.contains("made no room left to write") && said.contains("NSPROOF_CACHE"), "{said}");
}

/// Ensures the template with a cache in this folder, and that a clone of it answers. Whether it had to be booted.
fn boots(config: &Config, folder: &Path) -> bool {
    let steps = Steps::default();
    let cache = Cache::at(folder).expect("a cache");
    let template = Template::ensure(config, &cache, TIMEOUT, &steps).expect("a template");
    let mut clone = template.start().expect("a clone");
    assert_eq!(ask(&mut clone, "hello", TIMEOUT).as_deref(), Ok("GOT hello"));
    let steps = steps.take();
    assert!(steps.is_empty() || steps == ["booting the template"], "{steps:?}");
    !steps.is_empty()
}

/// The only entry of a folder.
fn only(folder: &Path) -> PathBuf {
    let entries = entries(folder);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()).collect()
}
