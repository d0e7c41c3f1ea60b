//! `nsproof shell`: a guest to try things in, on this terminal.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use harness::progress::Progress;
use harness::run::is_ready;
use protocol::plan::Request;
use vm::initramfs::Entry;
use vm::{Cache, Config, Ending, Machine, Progress as _, Template, accel, kernel, userland};

use crate::exit::{Done, Exit, lost, usage};
use crate::home::Home;
use crate::kernels::known;
use crate::options::find_qemu;
use crate::output::print;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kernel, as for `vm-test`.
    #[arg(long, value_name = "K", default_value = "distro", value_parser = known)]
    kernel: String,
    /// Install what is missing (QEMU) with the system's package manager; the command is printed first.
    #[arg(long)]
    install: bool,
}

const MODULES: [&str; 7] = ["veth", "bridge", "dummy", "macvlan", "ipvlan", "tun", "overlay"];

/// Programs of this machine that the guest gets, as far as they are here.
const PROGRAMS: [&str; 49] = [
    "bash",
    "sh",
    "setsid",
    "cat",
    "chmod",
    "chown",
    "chroot",
    "cp",
    "df",
    "dmesg",
    "echo",
    "env",
    "find",
    "findmnt",
    "grep",
    "head",
    "hostname",
    "id",
    "ip",
    "kill",
    "ln",
    "ls",
    "lsns",
    "mkdir",
    "mknod",
    "mount",
    "mv",
    "nc",
    "nsenter",
    "ping",
    "pivot_root",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "sed",
    "sleep",
    "stat",
    "strace",
    "stty",
    "tail",
    "tee",
    "touch",
    "tty",
    "umount",
    "uname",
    "unshare",
    "capsh",
];

const TIMEOUT: Duration = Duration::from_secs(90);
/// Longer than anybody sits at a terminal.
const SESSION: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    on_terminal()?;
    let machine = start(&args.kernel, &[], args.install, home)?;
    print("A guest with nsrun and programs of this machine. It ends with its shell, or with Ctrl-A X.\r\n")?;
    talk(machine)
}

/// Refuses to go on where nobody types.
pub(crate) fn on_terminal() -> Result<(), Exit> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(usage("a shell needs a terminal on its standard input"))
}

/// A guest whose console is this terminal, with modules beside the usual ones.
pub(crate) fn start(kernel: &str, modules: &[&str], install: bool, home: &dyn Home) -> Result<Machine, Exit> {
    let progress = Progress::new();
    let qemu = find_qemu(install, &progress)?;
    progress.step("preparing the guest and nsrun");
    let init = home.guest().and_then(|init| Ok((init, home.runtime()?)));
    let (init, nsrun) = init.map_err(lost)?;
    let machine = (|| {
        let cache = Cache::open()?;
        let kernel = kernel::resolve(kernel, &cache, &progress)?;
        let mut extra = userland::programs(&PROGRAMS)?;
        extra.push(Entry::program("bin/nsrun", &nsrun)?);
        let prepared = vm::prepare(&cache, &kernel, &[&MODULES, modules].concat(), &init, &extra, &progress)?;
        let mut config = Config {
            qemu,
            kernel,
            initramfs: prepared.initramfs,
            accelerator: accel::Accelerator::Tcg,
            memory_mib: 512,
            cpus: 1,
            append: String::new(),
            is_ready,
        };
        config.accelerator = accel::choose(accel::Request::Auto, &config, &cache, &progress)?.accelerator;
        Template::ensure(&config, &cache, TIMEOUT, &progress)?.start_on_terminal()
    })();
    drop(progress);
    machine.map_err(lost)
}

/// Hands the terminal to the guest's shell until that ends.
pub(crate) fn talk(mut machine: Machine) -> Done {
    let term = std::env::var("TERM").unwrap_or_else(|_| "linux".to_owned());
    let request = serde_json::to_string(&Request::Shell { term }).expect("a request is JSON");
    let sent = machine.send(&request);
    match sent.and_then(|()| machine.receive(Instant::now() + SESSION).map(drop)) {
        Err(Ending::Exited(status)) if status.success() => Ok(Exit::Passed),
        Err(ending) => Err(lost(ending)),
        Ok(()) => Ok(Exit::Passed),
    }
}
