//! A tiny guest, and machines that boot it on the distribution's kernel.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use vm::accel::Accelerator;
use vm::{Cache, Config, Ending, Kernel, Machine, Progress, kernel, qemu};

/// Nothing in these tests takes longer on a working machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Tells what takes time, in the test's output.
pub(crate) struct Loud;

impl Progress for Loud {
    fn step(&self, what: &str) {
        eprintln!("{what}");
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Steps(RefCell<Vec<String>>);

impl Steps {
    pub(crate) fn take(self) -> Vec<String> {
        self.0.take()
    }
}

impl Progress for Steps {
    fn step(&self, what: &str) {
        self.0.borrow_mut().push(what.to_owned());
    }
}

pub(crate) fn cache() -> Cache {
    Cache::open().expect("the cache")
}

pub(crate) fn distro() -> Kernel {
    kernel::resolve("distro", &cache(), &Loud).expect("the distribution's kernel")
}

/// The init, compiled when its source has changed.
pub(crate) fn init() -> &'static Path {
    static INIT: LazyLock<PathBuf> = LazyLock::new(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/guest/init.rs");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init");
        let modified = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
        if modified(&program) < modified(&source) {
            compile(&source, &program);
        }
        program
    });
    &INIT
}

/// Static, for there is nothing else in the guest. Tests run at once, each a process: it is made in a folder of its own, for
/// rustc calls what it puts beside the program by the program's stem, and renamed into place.
fn compile(source: &Path, program: &Path) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder to compile in");
    let fresh = folder.path().join("init");
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let status = Command::new("rustc")
        .args(["--edition=2024", "-Copt-level=s", "-Cstrip=symbols", "-Cpanic=abort"])
        .args(["-Ctarget-feature=+crt-static", "--target", &target, "-o"])
        .args([&fresh, source])
        .status()
        .expect("rustc");
    assert!(status.success(), "rustc: {status}");
    std::fs::rename(fresh, program).expect("the compiled init");
}

pub(crate) fn config() -> Config {
    config_with(distro(), &["veth", "overlay"])
}

pub(crate) fn config_with(kernel: Kernel, modules: &[&str]) -> Config {
    let prepared = vm::prepare(&cache(), &kernel, modules, init(), &[], &Loud).expect("initramfs");
    Config {
        qemu: qemu::find(&cache()).expect("QEMU"),
        initramfs: prepared.initramfs,
        kernel,
        accelerator: Accelerator::Tcg,
        memory_mib: 256,
        cpus: 1,
        append: String::new(),
        is_ready: |line| line.starts_with("READY"),
    }
}

/// A machine whose guest said READY.
pub(crate) fn ready(config: &Config) -> Machine {
    let mut machine = Machine::boot(config).expect("QEMU starts");
    let line = machine.wait_until_ready(Instant::now() + TIMEOUT);
    assert!(line.is_ok(), "{line:?}\n{}", machine.console());
    machine
}

/// Asks, and waits for the answer. The guest's terminal echoes: what is not an answer is passed over.
pub(crate) fn ask(machine: &mut Machine, line: &str, timeout: Duration) -> Result<String, Ending> {
    machine.send(line)?;
    loop {
        let answer = machine.receive(Instant::now() + timeout)?;
        if answer.starts_with("GOT") {
            return Ok(answer);
        }
    }
}
