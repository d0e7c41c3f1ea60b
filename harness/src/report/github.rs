//! Annotations for GitHub Actions: workflow commands, a line each, that the runner reads from a step's output and shows at the
//! lines of the scenarios. (Documentation: "Workflow commands for GitHub Actions", "Setting an error message".)

use super::details::{blamed, of_result, repro_command};
use super::{Again, Outcome, Run, Step, nothing_proven, skipped};

/// Errors, and warnings, that GitHub shows of one step; it drops the rest.
const MOST: usize = 10;
/// Characters of a message. GitHub takes 64 KiB, people a few lines.
const MESSAGE: usize = 2000;

/// One annotation for each distinct failure, however many kernels have it; a warning where a second run disagrees.
pub fn render(run: &Run) -> String {
    let mut errors: Vec<String> = distinct(run).iter().map(|failure| failure.command(run)).collect();
    if let Some(words) = nothing_proven(run) {
        let why = skipped(run).unwrap_or_else(|| "see the reports".into());
        errors.insert(0, command("error", None, &words, &why));
    }
    let flaky = run.results.iter().filter_map(|result| Some((result, result.disagreement()?)));
    let warnings: Vec<String> = flaky.map(|(result, again)| warning(run, result, again)).collect();
    [limited("error", errors), limited("warning", warnings)].concat()
}

/// The same step of the same scenario, or the same end of it, on one kernel or several.
struct Failure<'a> {
    /// As it was on each kernel.
    results: Vec<&'a Outcome>,
    /// The step that is to blame; without one, the scenario as a whole.
    step: Option<&'a Step>,
}

fn distinct(run: &Run) -> Vec<Failure<'_>> {
    let mut failures: Vec<Failure<'_>> = Vec::new();
    let bad = run.results.iter().filter(|result| result.is_bad());
    for result in bad {
        let step = blamed(result);
        let line = |step: Option<&Step>| step.map(|step| step.line);
        let same = |failure: &&mut Failure<'_>| {
            let first = failure.results[0];
            (&first.scenario, first.status, line(failure.step))
                == (&result.scenario, result.status, line(step))
        };
        match failures.iter_mut().find(same) {
            Some(failure) => failure.results.push(result),
            None => failures.push(Failure { results: vec![result], step }),
        }
    }
    failures
}

impl Failure<'_> {
    fn command(&self, run: &Run) -> String {
        let first = self.results[0];
        let kernels: Vec<&str> = self.results.iter().map(|result| result.kernel.as_str()).collect();
        let title = format!("{}: {} on {}", first.status.word(), first.scenario, kernels.join(", "));
        let mut lines = of_result(run, first);
        lines.extend(repro_command(first));
        command("error", place(run, first, self.step), &title, &lines.join("\n"))
    }
}

fn warning(run: &Run, result: &Outcome, again: &Again) -> String {
    let title = format!("not the same twice: {} on {}", result.scenario, result.kernel);
    let message = format!("{}, and {} {}", result.status.word(), again.how(), again.status.word());
    command("warning", place(run, result, blamed(result)), &title, &message)
}

/// The scenario's file, and the line to show it at.
fn place<'a>(run: &'a Run, result: &Outcome, step: Option<&Step>) -> Option<(&'a str, usize)> {
    let source = run.scenarios.get(&result.scenario)?;
    Some((&source.file, step.map_or(1, |step| step.line)))
}

/// `::error file=scenarios/uts/hostname.toml,line=12,title=…::…`
fn command(kind: &str, place: Option<(&str, usize)>, title: &str, message: &str) -> String {
    let place = place.map_or(String::new(), |(file, line)| format!("file={},line={line},", property(file)));
    let message: String = message.chars().take(MESSAGE).collect();
    format!("::{kind} {place}title={}::{}\n", property(title), data(&message))
}

/// What GitHub would drop is counted in the last one.
fn limited(kind: &str, mut commands: Vec<String>) -> String {
    if commands.len() > MOST {
        let rest = commands.split_off(MOST - 1).len();
        let message =
            format!("GitHub shows {MOST} of a step; the job's summary and the reports have them all");
        commands.push(command(kind, None, &format!("{rest} more"), &message));
    }
    commands.concat()
}

/// Text after the command, as the runner reads it (actions/runner, ActionCommand.cs).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value, which a colon or a comma would end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_property_or_a_command_too_early() {
        let command = command("error", Some(("a,b:c.toml", 3)), "50%: x, y", "one\r\ntwo 100%0A::error::no");
        assert_eq!(
            command,
            "::error file=a%2Cb%3Ac.toml,line=3,title=50%25%3A x%2C y::one%0D%0Atwo 100%250A::error::no\n"
        );
        assert_eq!(command.lines().count(), 1);
    }

    #[rstest::rstest]
    #[case(10, 10, None)]
    #[case(11, 10, Some("::error title=2 more::"))]
    #[case(60, 10, Some("::error title=51 more::"))]
    fn no_more_than_github_shows(#[case] given: usize, #[case] shown: usize, #[case] last: Option<&str>) {
        let commands = (0..given).map(|number| command("error", None, &number.to_string(), "x")).collect();
        let text = limited("error", commands);
        assert_eq!(text.lines().count(), shown);
        let end = text.lines().last().unwrap();
        assert!(last.is_none_or(|last| end.starts_with(last)), "{end}");
    }

    #[test]
    fn a_message_is_cut() {
        let command = command("error", None, "title", &"x".repeat(100_000));
        assert_eq!(command.len(), "::error title=title::\n".len() + MESSAGE);
    }
}
