//! Words from outside that act on a terminal, or are a command to the runner of a CI: none is printed as it is.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rstest::rstest;
use runtime::output::acts;

use crate::common::{Need, Said, need, nsrun, specification};

/// ESC, a C1 control, a change of direction, and a line of its own.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}2J\u{202e}y\n::error::z\r";

fn say(args: &[&str]) -> Said {
    let args = args.iter().map(|arg| arg.replace("HOSTILE", HOSTILE));
    Said::of(Command::new(nsrun()).args(args).stdin(Stdio::null()).output().unwrap())
}

/// What it is about is told, and nothing of it raw.
#[track_caller]
fn is_harmless(said: &Said) {
    let text = format!("{}{}", said.out, said.err);
    let raw: Vec<char> = text.chars().filter(|&c| c != '\n' && acts(c)).collect();
    assert!(raw.is_empty(), "{raw:?} in {text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
    assert!(text.contains(r"\u{1b}[2J") || text.contains(r"\033[2J"), "{text}");
}

#[rstest]
#[case::no_command(&["HOSTILE"])]
#[case::no_flag(&["run", "--HOSTILE"])]
#[case::no_value(&["run", "--uid", "HOSTILE"])]
#[case::no_value_of_exec(&["exec", "HOSTILE", "--", "true"])]
#[case::no_pair(&["run", "--env", "HOSTILE"])]
#[case::no_capability(&["run", "--cap-drop", "HOSTILE"])]
#[case::no_size(&["run", "-m", "--tmpfs", "HOSTILE"])]
#[case::no_specification(&["run", "--spec", "/HOSTILE"])]
#[case::explained(&["explain", "--all", "--hostname", "HOSTILE", "--root", "/HOSTILE", "--proc", "--bind", "/HOSTILE:/HOSTILE",
    "--cwd", "/HOSTILE", "--env", "a=HOSTILE", "--cgroup", "HOSTILE", "--sysctl", "HOSTILE.x=HOSTILE", "--", "HOSTILE", "HOSTILE"])]
fn what_arguments_say_is_not_printed_raw(#[case] args: &[&str]) {
    is_harmless(&say(args));
}

#[rstest]
#[case::a_step_that_fails(&["run", "-m", "--root", "/HOSTILE", "--", "true"])]
#[case::a_program_that_is_not_there(&["run", "--", "/HOSTILE"])]
#[case::a_working_directory(&["run", "--cwd", "/HOSTILE", "--", "true"])]
#[case::a_trace(&["run", "--uts", "--trace", "--hostname", "HOSTILE", "--", "true"])]
fn what_the_steps_are_about_is_not_printed_raw(#[case] args: &[&str]) {
    if need(Need::Root) {
        is_harmless(&say(args));
    }
}

#[rstest]
#[case::a_key("\"HOSTILE\" = 1")]
#[case::a_value("hostname = 1 # HOSTILE")]
#[case::a_variant("namespaces = [\"HOSTILE\"]")]
fn what_a_specification_says_is_not_printed_raw(#[case] text: &str) {
    let escaped = HOSTILE.replace('\n', "\\n").replace('\r', "\\r").replace('\u{1b}', "\\u001b");
    let raw = HOSTILE.replace(['\n', '\r', '\u{1b}'], "");
    // A comment takes no escapes, and no controls but this.
    let word = if text.contains('#') { &raw } else { &escaped };
    let spec = specification(&text.replace("HOSTILE", word));
    let said = say(&["run", "--spec", spec.path().to_str().unwrap(), "--", "true"]);
    assert_eq!(said.code, Some(125));
    let shown = format!("{}{}", said.out, said.err);
    assert!(!shown.chars().any(|c| c != '\n' && acts(c)), "{shown:?}");
    assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
    assert!(shown.contains(r"\u{202e}y"), "{shown}");
}

#[test]
fn the_name_that_it_is_called_by_is_not_printed() {
    let mut called = Command::new(nsrun());
    let said = Said::of(called.arg0(HOSTILE).args(["run", "--help"]).output().unwrap());
    assert!(
        said.out.contains("Usage: nsrun run ") && !said.out.chars().any(|c| c != '\n' && acts(c)),
        "{said:?}"
    );
}

#[test]
fn what_is_explained_can_be_typed() {
    let folder = tempfile::tempdir().unwrap();
    let words = [HOSTILE, "it's", "two words", "$(touch forged)", ""];
    let args = [&["explain", "--", "printf", "<%s>"], &words[..]].concat();
    let explained = Said::of(Command::new(nsrun()).args(args).stdin(Stdio::null()).output().unwrap()).ok();
    let command =
        explained.lines().filter_map(|line| line.trim_start().strip_prefix("$ ")).next_back().unwrap();
    let typed = Command::new("bash").args(["-c", command]).current_dir(&folder).output().unwrap();
    let expected: String = words.iter().map(|word| format!("<{word}>")).collect();
    assert_eq!(Said::of(typed).ok(), expected, "{command}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
