//! Where the machine for the next scenario comes from.

use std::sync::RwLock;
use std::time::{Duration, Instant};

use vm::accel::Accelerator;
use vm::{Cache, Config, Ending, Error, ForkServer, Machine, Template};

use super::warm::{self, Cold};
use crate::isolation::Isolation;
use protocol::event::{Envelope, Event, Ready};

/// A guest under emulation on a busy host is ready after seconds, on one that is overloaded after a minute or two; what is not
/// after this long never is. On KVM it is ready in a second or two.
fn timeout(accelerator: Accelerator) -> Duration {
    Duration::from_secs(match accelerator {
        Accelerator::Kvm => 60,
        Accelerator::Tcg => 180,
    })
}

const NO_PANIC: &str = "no worker panics while it starts a machine";

/// Gives machines that wait for a request.
pub enum Source {
    /// Clones of a template.
    Template(Box<Clones>),
    /// A cold boot each.
    Cold(Box<Config>),
}

/// A template, and what its clones are copied from if they begin warm.
pub struct Clones {
    /// What they are clones of.
    pub template: Template,
    fork_server: RwLock<Option<ForkServer>>,
    ready: Ready,
}

impl Clones {
    fn machine(&self) -> vm::Result<Guest> {
        let fork_server = self.fork_server.read().expect(NO_PANIC);
        let machine = fork_server.as_ref().map_or_else(|| self.template.start(), ForkServer::start)?;
        Ok(Guest { machine, ready: self.ready.clone() })
    }
}

/// A machine that waits for a request, and what it said of itself.
pub struct Guest {
    /// The machine.
    pub machine: Machine,
    /// What it said.
    pub ready: Ready,
}

impl Source {
    /// Boots the template if there is to be one and the cache has none.
    ///
    /// # Errors
    /// No machine got ready, or what it said of itself cannot be read.
    pub fn open(
        isolation: Isolation,
        config: &Config,
        cache: &Cache,
        progress: &dyn vm::Progress,
    ) -> vm::Result<Self> {
        if isolation == Isolation::Boot {
            return Ok(Source::Cold(Box::new(config.clone())));
        }
        let template = Template::ensure(config, cache, timeout(config.accelerator), progress)?;
        let ready = ready_in(template.ready_line()).ok_or_else(|| unreadable(template.ready_line()))?;
        Ok(Source::Template(Box::new(Clones { template, fork_server: RwLock::default(), ready })))
    }

    /// From here on clones, of which there will be so many, begin with code that QEMU has translated already.
    ///
    /// # Errors
    /// Why they cannot; they are what they were.
    pub fn warm(&self, scenarios: usize) -> Result<(), Cold> {
        if let Source::Template(clones) = self {
            *clones.fork_server.write().expect(NO_PANIC) =
                Some(warm::fork_server(&clones.template, scenarios)?);
        }
        Ok(())
    }

    /// From here on clones begin cold.
    pub fn cool(&self) {
        if let Source::Template(clones) = self {
            clones.fork_server.write().expect(NO_PANIC).take();
        }
    }

    /// What tells the template from others, if there is one.
    pub fn template_key(&self) -> Option<String> {
        match self {
            Source::Template(clones) => Some(clones.template.key()),
            Source::Cold(_) => None,
        }
    }

    /// A machine that nobody has used.
    ///
    /// # Errors
    /// It does not start, or is not ready in time.
    pub fn machine(&self) -> vm::Result<Guest> {
        match self {
            Source::Template(clones) => clones.machine(),
            Source::Cold(config) => boot(config),
        }
    }
}

/// Boots and waits for `Ready`.
///
/// # Errors
/// [`Error::NotReady`] with the last lines of its console; what keeps QEMU from starting.
pub fn boot(config: &Config) -> vm::Result<Guest> {
    let mut machine = Machine::boot(config)?;
    let line = machine
        .wait_until_ready(Instant::now() + timeout(config.accelerator))
        .map_err(|ending| Error::NotReady { ending, console: machine.console_tail(super::TAIL) })?;
    let ready = ready_in(&line).ok_or_else(|| unreadable(&line))?;
    Ok(Guest { machine, ready })
}

fn unreadable(line: &str) -> Error {
    Error::NotReady { ending: Ending::Lost(format!("this is no Ready: {line}")), console: Vec::new() }
}

/// Whether a line says that the guest waits for a request.
pub fn is_ready(line: &str) -> bool {
    ready_in(line).is_some()
}

/// What the guest says of itself, if the line is that.
fn ready_in(line: &str) -> Option<Ready> {
    match serde_json::from_str(line) {
        Ok(Envelope { event: Event::Ready(ready), .. }) => Some(ready),
        _ => None,
    }
}
