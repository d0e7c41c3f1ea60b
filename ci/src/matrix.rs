//! `cargo xtask matrix`: the jobs of a CI run, for GitHub Actions' `strategy.matrix`.

use serde_json::json;

use crate::Exit;

/// What this project's own CI runs: the supported Debian kernels, and the newest there is.
const KERNELS: [&str; 4] = ["debian-5.10", "debian-6.1", "debian-6.12", "debian-sid"];
/// GitHub refuses a matrix with more jobs.
const MOST_JOBS: usize = 256;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// As for `vm-test`; again for more kernels.
    #[arg(long = "kernel", value_name = "K", default_values = KERNELS)]
    kernels: Vec<String>,
    /// Parts that the scenarios are split in, for each kernel.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    shards: u16,
}

pub(crate) fn run(args: &Args) -> Exit {
    match matrix(&args.kernels, args.shards.into()) {
        Ok(matrix) => {
            println!("{matrix}");
            Exit::Passed
        }
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Usage
        }
    }
}

/// One line of JSON: a job for each part of each kernel. Its `name` will do as a file's and as an artifact's.
fn matrix(kernels: &[String], shards: usize) -> Result<String, String> {
    let jobs = kernels.len() * shards;
    if jobs > MOST_JOBS {
        return Err(format!(
            "{} kernels in {shards} parts are {jobs} jobs, and GitHub takes {MOST_JOBS}: choose fewer parts or kernels",
            kernels.len()
        ));
    }
    let job = |kernel: &String, index: usize| {
        let name = format!("{}-{index}-of-{shards}", plain(kernel));
        json!({ "kernel": kernel, "shard": format!("{index}/{shards}"), "name": name })
    };
    let jobs = kernels.iter().flat_map(|kernel| (1..=shards).map(move |index| job(kernel, index)));
    Ok(json!({ "include": jobs.collect::<Vec<_>>() }).to_string())
}

/// Without what a path or an artifact's name must not hold.
fn plain(kernel: &str) -> String {
    kernel.replace(|c: char| !c.is_ascii_alphanumeric() && !"-._".contains(c), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_for_each_part_of_each_kernel() {
        let kernels = ["debian-6.1".to_owned(), "apt:linux-image-rt-amd64@sid".to_owned()];
        let matrix: serde_json::Value = serde_json::from_str(&matrix(&kernels, 2).unwrap()).unwrap();
        let expected = json!({ "include": [
            { "kernel": "debian-6.1", "shard": "1/2", "name": "debian-6.1-1-of-2" },
            { "kernel": "debian-6.1", "shard": "2/2", "name": "debian-6.1-2-of-2" },
            { "kernel": "apt:linux-image-rt-amd64@sid", "shard": "1/2", "name": "apt-linux-image-rt-amd64-sid-1-of-2" },
            { "kernel": "apt:linux-image-rt-amd64@sid", "shard": "2/2", "name": "apt-linux-image-rt-amd64-sid-2-of-2" },
        ] });
        assert_eq!(matrix, expected);
    }

    #[test]
    fn more_jobs_than_github_takes_are_refused() {
        let kernels = KERNELS.map(str::to_owned);
        assert!(matrix(&kernels, 64).is_ok());
        let refused = matrix(&kernels, 65).unwrap_err();
        assert!(refused.contains("260 jobs") && refused.contains("GitHub takes 256"), "{refused}");
    }

    #[test]
    fn ci_runs_kernels_that_have_a_name() {
        let named = vm::kernel::catalogue();
        assert!(KERNELS.iter().all(|kernel| named.iter().any(|named| named.name == *kernel)));
    }
}
