//! Whose fault it is that an actor is gone.

use super::*;

const ENDS: &str = r#"
about = "x"
covers = []

BOX

[container.open]
namespaces = ["uts"]

[[step]]
in = "HOST"
do = DO

[[step]]
name = "last"
in = "box"
do = "process"

[[step]]
in = "open"
do = "hostname"
"#;

/// The status if the second step's actor, or the first step's own, is gone.
fn gone(by: &str, operation: &str, at: u32) -> Status {
    // It has a PID namespace of its own, or that of the one that is ended.
    let joins = operation.contains("first");
    let container = if joins {
        "[container.first]\nnamespaces = [\"pid\"]\n[container.box]\njoin = { pid = \"first\" }"
    } else {
        "[container.box]\nnamespaces = [\"pid\"]"
    };
    let text = ENDS.replace("HOST", by).replace("DO", operation).replace("BOX", container);
    let scenario = crate::scenario::parse("uts/ends", "ends.toml", &text).unwrap();
    let built = |name: &str| Event::Built { container: name.into(), pid: 9 };
    let steps = (0..3).map(|index| match index {
        _ if index == at => step(index, Outcome::NoActor("`box` was killed by SIGKILL".into())),
        _ => step(index, Outcome::Value(json!(null))),
    });
    let mut events = vec![Event::Begin { scenario: "uts/ends".into() }];
    events.extend(joins.then(|| built("first")));
    events.extend([built("box"), built("open")]);
    events.extend(steps);
    events.extend([Event::Oracles(Oracles::default()), Event::End { steps: 3 }]);
    judge(&scenario, &Evidence::collect("key", &lines(events))).status
}

#[rstest]
#[case::nobody_killed_it("host", r#""hostname""#, 1, Status::Fail)]
#[case::asked_for_only("host", r#"{ kill = { container = "box", signal = "0" } }"#, 1, Status::Fail)]
#[case::another_was_killed("host", r#"{ kill = { container = "open", signal = "KILL" } }"#, 1, Status::Fail)]
#[case::pid_1_is_immune("box", r#"{ kill = { pid = 1, signal = "KILL" } }"#, 0, Status::Fail)]
#[case::no_signal_leaves_its_namespace("box", r#"{ kill = { pid = 2, signal = "KILL" } }"#, 1, Status::Fail)]
#[case::the_host_killed_it("host", r#"{ kill = { container = "box", signal = "KILL" } }"#, 1, Status::Error)]
#[case::the_host_killed_a_number("host", r#"{ kill = { pid = 9, signal = "KILL" } }"#, 1, Status::Error)]
#[case::one_that_sees_it_killed_it("open", r#"{ kill = { pid = -1, signal = "KILL" } }"#, 1, Status::Error)]
#[case::the_host_killed_its_cgroup(
    "host",
    r#"{ write = { path = "/sys/fs/cgroup/x/cgroup.kill", text = "1" } }"#,
    1,
    Status::Error
)]
#[case::another_file(
    "host",
    r#"{ write = { path = "/sys/fs/cgroup/x/cgroup.procs", text = "1" } }"#,
    1,
    Status::Fail
)]
#[case::the_host_killed_by_a_call(
    "host",
    r#"{ syscall = { name = "kill", args = [9, 9] } }"#,
    1,
    Status::Error
)]
#[case::the_host_killed_its_pid_1(
    "host",
    r#"{ kill = { container = "first", signal = "KILL" } }"#,
    1,
    Status::Error
)]
#[case::the_host_stopped_its_pid_1("host", r#"{ stop = "first" }"#, 1, Status::Error)]
#[case::it_ended_itself("box", r#"{ syscall = { name = "munmap", args = [0, -1] } }"#, 0, Status::Error)]
#[case::it_lit_a_fuse("box", r#"{ syscall = { name = "alarm", args = [1] } }"#, 1, Status::Error)]
fn an_actor_that_nobody_killed_is_not_gone(
    #[case] by: &str,
    #[case] operation: &str,
    #[case] at: u32,
    #[case] status: Status,
) {
    assert_eq!(gone(by, operation, at), status);
}
