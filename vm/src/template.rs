//! Templates: a machine that was booted once, and saved when it was ready. Its clones go on from there, each with memory
//! of its own: the template's memory is a file that they map privately.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use command_fds::FdMapping;
use serde::{Deserialize, Serialize};

use crate::cache::{Scratch, Stamp, sha256_of};
use crate::machine::arguments::{Role, Screen, arguments, fd};
use crate::{Cache, Config, Ending, Error, ForkServer, Machine, Progress, Result};
use fork::seccomp;

/// Raised when a template that an older version of this program made must not be used any more.
const FORMAT: &str = "1";
/// Disk that all templates together may take.
const LIMIT: u64 = 2 << 30;
/// Saving and restoring take milliseconds; a host that swaps may need longer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A saved machine. Its files stay open: it works on even if it is deleted from the cache.
#[derive(Debug)]
pub struct Template {
    config: Config,
    ram: File,
    state: File,
    record: Record,
}

/// What is kept beside the files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Record {
    /// What the template was made of, readable.
    key: Vec<String>,
    ready_line: String,
    boot_ms: u64,
    /// Clones must leave the memory as it is.
    ram: Stamp,
    state_sha256: String,
}

impl Template {
    /// The template of this configuration: from the cache if it is there and undamaged, else booted and saved. It is
    /// ready when it says so, for which it has `timeout`. It may say no more after that, unasked.
    pub fn ensure(
        config: &Config,
        cache: &Cache,
        timeout: Duration,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let key = key(config)?;
        let name = name(&key);
        let place = cache.folder("templates")?.join(&name);
        if let Some(template) = Self::open(config, &place, cache) {
            return Ok(template);
        }
        let _lock = cache.lock(&format!("template-{name}"))?;
        if let Some(template) = Self::open(config, &place, cache) {
            return Ok(template);
        }
        progress.step("booting the template");
        let scratch = cache.scratch()?;
        let record = make(config, key, &scratch, timeout)?;
        cache.put(&scratch.path().join("record.json"), &record)?;
        scratch.publish(&place)?;
        cache.prune("templates", &place, LIMIT)?;
        Self::open(config, &place, cache).ok_or_else(|| {
            let way_out = "is another program changing the cache? set NSPROOF_CACHE to a folder of its own";
            Error::unusable(&place, "the template that was just made is damaged", way_out)
        })
    }

    /// A new machine that goes on from here. It runs when this returns.
    pub fn start(&self) -> Result<Machine> {
        self.start_with(Screen::Kept, Vec::new())
    }

    /// A new machine whose console is the terminal of this process.
    pub fn start_on_terminal(&self) -> Result<Machine> {
        self.start_with(Screen::Terminal, Vec::new())
    }

    /// A new machine that is exercised, and then stopped for good, for others to go on from where it was.
    ///
    /// # Errors
    /// What the exercise came to, or what keeps the machine from being started, stopped or copied.
    pub fn fork_server<E: From<Error>>(
        &self,
        exercise: impl FnOnce(&mut Machine) -> std::result::Result<(), E>,
    ) -> std::result::Result<ForkServer, E> {
        let (side_channel, side_channel_end) = UnixStream::pair().map_err(Error::io("open", "a socket"))?;
        let mut inherited = vec![FdMapping { parent_fd: side_channel_end.into(), child_fd: fd::HATCH }];
        if self.config.qemu.waits_by_io_uring() {
            let filter = seccomp::without_io_uring().map_err(Error::io("make", "a seccomp filter"))?;
            inherited.push(FdMapping { parent_fd: filter.into(), child_fd: fd::FILTER });
        }
        let mut machine = self.start_with(Screen::Kept, inherited)?;
        exercise(&mut machine)?;
        Ok(ForkServer::new(machine, side_channel, &self.config, TIMEOUT)?)
    }

    fn start_with(&self, screen: Screen, inherited: Vec<FdMapping>) -> Result<Machine> {
        let ram = self.ram.try_clone().map_err(Error::io("open", "the template's memory"))?;
        // Opened anew, for a position of its own: QEMU reads it from the start.
        let state = Path::new("/proc/self/fd").join(self.state.as_raw_fd().to_string());
        let state = File::open(&state).map_err(Error::io("open", &state))?;
        Machine::restore(&self.config, ram, state, screen, inherited, Instant::now() + TIMEOUT)
    }

    /// SHA-256, in hexadecimal, of all that it depends on: a template with another key is another machine.
    pub fn key(&self) -> String {
        name(&self.record.key)
    }

    /// What the guest said when it was ready. Clones do not say it again.
    pub fn ready_line(&self) -> &str {
        &self.record.ready_line
    }

    /// How long the template's own boot took, whenever that was.
    pub fn boot_time(&self) -> Duration {
        Duration::from_millis(self.record.boot_ms)
    }

    /// Whether the memory is still what was saved: no clone may write to it.
    pub fn is_unchanged(&self) -> bool {
        Stamp::of(&Path::new("/proc/self/fd").join(self.ram.as_raw_fd().to_string()))
            .is_ok_and(|stamp| stamp == self.record.ram)
    }

    /// An undamaged template of the cache; `None` if there is none.
    fn open(config: &Config, place: &Path, cache: &Cache) -> Option<Self> {
        let record: Record = cache.get(&place.join("record.json"))?;
        let state = place.join("state");
        if sha256_of(&fs::read(&state).ok()?) != record.state_sha256 {
            return None;
        }
        let ram = File::options().read(true).write(true).open(place.join("ram")).ok()?;
        let template = Self { config: config.clone(), ram, state: File::open(state).ok()?, record };
        cache.used(place);
        template.is_unchanged().then_some(template)
    }
}

/// Everything that a saved machine depends on. It does not outlive the host's boot: the kernel below it, the CPU and
/// what is on disk may be others then.
fn key(config: &Config) -> Result<Vec<String>> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let boot = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let mut content = config.clone();
    content.kernel.image = PathBuf::from(&config.kernel.sha256);
    content.initramfs.path = PathBuf::from(&config.initramfs.sha256);
    let mut key: Vec<_> = [FORMAT, boot.trim(), &config.qemu.program.to_string_lossy(), &config.qemu.version]
        .map(str::to_owned)
        .into();
    let words = [Role::Template, Role::Clone, Role::Original]
        .into_iter()
        .flat_map(|role| arguments(&content, role, Screen::Kept));
    key.extend(words.map(|word| word.to_string_lossy().into_owned()));
    Ok(key)
}

fn name(key: &[String]) -> String {
    sha256_of(key.join("\n").as_bytes())
}

/// Boots, waits for the first line, saves.
fn make(config: &Config, key: Vec<String>, scratch: &Scratch, timeout: Duration) -> Result<Record> {
    let (ram_path, state) = (scratch.path().join("ram"), scratch.path().join("state"));
    let ram = File::options().read(true).write(true).create_new(true).open(&ram_path);
    let ram = ram.map_err(Error::io("create", &ram_path))?;
    ram.set_len(u64::from(config.memory_mib) << 20).map_err(Error::io("write", &ram_path))?;
    let state_file = File::options().read(true).write(true).create_new(true).open(&state);
    let state_file = state_file.map_err(Error::io("create", &state))?;
    let inherited = state_file.try_clone().map_err(Error::io("open", &state))?;
    let full = |error| no_room(error, &ram_path);
    let mut machine = Machine::boot_template(config, ram, inherited)?;
    let ready = machine.wait_until_ready(Instant::now() + timeout);
    let ready_line = ready.map_err(|ending| full(machine.not_ready(ending)))?;
    let boot_ms = machine.boot_time().unwrap_or_default().as_millis();
    machine.save(&config.qemu, &state_file, &state, Instant::now() + TIMEOUT).map_err(full)?;
    Ok(Record {
        key,
        ready_line,
        boot_ms: u64::try_from(boot_ms).unwrap_or(u64::MAX),
        ram: Stamp::of(&ram_path)?,
        state_sha256: sha256_of(&fs::read(&state).map_err(Error::io("read", &state))?),
    })
}

/// Memory that lies in a file on a full disk is not there when it is touched: QEMU dies of SIGBUS (mmap(2)).
fn no_room(error: Error, ram: &Path) -> Error {
    const SIGBUS: i32 = 7;
    match error {
        Error::NotReady { ending: Ending::Exited(status), .. } if status.signal() == Some(SIGBUS) => {
            Error::NoRoom { doing: "write", path: ram.to_path_buf() }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accel::Accelerator;
    use crate::{Initramfs, Kernel, Qemu};

    fn config() -> Config {
        let mut kernel = Kernel::of_image("/k/bzImage");
        kernel.sha256 = "kernel".into();
        Config {
            qemu: Qemu { program: "/usr/bin/qemu".into(), version: "7.2".into(), unconfined: None },
            kernel,
            initramfs: Initramfs {
                path: "/c/initramfs.cpio".into(),
                sha256: "initramfs".into(),
                archive_sha256: "archive".into(),
            },
            accelerator: Accelerator::Tcg,
            memory_mib: 256,
            cpus: 1,
            append: String::new(),
            is_ready: |_| true,
        }
    }

    #[rstest::rstest]
    #[case::qemu(|config: &mut Config| config.qemu.version = "8.2".into())]
    #[case::kernel(|config: &mut Config| config.kernel.sha256 = "other".into())]
    #[case::initramfs(|config: &mut Config| config.initramfs.sha256 = "other".into())]
    #[case::accelerator(|config: &mut Config| config.accelerator = Accelerator::Kvm)]
    #[case::memory(|config: &mut Config| config.memory_mib = 512)]
    #[case::cpus(|config: &mut Config| config.cpus = 2)]
    #[case::command_line(|config: &mut Config| config.append = "debug".into())]
    fn what_matters_is_in_the_key(#[case] change: fn(&mut Config)) {
        let mut other = config();
        change(&mut other);
        assert_ne!(key(&other).unwrap(), key(&config()).unwrap());
    }

    #[test]
    fn where_the_same_content_lies_does_not_matter() {
        let mut other = config();
        other.kernel.image = "/elsewhere".into();
        other.kernel.name = "another name".into();
        other.initramfs.path = "/elsewhere".into();
        assert_eq!(key(&other).unwrap(), key(&config()).unwrap());
    }
}
