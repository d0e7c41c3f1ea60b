//! `cargo xtask kernels`: the kernels that have a name, and what of them is here.

use harness::progress::Progress;
use vm::{Cache, Kernel, kernel};

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
    },
}

pub(crate) fn run(args: &Args) -> Exit {
    let done = match &args.action {
        None => list(),
        Some(Action::Fetch { kernels }) => fetch(kernels),
    };
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            if matches!(error, vm::Error::UnknownKernel { .. }) { Exit::Usage } else { Exit::Lost }
        },
        |()| Exit::Passed,
    )
}

fn fetch(names: &[String]) -> vm::Result<()> {
    let cache = Cache::open()?;
    let progress = Progress::new();
    let kernels = names.iter().map(|name| kernel::fetch(name, &cache, &progress));
    let rows = kernels.map(|kernel| kernel.map(|kernel| row(&kernel.name.clone(), Some(&kernel))));
    let rows = rows.collect::<vm::Result<Vec<_>>>()?;
    drop(progress);
    print!("{}", table(&rows));
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
    [name.to_owned(), version.clone(), kernel.release.clone(), size, kernel.sha256[..12].to_owned()]
}

/// Columns as wide as their widest cell.
fn table(rows: &[Row]) -> String {
    let head = ["NAME", "VERSION", "RELEASE", "IMAGE", "SHA-256"].map(str::to_owned);
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
