//! A run with every status, on several kernels, and with characters that mean something to a format.

use harness::judge::{Verdict, judge};
use harness::report::{Again, Kernel, Outcome, Percentiles, Run};
use harness::scenario::{Scenario, parse};
use protocol::event::{Oracles, Outcome as Observation};
use protocol::evidence::{Carried, Evidence};
use protocol::plan::Need;
use serde_json::json;

pub(crate) const KERNELS: [&str; 3] = ["debian-6.1", "debian-6.12", "my \"<b>odd</b>\" & #1 kernel"];

/// A script that must stay text wherever it comes to stand.
pub(crate) const SCRIPT: &str =
    "</script></svg><img src=x onerror='window.pwned = 1'><script>window.pwned = 1</script>";

const NEIGHBOURS: &str = r#"about = "A neighbour's network is not one's own."
covers = ["P37", "P41", "P63"]
needs  = [{ module = "veth" }]

[container.box]
namespaces = ["uts", "pid", "net", "mount"]
hostname   = "mycontainer"
proc       = true
loopback   = true
root       = { tmpfs = "50M", skeleton = "/skeleton" }
mounts     = [{ type = "tmpfs", target = "/x", options = ["nosuid"], data = "size=1M" }]

[[container.box.links]]
host              = "mybr0"
host-address      = "192.168.47.11/24"
container         = "mybr1"
container-address = "192.168.47.12/24"

[container.neighbour]
namespaces = ["user", "ipc", "cgroup"]
join       = { net = "box" }

[container.stranger]
namespaces = ["net"]
devices    = [{ name = "dummy0", rename = "eth0", address = "10.0.0.2/24" }]

[[step]]
in     = "box"
do     = { ping = "192.168.47.11" }
expect = { at = "/from", is = "192.168.47.11" }

[[step]]
name   = "the neighbour has the same interfaces"
in     = "neighbour"
via    = "exec"
do     = "interfaces"
expect = [{ contains = ["lo", "mybr1"] }, { at = "/mybr1/addresses", is = ["192.168.47.12/24"] }]

[[step]]
name = "the stranger has none of them"
in   = "stranger"
do   = "interfaces"
expect = { lacks = "mybr1" }
"#;

const ODD: &str = r##"about = "Odd: <script>window.pwned = 1</script> & \"quotes\", `ticks`, 100 %, größe, 日本."

[container.box]
namespaces = ["uts", "mount"]
hostname   = "</script><script>window.pwned = 1</script>"
mounts     = [{ type = "tmpfs", target = "/</text></svg><script>window.pwned = 1</script>" }]

[[step]]
name   = "hash # and \\ and ]]> and <b>&amp;\"'`\n100% größe 日本 \u001b[31m"
in     = "box"
do     = "hostname"
expect = "<script>window.pwned = 1</script> & \"mycontainer\""

[[step]]
name   = "# SKIP of a name"
in     = "host"
do     = "hostname"
"##;

const HOSTNAME: &str = r#"about = "A container's hostname is its own."
covers = ["P1", "P2"]
needs  = [{ module = "veth" }]

[container.box]
namespaces = ["uts"]
hostname   = "mycontainer"

[[step]]
in     = "box"
do     = "hostname"
expect = "mycontainer"
"#;

/// The run: seven scenarios on three kernels.
pub(crate) fn run() -> Run {
    let scenarios = scenarios();
    let results = KERNELS.iter().flat_map(|kernel| {
        let results = scenarios.iter().map(|scenario| result(kernel, scenario));
        results.collect::<Vec<_>>()
    });
    let results = results.collect();
    let kernels = KERNELS.iter().map(|name| kernel(name)).collect();
    Run::new("2026-11-24T10:00:00Z".into(), kernels, &scenarios, results)
}

fn scenarios() -> Vec<Scenario> {
    let files = [
        ("net/neighbours", NEIGHBOURS),
        ("odd/characters", ODD),
        ("uts/hostname", HOSTNAME),
        ("uts/skipped", HOSTNAME),
        ("uts/broken", HOSTNAME),
        ("uts/lost", HOSTNAME),
        ("uts/left-behind", HOSTNAME),
    ];
    let read = |(name, text): (&str, &str)| parse(name, &format!("scenarios/{name}.toml"), text).unwrap();
    files.map(read).into()
}

fn kernel(name: &str) -> Kernel {
    Kernel {
        name: name.into(),
        release: "6.1.0-56-cloud-amd64".into(),
        accel: "tcg".into(),
        accel_reason: "no KVM: this CPU shows neither vmx nor svm".into(),
        isolation: "clone".into(),
        boot_ms: Some(1890),
        clone_ms: Some(Percentiles { p50: 75.5, p99: 90.0 }),
        blind: [("kernel log".into(), "cannot tell of warnings: no CONFIG_BUG".into())].into(),
    }
}

fn result(kernel: &str, scenario: &Scenario) -> Outcome {
    let mut result = Outcome::new(kernel, "nsproof", scenario, verdict(kernel, scenario), 340);
    if scenario.name == "uts/lost" {
        result.console = vec!["Kernel panic - not syncing: # sysrq ]]> \u{1b}[2J<b>".into()];
    }
    if scenario.name == "uts/left-behind" {
        result.again = Some(Again { status: harness::judge::Status::Pass, reason: None, accel: None });
    }
    result
}

fn verdict(kernel: &str, scenario: &Scenario) -> Verdict {
    let good = || Observation::Value("mycontainer".into());
    match &*scenario.name {
        "net/neighbours" => judge(scenario, &neighbours(scenario, kernel == KERNELS[1])),
        "odd/characters" => judge(scenario, &evidence(scenario, vec![text(SCRIPT), good()])),
        "uts/skipped" => {
            let reason = "# CONFIG_VETH is not set: \\ <b> größe\u{1b}";
            Verdict::skipped(scenario, &Need::Module("veth".into()), reason)
        }
        "uts/broken" => {
            judge(scenario, &evidence(scenario, vec![Observation::Broken("# the probe ]]> died".into())]))
        }
        "uts/lost" => {
            let mut lost = evidence(scenario, vec![good()]);
            lost.lose("the kernel panicked: # sysrq ]]> & <b>");
            judge(scenario, &lost)
        }
        "uts/left-behind" => {
            let mut left = evidence(scenario, vec![good()]);
            left.oracles = Some(Oracles {
                kernel_log: vec!["WARNING: CPU: 0 PID: 1 at net/core/dev.c:1 \u{1b}[2J<b>".into()],
                taint: 512,
                left_behind: vec!["interface mybr0".into(), "mount /x (tmpfs)".into()],
                ..Oracles::default()
            });
            judge(scenario, &left)
        }
        _ => judge(scenario, &evidence(scenario, vec![good()])),
    }
}

fn neighbours(scenario: &Scenario, leaks: bool) -> Evidence {
    let mine = json!({ "lo": { "up": true }, "mybr1": { "up": true, "addresses": ["192.168.47.12/24"] } });
    let mut theirs = json!({ "lo": { "up": false }, "eth0": { "addresses": ["10.0.0.2/24"] } });
    if leaks {
        theirs["mybr1"] = mine["mybr1"].clone();
    }
    let from = if leaks { "192.168.47.99" } else { "192.168.47.11" };
    let steps = [json!({ "from": from, "ms": 0.2 }), mine, theirs];
    evidence(scenario, steps.map(Observation::Value).into())
}

fn text(text: &str) -> Observation {
    Observation::Value(text.into())
}

fn evidence(scenario: &Scenario, outcomes: Vec<Observation>) -> Evidence {
    let names = scenario.containers.iter().map(|container| container.name.clone());
    Evidence {
        scenario: Some(scenario.name.clone()),
        built: names.zip(93..).collect(),
        steps: (0..).zip(outcomes.into_iter().map(|outcome| Carried { outcome, us: 1234 })).collect(),
        oracles: Some(Oracles::default()),
        ended: true,
        ..Evidence::default()
    }
}
