//! `cargo xtask kernels`: the kernels that have a name, what of them is here, and which packages they are.

use harness::progress::Progress;
use vm::kernel::Lock;
use vm::{Cache, Error, Kernel, kernel};

use crate::Exit;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Fetch a kernel; one that is here already is fetched anew if there is a newer version.
    Fetch {
        /// As for `vm-test --kernel`.
        #[arg(required = true)]
        kernels: Vec<String>,
        /// Exactly the packages that kernels.lock names.
        #[arg(long)]
        locked: bool,
    },
    /// Write down in kernels.lock which packages a kernel is now, for `--locked` to use exactly these.
    Lock {
        /// As for `vm-test --kernel`; without one, all that are locked already.
        kernels: Vec<String>,
    },
}

pub(crate) fn run(args: &Args) -> Exit {
    let done = match &args.action {
        None => list(),
        Some(Action::Fetch { kernels, locked }) => fetch(kernels, *locked),
        Some(Action::Lock { kernels }) => renew(kernels),
    };
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            if matches!(error, Error::UnknownKernel { .. }) { Exit::Usage } else { Exit::Lost }
        },
        |()| Exit::Passed,
    )
}

/// The lock file of the current folder.
pub(crate) fn lock() -> vm::Result<Lock> {
    let folder = std::env::current_dir().unwrap_or_default();
    Lock::read(&Lock::place(&folder))
}

fn fetch(names: &[String], locked: bool) -> vm::Result<()> {
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
    print!("{}", table(&rows));
    Ok(())
}

/// What was locked before an error is not written: a lock is renewed as a whole, or not.
fn renew(names: &[String]) -> vm::Result<()> {
    let cache = Cache::open()?;
    let mut lock = lock()?;
    let names = if names.is_empty() { lock.names() } else { names.to_vec() };
    if names.is_empty() {
        let known = format!("{} locks no kernel yet: say which", lock.path().display());
        return Err(Error::UnknownKernel { spec: String::new(), known });
    }
    let progress = Progress::new();
    let titles = names.iter().map(|name| lock.renew(name, &cache, &progress));
    let titles = titles.collect::<vm::Result<Vec<_>>>()?;
    lock.write()?;
    drop(progress);
    for (name, title) in names.iter().zip(titles) {
        println!("{name}: {title}");
    }
    println!("written to {}", lock.path().display());
    Ok(())
}

fn list() -> vm::Result<()> {
    let cache = Cache::open()?;
    let catalogue = kernel::catalogue();
    let names = ["distro", "host"].into_iter().chain(catalogue.iter().map(|named| named.name.as_str()));
    // A kernel that cannot be had here (no image of the running kernel, no apt) is one that is not here.
    let rows: Vec<_> =
        names.map(|name| row(name, kernel::find(name, &cache).ok().flatten().as_ref())).collect();
    print!("{}", table(&rows));
    Ok(())
}

type Row = [String; 5];

fn row(name: &str, kernel: Option<&Kernel>) -> Row {
    let Some(kernel) = kernel else { return [name, "not here", "", "", ""].map(str::to_owned) };
    let size = std::fs::metadata(&kernel.image).map_or(0, |data| data.len());
    let version = if kernel.version.len() > 40 { &kernel.release } else { &kernel.version };
    let size = format!("{:.1} MB", size as f64 / 1e6);
    [name.to_owned(), version.clone(), kernel.release.clone(), size, kernel.sha256.clone()]
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
