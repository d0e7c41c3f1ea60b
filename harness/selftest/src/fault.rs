//! The faults in a guest and around it, and what has to come of each.

use harness::judge::Status::{self, Error, Fail, Miss, Pass, Skip};
use harness::report::Outcome;

/// A scenario, and what is done to its machine.
#[derive(Debug)]
pub(super) struct Fault {
    /// The scenario's name, and its file's.
    pub(super) name: &'static str,
    /// The scenario.
    pub(super) text: &'static str,
    pub(super) act: Act,
    /// How it may end. More than one only where it is a matter of time which, and each is true.
    endings: &'static [Ending],
    /// All of these are in the console's tail.
    console: &'static [&'static str],
}

/// A status, and words that are all in the reason.
type Ending = (Status, &'static [&'static str]);

/// What is done from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing: the scenario does it.
    Nothing,
    /// To the machine, before it is asked for the scenario.
    Before(Deed),
    /// To the machine, once this step's outcome came.
    After(u32, Deed),
    /// To the first step's event on its way.
    Line(Tampering),
}

/// What is done to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// SIGKILL to QEMU.
    Kill,
    /// SIGSTOP to QEMU.
    Stop,
    /// A non-maskable interrupt to the guest.
    Interrupt,
}

/// What is done to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tampering {
    Lose,
    Cut,
    Repeat,
    /// It comes after the next one.
    Delay,
    /// In its place comes the ending, with the right key and number.
    End,
}

impl Fault {
    /// What of an outcome is not as it has to be.
    pub(super) fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let reason = outcome.reason.as_deref().unwrap_or_default();
        if outcome.status == Skip {
            return match reason.strip_prefix("needs ") {
                Some(_) => Vec::new(),
                None => vec!["skipped without a need that is not met".into()],
            };
        }
        let missing = |(_, words): &Ending| {
            let missing = words.iter().filter(|word| !reason.contains(**word));
            missing.map(|word| format!("the reason does not tell of {word:?}")).collect::<Vec<_>>()
        };
        let like = self.endings.iter().filter(|(status, _)| *status == outcome.status);
        let mut found = like.map(missing).min_by_key(Vec::len).unwrap_or_else(|| {
            vec![format!("the status is {}, not {}", outcome.status.word(), self.expected())]
        });
        let console = outcome.console.join("\n");
        for word in self.console.iter().filter(|word| !console.contains(**word)) {
            found.push(format!("the console's tail does not show {word:?}: {console:?}"));
        }
        found
    }

    /// `fail or error`
    pub(super) fn expected(&self) -> String {
        let mut words: Vec<_> = self.endings.iter().map(|(status, _)| status.word()).collect();
        words.dedup();
        words.join(" or ")
    }
}

macro_rules! fault {
    ($name:literal, $act:expr, $endings:expr, $console:expr) => {
        Fault {
            name: $name,
            text: include_str!(concat!("scenarios/", $name, ".toml")),
            act: $act,
            endings: $endings,
            console: $console,
        }
    };
}

use Act::{After, Before, Line, Nothing};

const DEADLINE: &[&str] = &["the guest said nothing until the deadline"];
const KILLED: &[&str] = &["QEMU ended: signal: 9"];
const SYSRQ: &[&str] = &["Kernel panic - not syncing: sysrq triggered crash"];

/// Each in a machine of its own.
pub(super) const FRESH: &[Fault] = &[
    fault!("untouched", Nothing, &[(Pass, &[])], &[]),
    fault!("panic-first", Nothing, &[(Miss, SYSRQ)], SYSRQ),
    fault!("panic-midway", Nothing, &[(Miss, SYSRQ)], SYSRQ),
    fault!(
        "panic-last",
        After(1, Deed::Interrupt),
        &[(Miss, &["Kernel panic - not syncing: NMI"])],
        &["NMI received for unknown reason", "Kernel panic - not syncing: NMI"]
    ),
    fault!("proc-unmounted", Nothing, &[(Fail, &["left behind: no mount /proc (proc) any more"])], &[]),
    fault!("dev-covered", Nothing, &[(Fail, &["left behind: mount /dev (tmpfs)"])], &[]),
    fault!("devices-removed", Nothing, &[(Fail, &["left behind: no file /dev/kmsg any more"])], &[]),
    fault!("root-unmounted", Nothing, &[(Fail, &["left behind: mount / (rootfs)"])], &[]),
    fault!("root-read-only", Nothing, &[(Fail, &["left behind: a changed mount / (tmpfs)"])], &[]),
    fault!("halt", Nothing, &[(Miss, DEADLINE)], &["System halted"]),
    fault!("step-waits", Nothing, &[(Error, &["read a FIFO", "deadline"])], &[]),
    fault!("step-spins", Nothing, &[(Error, &["stir 2 GiB", "deadline"])], &[]),
    fault!("container-stopped", Nothing, &[(Error, &["ask it", "deadline"])], &[]),
    fault!("container-kills-itself", Nothing, &[(Pass, &[])], &[]),
    fault!("container-killed", Nothing, &[(Error, &["ask it", "was killed by SIGKILL"])], &[]),
    fault!("stopped-with-another-user", Nothing, &[(Pass, &[])], &[]),
    fault!("pids-stopped", Nothing, &[(Error, &["ask it", "was killed by SIGKILL"])], &[]),
    fault!("all-stopped", Nothing, &[(Error, &["stop all", "deadline"])], &[]),
    fault!("all-killed", Nothing, &[(Error, &["kill all", "the runner ended"])], &[]),
    fault!("oops", Nothing, &[(Fail, &["kernel log", "BUG: kernel NULL pointer dereference"])], &[]),
    fault!("warning", Nothing, &[(Fail, &["kernel log", "WARNING"])], &[]),
    fault!("log-filled", Nothing, &[(Fail, &["kernel log", "WARNING"])], &[]),
    fault!("log-lost", Nothing, &[(Miss, &["of the kernel log were overwritten"])], &[]),
    fault!("taint", Nothing, &[(Fail, &["tainted: 0x40"])], &[]),
    fault!("log-forged", Nothing, &[(Pass, &[])], &[]),
    fault!("qemu-killed-before", Before(Deed::Kill), &[(Miss, KILLED)], &[]),
    fault!("qemu-killed-midway", After(0, Deed::Kill), &[(Miss, KILLED)], &[]),
    fault!("qemu-killed-last", After(1, Deed::Kill), &[(Miss, KILLED)], &[]),
    fault!("qemu-stopped", After(0, Deed::Stop), &[(Miss, DEADLINE)], &[]),
    fault!("event-lost", Line(Tampering::Lose), &[(Miss, &["event 2 is missing"])], &[]),
    fault!("event-cut", Line(Tampering::Cut), &[(Miss, &["a line is no event"])], &[]),
    fault!("event-repeated", Line(Tampering::Repeat), &[(Miss, &["came again"])], &[]),
    fault!("event-late", Line(Tampering::Delay), &[(Miss, &["event 2 is missing"])], &[]),
    fault!("ending-forged", Line(Tampering::End), &[(Miss, &["the guest sent 2 steps, 0 came"])], &[]),
    fault!("reply-forged", Nothing, &[(Pass, &[])], &[]),
    fault!("reply-forged-aside", Nothing, &[(Miss, &["sent a line that is no reply"])], &[]),
    fault!("probe-patched", Nothing, &[(Miss, &["the program of `box`", "was written to"])], &[]),
    fault!(
        "probe-patched-by-another",
        Nothing,
        &[(Miss, &["the program of `target`", "was written to"])],
        &[]
    ),
    fault!(
        "probe-patched-and-killed",
        Nothing,
        &[(Miss, &["the program of `target`", "was written to"])],
        &[]
    ),
    fault!("name-of-bytes", Nothing, &[(Pass, &[])], &[]),
    fault!("reply-twice", Nothing, &[(Pass, &[])], &[]),
    fault!("channel-closed", Nothing, &[(Pass, &[])], &[]),
    fault!("channel-noise", Nothing, &[(Miss, &["a line is no event", "noise"])], &[]),
    fault!("channel-half", Nothing, &[(Miss, &["a line is no event"])], &[]),
    fault!("channel-event", Nothing, &[(Miss, &["an event of another run came"])], &[]),
    fault!("channel-ending", Nothing, &[(Miss, &["an event of another run came"])], &[]),
    fault!("channel-flood", Nothing, &[(Miss, &["a line is no event"])], &[]),
    fault!(
        "channel-ruined",
        Nothing,
        &[(Miss, &["the guest's init ended: ttyS1"])],
        &["guest: init ended: ttyS1"]
    ),
    // It says that the kernel panicked: whether that is believed before the ending comes is a matter of time.
    fault!(
        "console-forged",
        Nothing,
        &[(Fail, &["wrong: not as expected"]), (Miss, &["Kernel panic - not syncing: forged"])],
        &[]
    ),
    fault!("memory-of-a-process", Nothing, &[(Error, &["was killed by SIGKILL"])], &[]),
    // The process that fills it is killed and the file stays: whether the kernel gets by with what is left is chance.
    fault!(
        "memory-of-files",
        Nothing,
        &[
            (Error, &["write more than there is", "the host's probe was killed by SIGKILL"]),
            (Error, &["write more than there is", "the runner ended before the scenario did"]),
            (Miss, &["Kernel panic - not syncing: System is deadlocked on memory"]),
        ],
        &[]
    ),
];

/// In one machine, one after another.
pub(super) const SHARED: &[Fault] = &[
    fault!("channel-spoiled", Nothing, &[(Pass, &[])], &[]),
    fault!("after-spoiled", Nothing, &[(Pass, &[])], &[]),
    fault!(
        "machine-changed",
        Nothing,
        &[(Fail, &["left behind: file /skeleton/tmp/left (and 2 more)"])],
        &[]
    ),
    fault!(
        "hidden",
        Nothing,
        &[(Fail, &["left behind: 1 file with 4096 bytes on /, to which no path leads"])],
        &[]
    ),
    fault!("settings-changed", Nothing, &[(Pass, &[])], &[]),
    fault!("after-settings", Nothing, &[(Pass, &[])], &[]),
    fault!("after-changed", Nothing, &[(Pass, &[])], &[]),
];
