//! `nsproof kernels`: the kernels that have a name, what of them is here, and which packages they are.

use harness::progress::Progress;
use vm::kernel::Lock;
use vm::text::{Shown, one_line};
use vm::{Cache, Error, Kernel, kernel};

use crate::exit::{Done, Exit, lost, usage};
use crate::output::print;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Fetch a kernel; one that is here already is fetched anew if there is a newer version.
    Fetch {
        /// As for `vm-test --kernel`.
        #[arg(required = true, value_parser = known)]
        kernels: Vec<String>,
        /// Exactly the packages that kernels.lock names.
        #[arg(long)]
        locked: bool,
    },
    /// Write down in kernels.lock which packages a kernel is now, for `--locked` to use exactly these.
    Lock {
        /// As for `vm-test --kernel`; without one, all that are locked already.
        #[arg(value_parser = known)]
        kernels: Vec<String>,
    },
}

pub(crate) fn run(args: &Args) -> Done {
    match &args.action {
        None => print(&list().map_err(lost)?)?,
        Some(Action::Fetch { kernels, locked }) => print(&fetch(kernels, *locked).map_err(failed)?)?,
        Some(Action::Lock { kernels }) => renew(kernels)?,
    }
    Ok(Exit::Passed)
}

/// For clap: a kernel that there could be on this machine.
pub fn known(text: &str) -> vm::Result<String> {
    kernel::check(text)?;
    Ok(text.to_owned())
}

/// What is written wrong is for who wrote it to mend; nothing was run.
pub fn failed(error: Error) -> Exit {
    match error {
        Error::NotLockable { .. } | Error::BrokenLock { .. } => usage(error),
        _ => lost(error),
    }
}

/// The lock file of the current folder.
pub fn lock() -> vm::Result<Lock> {
    let folder = std::env::current_dir().unwrap_or_default();
    Lock::read(&Lock::place(&folder))
}

fn fetch(names: &[String], locked: bool) -> vm::Result<String> {
    let cache = Cache::open()?;
    let lock = locked.then(lock).transpose()?;
    let progress = Progress::new();
    let kernels = names.iter().map(|name| match &lock {
        Some(lock) => kernel::resolve_locked(name, lock, &cache, &progress),
        None => kernel::fetch(name, &cache, &progress),
    });
    let rows = kernels.map(|kernel| kernel.map(|kernel| row(&kernel.name.clone(), Some(&kernel))));
    let rows = rows.collect::<vm::Result<Vec<_>>>()?;
    drop(progress);
    Ok(table(&rows))
}

/// What was locked before an error is not written: a lock is renewed as a whole, or not.
fn renew(names: &[String]) -> Result<(), Exit> {
    let cache = Cache::open().map_err(lost)?;
    let mut lock = lock().map_err(failed)?;
    let names = if names.is_empty() { lock.names() } else { names.to_vec() };
    if names.is_empty() {
        return Err(usage(format!("{} locks no kernel yet: say which", Shown(lock.path()))));
    }
    let progress = Progress::new();
    let titles = names.iter().map(|name| lock.renew(name, &cache, &progress));
    let titles = titles.collect::<vm::Result<Vec<_>>>().map_err(failed)?;
    lock.write().map_err(lost)?;
    drop(progress);
    let lines = names.iter().zip(titles).map(|(name, title)| one_line(&format!("{name}: {title}")) + "\n");
    print(&(lines.collect::<String>() + &format!("written to {}\n", Shown(lock.path()))))
}

fn list() -> vm::Result<String> {
    let cache = Cache::open()?;
    // A kernel that cannot be had here (no image of the running kernel, no apt) is one that is not here.
    let row = |name: &String| row(name, kernel::find(name, &cache).ok().flatten().as_ref());
    Ok(table(&kernel::names().iter().map(row).collect::<Vec<_>>()))
}

type Row = [String; 5];

fn row(name: &str, kernel: Option<&Kernel>) -> Row {
    let Some(kernel) = kernel else { return [name, "not here", "", "", ""].map(str::to_owned) };
    let size = std::fs::metadata(&kernel.image).map_or(0, |data| data.len());
    let version = if kernel.version.len() > 40 { &kernel.release } else { &kernel.version };
    let size = format!("{:.1} MB", size as f64 / 1e6);
    [name, version, &kernel.release, &size, &kernel.sha256].map(one_line)
}

/// Columns as wide as their widest cell.
fn table(rows: &[Row]) -> String {
    let head = ["NAME", "VERSION", "RELEASE", "IMAGE", "ITS SHA-256"].map(str::to_owned);
    let all: Vec<&Row> = std::iter::once(&head).chain(rows).collect();
    let widths: Vec<usize> =
        (0..5).map(|column| all.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &&Row| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let text = table(&[row("a-long-name", None), row("b", None)]);
        let columns: Vec<_> =
            text.lines().map(|line| line.find("not").or_else(|| line.find("VERSION"))).collect();
        assert_eq!(columns, [Some(13); 3], "{text}");
    }
}
