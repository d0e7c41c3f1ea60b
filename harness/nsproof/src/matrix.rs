//! `nsproof matrix`: the jobs of a CI run, for GitHub Actions' `strategy.matrix`.

use harness::inline::escaped;
use harness::merge::Job;
use harness::shard::Shard;
use serde::{Deserialize, Serialize};
use vm::Error;

use crate::exit::{Done, Exit, usage};
use crate::output::print_as_it_is;

/// What this project's own CI runs: the supported Debian kernels, and the newest there is.
const KERNELS: [&str; 4] = ["debian-5.10", "debian-6.1", "debian-6.12", "debian-sid"];
/// GitHub refuses a matrix with more jobs.
const MOST_JOBS: usize = 256;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// As for `vm-test`; again for more kernels.
    #[arg(long = "kernel", value_name = "K", default_values = KERNELS, value_parser = known_elsewhere)]
    kernels: Vec<String>,
    /// Parts that the scenarios are split in, for each kernel.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    shards: u16,
}

/// The jobs of a CI run, as GitHub reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matrix {
    /// In the order of the kernels.
    pub(crate) include: Vec<Job>,
}

pub(crate) fn run(args: &Args) -> Done {
    let matrix = matrix(&args.kernels, args.shards.into()).map_err(usage)?;
    print_as_it_is(&(escaped(&serde_json::to_string(&matrix).expect("a matrix is plain data")) + "\n"))?;
    Ok(Exit::Passed)
}

/// For clap: a name that is known. A path may be one that is only there where the job runs.
fn known_elsewhere(text: &str) -> vm::Result<String> {
    match vm::kernel::check(text) {
        Err(unknown @ Error::UnknownKernel { .. }) => Err(unknown),
        _ => Ok(text.to_owned()),
    }
}

/// A job for each part of each kernel. Its name will do as a file's and as an artifact's.
fn matrix(kernels: &[String], shards: usize) -> Result<Matrix, String> {
    let mut distinct: Vec<&String> = Vec::new();
    for kernel in kernels {
        if !distinct.contains(&kernel) {
            distinct.push(kernel);
        }
    }
    let jobs = distinct.len() * shards;
    if jobs > MOST_JOBS {
        return Err(format!(
            "{} kernels in {shards} parts are {jobs} jobs, and GitHub takes {MOST_JOBS}: choose fewer parts or kernels",
            distinct.len()
        ));
    }
    let job = |kernel: &String, shard: Shard| Job {
        kernel: kernel.clone(),
        shard,
        name: format!("{}-{}-of-{shards}", plain(kernel), shard.index()),
    };
    let include = distinct.into_iter().flat_map(|kernel| Shard::all(shards).map(|shard| job(kernel, shard)));
    Ok(Matrix { include: include.collect() })
}

/// Without what a path or an artifact's name must not hold.
fn plain(kernel: &str) -> String {
    kernel.replace(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_job_for_each_part_of_each_kernel() {
        let kernels = kernels(&["debian-6.1", "apt:linux-image-rt-amd64@sid", "debian-6.1"]);
        let matrix = serde_json::to_value(matrix(&kernels, 2).unwrap()).unwrap();
        let expected = serde_json::json!({ "include": [
            { "kernel": "debian-6.1", "shard": "1/2", "name": "debian-6.1-1-of-2" },
            { "kernel": "debian-6.1", "shard": "2/2", "name": "debian-6.1-2-of-2" },
            { "kernel": "apt:linux-image-rt-amd64@sid", "shard": "1/2", "name": "apt-linux-image-rt-amd64-sid-1-of-2" },
            { "kernel": "apt:linux-image-rt-amd64@sid", "shard": "2/2", "name": "apt-linux-image-rt-amd64-sid-2-of-2" },
        ] });
        assert_eq!(matrix, expected);
    }

    #[test]
    fn more_jobs_than_github_takes_are_refused() {
        assert!(matrix(&kernels(&KERNELS), 64).is_ok());
        let refused = matrix(&kernels(&KERNELS), 65).unwrap_err();
        assert!(refused.contains("260 jobs") && refused.contains("GitHub takes 256"), "{refused}");
    }

    #[test]
    fn ci_runs_kernels_that_have_a_name() {
        let named = vm::kernel::catalogue();
        assert!(KERNELS.iter().all(|kernel| named.iter().any(|named| named.name == *kernel)));
    }
}
