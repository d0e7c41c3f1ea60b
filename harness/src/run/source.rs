//! Where the machine for the next scenario comes from.

use std::time::{Duration, Instant};

use vm::{Cache, Config, Ending, Error, Machine, Template};

use crate::event::{Envelope, Event, Ready};
use crate::progress::Progress;

/// A guest under emulation on a busy host is ready after seconds; one that is not after this long never is.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether scenarios share a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A clone of a machine that was booted once, for each.
    Clone,
    /// A cold boot for each.
    Boot,
    /// One machine for all, booted again only when a scenario lost it.
    Shared,
}

/// Gives machines that wait for a request.
pub(super) enum Source {
    Template(Box<Template>, Ready),
    Cold(Box<Config>),
}

/// A machine that waits for a request, and what it said of itself.
pub(super) struct Guest {
    pub(super) machine: Machine,
    pub(super) ready: Ready,
}

impl Source {
    /// Boots the template if there is to be one and the cache has none.
    pub(super) fn open(
        isolation: Isolation,
        config: &Config,
        cache: &Cache,
        progress: &Progress,
    ) -> vm::Result<Self> {
        if isolation != Isolation::Clone {
            return Ok(Source::Cold(Box::new(config.clone())));
        }
        let template = Template::ensure(config, cache, PATIENCE, progress)?;
        let ready = parse(template.first_line()).ok_or_else(|| Error::NotReady {
            ending: Ending::Lost(format!("its first line is no Ready: {}", template.first_line())),
            console: Vec::new(),
        })?;
        Ok(Source::Template(Box::new(template), ready))
    }

    /// A machine that nobody has used.
    pub(super) fn machine(&self) -> vm::Result<Guest> {
        match self {
            Source::Template(template, ready) => {
                Ok(Guest { machine: template.start()?, ready: ready.clone() })
            }
            Source::Cold(config) => boot(config),
        }
    }
}

/// Boots and waits for `Ready`.
pub(super) fn boot(config: &Config) -> vm::Result<Guest> {
    let mut machine = Machine::boot(config)?;
    match wait_for_ready(&mut machine) {
        Ok(ready) => Ok(Guest { machine, ready }),
        Err(ending) => Err(Error::NotReady { ending, console: machine.console_tail(super::TAIL) }),
    }
}

fn wait_for_ready(machine: &mut Machine) -> Result<Ready, Ending> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Firmware and kernel own the port before the guest does, and may write to it.
        if let Some(ready) = parse(&machine.receive(deadline)?) {
            return Ok(ready);
        }
    }
}

fn parse(line: &str) -> Option<Ready> {
    match serde_json::from_str(line) {
        Ok(Envelope { event: Event::Ready(ready), .. }) => Some(ready),
        _ => None,
    }
}
