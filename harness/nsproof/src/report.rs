//! What the commands that end with a report have in common.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use harness::judge::Status;
use harness::output::{say, say_coloured};
use harness::report::{Format, Outcome, Run, nothing_proven, terminal};
use sys::input;
use vm::text::Shown;

use crate::exit::{Exit, lost, usage};
use crate::output;

/// `FORMAT=PATH`
#[derive(Debug, Clone)]
pub struct Target {
    format: Format,
    place: Place,
}

/// Where a report goes: known to be writable before anything is run for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `-`
    Stdout,
    /// A file, which may be there already.
    File(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, place) =
            text.split_once('=').ok_or("write FORMAT=PATH, for example json=report.json")?;
        Ok(Target { format: Format::named(format)?, place: place.parse()? })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Place::Stdout);
        }
        if text.is_empty() {
            return Err("after `=` comes the path of a file, or - for the standard output".into());
        }
        let path = PathBuf::from(text);
        writable(&path)?;
        Ok(Place::File(path))
    }
}

/// Whether a file can be written; nothing in it is changed, and it is not made.
fn writable(path: &Path) -> Result<(), String> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let tried = match fs::metadata(path) {
        Ok(data) if data.is_dir() => {
            return Err(format!("{} is a folder: give a file's path", Shown(path)));
        }
        Ok(data) if data.is_file() => OpenOptions::new().append(true).open(path).map(drop),
        // To open a pipe or a device may wait, or do something.
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if !folder.is_dir() {
                return Err(format!("there is no folder {}: make it first", Shown(folder)));
            }
            OpenOptions::new().write(true).create_new(true).open(path).and_then(|_| fs::remove_file(path))
        }
        Err(error) => Err(error),
    };
    tried.map_err(|error| format!("cannot write {}: {error}", Shown(path)))
}

impl Place {
    /// Writes a report there.
    ///
    /// # Errors
    /// It cannot be written, which has been told.
    pub fn write(&self, text: &str) -> Result<(), Exit> {
        match self {
            Place::Stdout => output::print_as_it_is(text)?,
            Place::File(path) => input::write_or_send(path, text.as_bytes())
                .map_err(|error| lost(format!("cannot write {}: {error}", Shown(path))))?,
        }
        Ok(())
    }
}

/// Prints what is for people, as `render` gives it with colours or without: beside a report on the standard output, there.
pub fn print<'a>(
    mut places: impl Iterator<Item = &'a Place>,
    render: impl Fn(bool) -> String,
) -> Result<(), Exit> {
    if places.any(|place| *place == Place::Stdout) {
        match std::io::stderr().is_terminal() {
            true => say_coloured(render(true).trim_end()),
            false => say(render(false).trim_end()),
        }
        return Ok(());
    }
    match std::io::stdout().is_terminal() {
        true => output::print_coloured(&render(true)),
        false => output::print(&render(false)),
    }
}

/// Refuses two reports at one place before anything is run for them: the second would take the first one's.
///
/// # Errors
/// Which place that is.
pub fn apart(targets: &[Target]) -> Result<(), Exit> {
    let place = |target: &Target| match &target.place {
        Place::Stdout => Some(Path::new("-").to_path_buf()),
        // A device or a pipe may take several.
        Place::File(path) if path.exists() && !path.is_file() => None,
        Place::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
    };
    let mut places: Vec<PathBuf> = targets.iter().filter_map(place).collect();
    places.sort();
    match places.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(usage(format!("two reports are to go to {}: give each a place of its own", Shown(&pair[0]))))
        }
        None => Ok(()),
    }
}

/// Takes the reports of an earlier run away: if this one is ended before its own are written, those are not taken for them.
pub fn forget(targets: &[Target]) -> Result<(), Exit> {
    let files = targets.iter().filter_map(|target| match &target.place {
        Place::File(path) if path.is_file() => Some(path),
        _ => None,
    });
    for path in files {
        // What may not be removed may still be written.
        fs::write(path, "").map_err(|error| lost(format!("cannot write {}: {error}", Shown(path))))?;
    }
    Ok(())
}

/// Tells a run to people, and writes its reports: all that can be written.
pub fn tell(run: &Run, targets: &[Target]) -> Result<(), Exit> {
    let told = print(targets.iter().map(|target| &target.place), |colour| terminal::render(run, colour));
    targets.iter().fold(told, |told, Target { format, place }| told.and(place.write(&format.render(run))))
}

/// A broken property outweighs a lost verdict: it is known. What the baseline expects is neither. A run of which nothing
/// passed is not green, even if all of it was expected.
pub fn exit(run: &Run, deny_skips: bool) -> Exit {
    let any = |holds: &dyn Fn(&Outcome) -> bool| run.results.iter().any(holds);
    let lost = |result: &Outcome| matches!(result.status, Status::Error | Status::Miss);
    if any(&|result| result.is_bad() && !lost(result))
        || (deny_skips && any(&|result| result.status == Status::Skip && !result.is_expected()))
    {
        Exit::Broken
    } else if any(&lost) || nothing_proven(run).is_some() {
        Exit::Lost
    } else {
        Exit::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::nothing("", "the path of a file")]
    #[case::folder("/", "/ is a folder: give a file's path")]
    #[case::in_no_folder("/no/such/folder/x", "there is no folder /no/such/folder: make it first")]
    #[case::below_a_file("/etc/passwd/x", "cannot write /etc/passwd/x: Not a directory")]
    #[case::where_nobody_may("/proc/x", "cannot write /proc/x: ")]
    #[case::file_that_nobody_may_write("/sys/kernel/fscaps", "cannot write /sys/kernel/fscaps: ")]
    fn a_place_that_cannot_be_written(#[case] path: &str, #[case] told: &str) {
        let refused = path.parse::<Place>().unwrap_err();
        assert!(refused.starts_with(told) || refused.contains(told), "{refused}");
    }

    #[test]
    fn a_place_that_can_be_written_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "text").unwrap();
        for path in [&new, &old, Path::new("/dev/null")] {
            assert_eq!(path.to_str().unwrap().parse(), Ok(Place::File(path.to_path_buf())));
        }
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(old).unwrap(), "text");
        assert_eq!("-".parse(), Ok(Place::Stdout));
    }
}
