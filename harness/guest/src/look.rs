//! How somebody who acts looks: what operations that only observe come to. For people who look into a failure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::actor::ActorProcess;
use super::integrity::Integrity;
use super::no_reply::NoReply;
use protocol::event::Outcome;
use protocol::operation::{Operation, Subject};

/// Outcomes by an operation's word.
pub(super) type Facts = BTreeMap<String, Outcome>;

/// What is looked at.
const LOOKS: [(&str, Operation); 8] = [
    ("process", Operation::Process),
    ("namespaces", Operation::Namespaces(Subject::Actor)),
    ("capabilities", Operation::Capabilities),
    ("mounts", Operation::Mounts),
    ("interfaces", Operation::Interfaces),
    ("routes", Operation::Routes),
    ("pids", Operation::Pids),
    ("cgroup", Operation::Cgroup),
];
/// For a probe that may be hanging in its last step: what is left is for another one.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What a probe sees. One that does not answer is told of as `probe`, and another in the same place is asked.
pub(super) fn at(acting: &mut ActorProcess, deadline: Instant) -> Facts {
    let mut facts = Facts::new();
    if let Err(reason) = ask(acting, (Instant::now() + TIMEOUT).min(deadline), &mut facts) {
        facts.insert("probe".into(), Outcome::Broken(reason.words()));
        note(acting.another().and_then(|another| ask_once(another, deadline, &mut facts)), &mut facts);
    }
    facts
}

/// What a probe on the host sees, where no step needed one.
pub(super) fn at_host(integrity: &Integrity, deadline: Instant) -> Facts {
    let mut facts = Facts::new();
    let host = ActorProcess::host(integrity).map_err(NoReply::from);
    note(host.and_then(|host| ask_once(host, deadline, &mut facts)), &mut facts);
    facts
}

fn ask_once(mut acting: ActorProcess, deadline: Instant, facts: &mut Facts) -> Result<(), NoReply> {
    ask(&mut acting, deadline, facts)?;
    acting.stop()
}

fn ask(acting: &mut ActorProcess, deadline: Instant, facts: &mut Facts) -> Result<(), NoReply> {
    for (word, operation) in LOOKS {
        facts.insert(word.to_owned(), acting.ask(&operation, deadline)?.outcome);
    }
    Ok(())
}

fn note(asked: Result<(), NoReply>, facts: &mut Facts) {
    if let Err(reason) = asked {
        facts.insert("another probe".into(), Outcome::Broken(reason.words()));
    }
}
