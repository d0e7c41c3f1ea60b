//! The workflows and the action: checked by the programs that know GitHub's rules, and every `run:` step run for real.

mod released;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

const WORKFLOWS: [&str; 2] = [".github/workflows/ci.yml", ".github/workflows/release.yml"];
const ACTION: &str = "ci/action.yml";

/// What checks the files, each at the version that is known to pass them.
const TOOLS: [&str; 2] = ["check-jsonschema==0.39.0", "zizmor==1.32.0"];

/// Steps that are not run here, each with its reason.
const ELSEWHERE: [(&str, &str); 4] = [
    ("release: See that it runs", "the program of one file has a test of its own"),
    ("release: Release it", "there is a GitHub only there"),
    ("test: sudo -E env \"PATH=$PATH\" \"HOME=$HOME\" .ci/run", "it runs this test"),
    ("vm-test: Lose every verdict that can be lost", "the self-test has a test of its own"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace")
}

/// A Python environment with [`TOOLS`], made once.
static TOOLBOX: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(TOOLS.join("-"));
    let whole = folder.join("whole");
    if !whole.exists() {
        let make = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).output();
        succeeded(make, "no Python environment can be made: install python3 and python3-venv");
        let install = ["install", "--quiet", "--disable-pip-version-check"];
        let pip = Command::new(folder.join("bin/pip")).args(install).args(TOOLS).output();
        succeeded(pip, "pip cannot install the checking programs: is its package registry to be reached?");
        fs::write(whole, "").unwrap();
    }
    folder.join("bin")
});

#[track_caller]
fn succeeded(output: std::io::Result<Output>, otherwise: &str) -> String {
    let output = output.unwrap_or_else(|error| panic!("{otherwise}: {error}"));
    let text = text(&output);
    assert!(output.status.success(), "{otherwise}\n{text}");
    text
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A program of the toolbox, run in the repository.
fn tool(name: &str) -> Command {
    let mut command = Command::new(TOOLBOX.join(name));
    command.current_dir(root());
    command
}

/// A YAML file's content.
fn yaml(path: &Path) -> Value {
    let read = "import json, sys, ruamel.yaml\n\
        print(json.dumps(ruamel.yaml.YAML(typ='safe').load(open(sys.argv[1], encoding='utf-8'))))";
    let json = succeeded(tool("python3").args(["-c", read]).arg(path).output(), "the file is not YAML");
    serde_json::from_str(&json).expect("JSON comes out of Python")
}

#[test]
fn the_files_are_what_github_takes() {
    let workflows = WORKFLOWS.map(|file| ("github-workflows", file));
    for (schema, file) in workflows.into_iter().chain([("github-actions", ACTION)]) {
        let schema = format!("vendor.{schema}");
        let checked = tool("check-jsonschema").args(["--builtin-schema", &schema, file]).output();
        succeeded(checked, "the file is not as GitHub's schema has it");
    }
}

#[test]
fn the_files_are_safe() {
    let checked = tool("zizmor").args(["--offline", "--no-progress", ACTION]).args(WORKFLOWS).output();
    succeeded(checked, "zizmor found something");
}

#[test]
fn what_the_readme_shows_is_a_workflow_with_inputs_that_there_are() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("shown.yml");
    fs::write(&file, shown.expect("the README shows a workflow")).unwrap();
    let checked =
        tool("check-jsonschema").args(["--builtin-schema", "vendor.github-workflows"]).arg(&file).output();
    succeeded(checked, "the README's workflow is not as GitHub's schema has it");
    let inputs = &yaml(&root().join(ACTION))["inputs"];
    let used: Vec<Value> = steps(&yaml(&file)["jobs"]["isolation"]["steps"])
        .filter(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("nsproof/ci@")))
        .collect();
    assert_eq!(used.len(), 1, "{used:?}");
    for name in used[0]["with"].as_object().expect("inputs").keys() {
        assert!(inputs.get(name).is_some(), "the action has no input {name}");
    }
}

fn steps(list: &Value) -> impl Iterator<Item = Value> {
    list.as_array().cloned().unwrap_or_default().into_iter()
}

/// A `run:` step, as it is written.
struct Step {
    /// Its job, and its name or its first line: `test: .ci/run`.
    name: String,
    script: String,
    env: BTreeMap<String, String>,
}

/// Every `run:` step of the workflows and of the action.
fn all() -> Vec<Step> {
    let action = yaml(&root().join(ACTION));
    let workflows = WORKFLOWS.map(|file| yaml(&root().join(file)));
    let jobs = workflows.iter().flat_map(|workflow| workflow["jobs"].as_object().expect("jobs"));
    let mut lists: Vec<(&str, &Value)> = jobs.map(|(job, value)| (&**job, &value["steps"])).collect();
    lists.push(("action", &action["runs"]["steps"]));
    let mut all = Vec::new();
    for (job, list) in lists {
        for step in steps(list) {
            let Some(script) = step["run"].as_str() else { continue };
            let first = script.lines().next().unwrap_or_default();
            let env = step["env"].as_object().cloned().unwrap_or_default();
            all.push(Step {
                name: format!("{job}: {}", step["name"].as_str().unwrap_or(first)),
                script: script.to_owned(),
                env: env
                    .into_iter()
                    .map(|(name, value)| (name, input(&action, value.as_str().expect("a text"))))
                    .collect(),
            });
        }
    }
    all
}

/// `${{ inputs.kernel }}` → that input's default. What another job gives is for the test to say.
fn input(action: &Value, expression: &str) -> String {
    if ["needs", "matrix", "github", "steps"]
        .iter()
        .any(|from| expression.starts_with(&format!("${{{{ {from}.")))
    {
        return String::new();
    }
    let name = expression.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"));
    let name = name.unwrap_or_else(|| panic!("{expression} is no input: this test cannot run its step"));
    action["inputs"][name]["default"].as_str().expect("a default").to_owned()
}

/// What came of a step.
struct Ran {
    code: Option<i32>,
    log: String,
    outputs: BTreeMap<String, String>,
    summary: String,
}

impl Step {
    fn named(name: &str) -> Self {
        all().into_iter().find(|step| step.name == name).unwrap_or_else(|| panic!("there is no step {name}"))
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        *self.env.get_mut(name).unwrap_or_else(|| panic!("{name} is not in the step's environment")) =
            value.into();
        self
    }

    /// Runs it as the runner does: from a file, by a bash that stops at the first error.
    fn run(&self, folder: &Path, path: Option<&Path>) -> Ran {
        let files = TempDir::new().unwrap();
        let [script, outputs, summary] =
            ["script.sh", "outputs", "summary"].map(|name| files.path().join(name));
        fs::write(&script, &self.script).unwrap();
        for file in [&outputs, &summary] {
            fs::write(file, "").unwrap();
        }
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&script);
        bash.current_dir(folder).envs(&self.env).stdin(Stdio::null()).env("GITHUB_ACTIONS", "true");
        bash.env("GITHUB_ACTION_PATH", root().join("ci")).env("GITHUB_WORKSPACE", folder);
        bash.env("RUNNER_TEMP", folder);
        bash.env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", &summary);
        if let Some(first) = path {
            let rest = std::env::var_os("PATH").unwrap_or_default();
            let all = [first.to_path_buf()].into_iter().chain(std::env::split_paths(&rest));
            bash.env("PATH", std::env::join_paths(all).unwrap());
        }
        let output = bash.output().expect("bash runs");
        let outputs = fs::read_to_string(outputs).unwrap();
        let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ran {
            code: output.status.code(),
            log: text(&output),
            outputs: outputs.lines().filter_map(pair).collect(),
            summary: fs::read_to_string(summary).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    fn assert(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.log);
        for word in words {
            assert!(self.log.contains(word), "{word:?} is not in:\n{}", self.log);
        }
    }
}

const KVM: &str = "action: Let everyone use KVM";
const CACHE: &str = "action: Find the caches";
const HAVE: &str = "action: Have nsproof";
const RUN: &str = "action: Run the scenarios";
const MATRIX: &str = "matrix: jobs=$(cargo xtask matrix)";
const MERGE: &str = "report: Put the parts together";
const DIST: &str = "release: Build what is released";

#[test]
fn every_step_is_run_here_or_there_is_a_reason() {
    let mut found: Vec<String> = all().into_iter().map(|step| step.name).collect();
    let here = [KVM, CACHE, HAVE, RUN, MATRIX, MERGE, DIST].into_iter();
    let mut known: Vec<&str> = here.chain(ELSEWHERE.map(|(name, _)| name)).collect();
    found.sort();
    known.sort_unstable();
    assert_eq!(found, known, "write a test for what is new, or say where it is run");
}

/// In a mount namespace of its own, as nobody, with a `/dev/kvm` that is root's, and a sudo that gives no rights.
#[test]
fn kvm_is_for_everyone_afterwards() {
    let folder = TempDir::new().unwrap();
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).unwrap();
    program(&programs.join("sudo"), "exec \"$@\"");
    program(&programs.join("udevadm"), "echo \"udevadm $*\"");
    let script = folder.path().join("step.sh");
    fs::write(&script, Step::named(KVM).script).unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let around = "mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 600 /dev/kvm c 10 232 && \
        mount -t tmpfs none /etc && mkdir -p /etc/udev/rules.d && chmod 777 /etc/udev/rules.d && \
        PATH=$1:$PATH setpriv --reuid 65534 --regid 65534 --clear-groups bash -eo pipefail $2 && \
        cat /etc/udev/rules.d/*";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--", "sh", "-c", around, "sh"]).arg(&programs).arg(&script);
    let log = succeeded(unshare.output(), KVM);
    let rule = r#"KERNEL=="kvm", GROUP="kvm", MODE="0666""#;
    assert_eq!(log.matches(rule).count(), 2, "told once and written once: {log}");
    assert!(log.contains("udevadm control --reload-rules\nudevadm trigger --name-match=kvm"), "{log}");
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn the_caches_are_called_by_what_is_in_them() {
    let run = |kernels: &str| Step::named(CACHE).with("KERNELS", kernels).run(root(), None);
    let ran = run("distro");
    ran.assert(0, &[]);
    assert_eq!(Path::new(&ran.outputs["cache"]), vm::Cache::open().unwrap().root());
    for folder in ["cargo", "target"] {
        assert!(Path::new(&ran.outputs[folder]).is_dir(), "{:?}", ran.outputs);
    }
    for key in ["kernels", "build"] {
        assert!(ran.outputs[key].len() == 16, "{:?}", ran.outputs);
    }
    assert_ne!(run("debian-6.12").outputs["kernels"], ran.outputs["kernels"]);
    assert_eq!(run("debian-6.12").outputs["build"], ran.outputs["build"]);
}

/// rustup chooses the compiler by the folder that it is called in, and a project may have chosen another one.
#[test]
fn the_build_is_called_by_the_compiler_of_nsproof() {
    let (project, programs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    program(&programs.path().join("rustc"), "pwd");
    let key = |folder: &Path| Step::named(CACHE).run(folder, Some(programs.path())).outputs["build"].clone();
    assert_eq!(key(project.path()), key(root()));
}

#[test]
fn the_matrix_has_a_job_for_each_kernel() {
    let ran = Step::named(MATRIX).run(root(), None);
    ran.assert(0, &[]);
    let jobs: Value = serde_json::from_str(&ran.outputs["jobs"]).expect("JSON");
    let jobs = jobs["include"].as_array().expect("jobs");
    for key in ["kernel", "shard", "name"] {
        assert!(jobs.len() > 1 && jobs.iter().all(|job| job[key].is_string()), "{jobs:?}");
    }
}

/// The action's last steps in a project of its own, in two parts, and what puts them together.
#[test]
fn the_action_runs_scenarios_and_tells_of_them() {
    let built = Step::named(HAVE).run(root(), None);
    built.assert(0, &[]);
    let project = TempDir::new().unwrap();
    let scenarios = root().join("ci/tests/scenarios");
    for name in ["wrong-expectation.toml", "unmet-need.toml"] {
        fs::copy(scenarios.join(name), project.path().join(name)).unwrap();
    }
    let filters = "wrong-expectation.toml\n\nunmet-need.toml\n";
    let program = &built.outputs["program"];
    let step = || Step::named(RUN).with("PROGRAM", program).with("FILTERS", filters).with("JOBS", "1");

    let ran = step().run(project.path(), None);
    ran.assert(
        1,
        &["::error file=wrong-expectation.toml,line=10,title=fail%3A wrong-expectation on distro::"],
    );
    assert_eq!(ran.outputs["status"], "1");
    assert!(ran.summary.contains("## fail: wrong-expectation"), "{}", ran.summary);
    let report = project.path().join(&ran.outputs["report"]);
    for file in ["report.json", "junit.xml", "repro/distro/wrong-expectation/qemu.sh"] {
        assert!(report.join(file).is_file(), "{file} is missing");
    }

    let parts = project.path().join("reports");
    for (index, code) in [("1", 0), ("2", 1)] {
        let folder = format!("reports/nsproof-{index}");
        let ran = step().with("SHARD", format!("{index}/2")).with("SUMMARY", "false").with("REPORT", folder);
        let ran = ran.run(project.path(), None);
        ran.assert(code, &[]);
        assert!(ran.summary.is_empty() && !ran.log.contains("::error"), "{}", ran.log);
    }
    the_parts_are_put_together(project.path(), &parts);

    step().with("LOCKED", "true").run(project.path(), None).assert(3, &["kernels.lock"]);
    step()
        .with("DENY_SKIPS", "true")
        .with("FILTERS", "unmet-need.toml")
        .run(project.path(), None)
        .assert(1, &[]);
    what_is_given_is_never_executed(project.path(), program);
}

/// Stands in for cargo: outside of the repository that would not know what xtask is.
fn cargo(programs: &Path) {
    let (cargo, xtask) = (env!("CARGO"), env!("CARGO_BIN_EXE_xtask"));
    program(&programs.join("cargo"), &format!("shift\nCARGO={cargo} exec {xtask} \"$@\""));
}

fn the_parts_are_put_together(project: &Path, parts: &Path) {
    let programs = TempDir::new().unwrap();
    cargo(programs.path());
    let job = |kernel: &str, shard: &str| json!({ "kernel": kernel, "shard": shard, "name": kernel });
    let matrix = json!({ "include": [job("distro", "1/2"), job("distro", "2/2"), job("host", "1/1")] });
    let ran = Step::named(MERGE).with("MATRIX", matrix.to_string()).run(project, Some(programs.path()));
    ran.assert(1, &["::error file=wrong-expectation.toml,line=10"]);
    assert!(ran.summary.contains("**1** fail, **1** skip, **0** error, **2** miss"), "{}", ran.summary);
    assert!(parts.join("report.json").is_file());
}

fn what_is_given_is_never_executed(project: &Path, program: &str) {
    let step = || Step::named(RUN).with("PROGRAM", program);
    let trap = "$(touch trapped); touch trapped #`touch trapped`\" 'x";
    for name in ["FILTERS", "KERNELS", "JOBS", "ACCEL", "SHARD", "BASELINE"] {
        let ran = step().with(name, trap).run(project, None);
        ran.assert(2, &["touch trapped"]);
    }
    let ran = step().with("FILTERS", "--help").run(project, None);
    ran.assert(2, &["no scenario matches `--help`"]);
    step().with("REPORT", "a\nstatus=0").run(project, None).assert(2, &["in one line"]);
    for (given, words) in [(trap, "neither a file nor a version"), ("a\nprogram=/bin/true", "in one line")] {
        Step::named(HAVE).with("NSPROOF", given).run(project, None).assert(2, &[words]);
    }
    assert!(!project.join("trapped").exists());
}
