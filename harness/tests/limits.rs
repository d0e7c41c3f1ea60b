//! Scenario files that are far too large: each is valid, or an error of a few lines, in bounded time.

use std::fs;
use std::time::{Duration, Instant};

use harness::scenario::load;

/// Far above what the slowest of these takes, which is a second on a busy machine; what grows with the square or the cube
/// takes minutes.
const TIME: Duration = Duration::from_secs(15);
/// Bytes of all that is said.
const SAID: usize = 100_000;

const HEAD: &str = "about = \"x\"\n";
const STEP: &str = "[[step]]\nin = \"host\"\ndo = \"hostname\"\n";

fn many(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect()
}

/// What comes of a file; an error's report.
fn loaded(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    fs::write(&path, text).unwrap();
    let began = Instant::now();
    let done = load(folder.path(), &[]).map(drop).map_err(|problems| problems.render(false));
    assert!(began.elapsed() < TIME, "it took {:?}", began.elapsed());
    done
}

#[test]
fn ten_thousand_steps_are_no_problem() {
    loaded(&(HEAD.to_owned() + &STEP.repeat(10_000))).unwrap();
    let named = many(8_000, |number| {
        let earlier = number.saturating_sub(1);
        format!("[[step]]\nname = \"s{number}\"\nin = \"host\"\ndo = \"hostname\"\n")
            + &if number == 0 { String::new() } else { format!("expect = {{ same-as = \"s{earlier}\" }}\n") }
    });
    loaded(&(HEAD.to_owned() + &named)).unwrap();
}

fn list(key: &str, count: usize, item: impl Fn(usize) -> String) -> String {
    format!("{HEAD}{key} = [{}]\n{STEP}", many(count, |number| item(number) + ","))
}

fn container(field: &str, count: usize, item: impl Fn(usize) -> String) -> String {
    let items = many(count, |number| item(number) + ",");
    format!("{HEAD}[container.box]\nnamespaces = [\"net\", \"mount\"]\n{field} = [{items}]\n{STEP}")
}

#[rstest::rstest]
#[case::the_same_property(list("covers", 100_000, |_| "\"P1\"".into()), "and 81 more")]
#[case::unknown_properties(list("covers", 90_000, |n| format!("\"Q{n}\"")), "unknown property `Q0`")]
#[case::unknown_keys(many(20_000, |n| format!("key{n} = 1\n")) + STEP, "unknown key `key0`")]
#[case::unknown_needs(list("needs", 30_000, |n| format!("{{ x{n} = 1 }}")), "unknown need `x0`")]
#[case::needs_of_a_kind(list("needs", 30_000, |n| format!("{{ path = {n} }}")), "`path` takes")]
#[case::unknown_words(
    format!("{HEAD}{}", many(15_000, |n| format!("[[step]]\nin = \"host\"\ndo = \"hostnam{n}\"\n"))),
    "unknown operation `hostnam0`"
)]
#[case::a_long_line(format!("about = \"{}\" x\n{STEP}", "y".repeat(70_000)), "this is not TOML")]
#[case::a_long_word(format!("{HEAD}{} = 1\n{STEP}", "y".repeat(70_000)), "unknown key")]
#[case::a_long_line_of_what_is_wrong(
    format!("{HEAD}x = \"{}\"\n{STEP}", "\u{20ac}".repeat(70_000)), "unknown key `x`"
)]
#[case::containers(
    HEAD.to_owned() + &many(10_000, |n| format!("[container.c{n}]\njoin = {{ net = \"d\" }}\n")) + STEP,
    "10000 containers are too many"
)]
#[case::links(
    container("links", 10_000, |n| format!("{{ host = \"a{n}\", container = \"b{n}\" }}")),
    "no step looks at the container `box`"
)]
#[case::the_same_link(
    container("links", 10_000, |_| "{ host = \"a\", container = \"b\" }".into()), "claimed twice"
)]
#[case::mounts(
    container("mounts", 10_000, |_| "{ type = \"tmpfs\", target = \"x\", options = [\"no\"] }".into()),
    "and 81 more"
)]
#[case::an_unknown_step(
    format!(
        "{HEAD}{}{STEP}expect = {{ same-as = \"x\" }}\n",
        many(8_000, |n| format!("[[step]]\nname = \"s{n}\"\nin = \"host\"\ndo = \"hostname\"\n"))
    ),
    "there are 8000 steps, from `s0` to `s7999`"
)]
#[case::the_same_name(
    HEAD.to_owned() + &many(8_000, |_| "[[step]]\nname = \"s\"\nin = \"host\"\ndo = \"hostname\"\n".into()),
    "two steps are called `s`"
)]
#[case::brackets(format!("{HEAD}x = {}", "[".repeat(500_000)), "this is not TOML")]
#[case::larger_than_any_scenario(HEAD.to_owned() + &"#\n".repeat(600_000), "it is larger than 1 MiB")]
fn far_too_much_is_told_in_a_few_lines(#[case] text: String, #[case] told: &str) {
    let report = loaded(&text).unwrap_err();
    assert!(report.contains(told), "{}", &report[..report.len().min(3000)]);
    assert!(report.len() < SAID, "{} bytes: {}", report.len(), &report[..3000]);
    assert!(report.trim_end().ends_with("nothing was run"), "{report}");
}

#[rstest::rstest]
#[case::longest("deadline = \"60m\"", None)]
#[case::too_long("deadline = \"61m\"", Some("`61m` is too long a time"))]
#[case::largest("deadline = \"18446744073709551615ms\"", Some("is too long a time"))]
#[case::larger("deadline = \"18446744073709551616ms\"", Some("is not a time"))]
fn a_deadline_is_at_most_an_hour(#[case] line: &str, #[case] told: Option<&str>) {
    let report = loaded(&format!("{HEAD}{line}\n{STEP}")).err();
    assert!(
        report.as_deref().map_or(told.is_none(), |report| report.contains(told.unwrap_or("?"))),
        "{report:?}"
    );
}

#[rstest::rstest]
#[case::escapes("/a~0b~1c", None)]
#[case::no_such_escape("/a~2b", Some("`~2`"))]
#[case::an_escape_that_is_cut("/a~", Some("`~`"))]
#[case::no_slash("a", Some("begins with a slash"))]
fn a_pointer_is_one(#[case] pointer: &str, #[case] told: Option<&str>) {
    let expect = format!("expect = {{ at = \"{pointer}\", is = 1 }}\n");
    let report = loaded(&format!("{HEAD}{STEP}{expect}")).err();
    assert!(
        report.as_deref().map_or(told.is_none(), |report| report.contains(told.unwrap_or("?"))),
        "{report:?}"
    );
}

#[test]
fn what_is_no_regular_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo.toml");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.toml")).unwrap();
    for filter in [vec![], vec![fifo.display().to_string()]] {
        let report = load(folder.path(), &filter).unwrap_err().render(false);
        assert!(report.contains("fifo.toml: it is a FIFO, not a regular file"), "{report}");
        assert!(
            filter.len() == 1 || report.contains("zero.toml: it is a device, not a regular file"),
            "{report}"
        );
    }
}
