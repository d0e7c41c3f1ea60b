//! What does not add up.

use crate::shard::Shard;

/// Why reports cannot be one, with the files where it shows and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "said by the messages")]
pub enum Error {
    #[error("there is no report to merge")]
    NoReport,
    #[error("there is no result in any of these reports")]
    NoResult,
    #[error(
        "{} was written by nsproof {}, {} was written by nsproof {}: run both with the same one",
        files[0], versions[0], files[1], versions[1]
    )]
    OfOtherVersions { files: [String; 2], versions: [String; 2] },
    #[error(
        "{with} is of the scenario {scenario}, {without} is not: run both with the same filters and files"
    )]
    OfOtherScenarios { scenario: String, with: String, without: String },
    #[error(
        "the scenario {scenario} is another one in {} than in {}: run both from the same commit",
        files[1], files[0]
    )]
    OtherText { scenario: String, files: [String; 2] },
    #[error(
        "{kernel}: {} is shard {}, {} is shard {}: split it into the same number everywhere",
        files[0], shards[0], files[1], shards[1]
    )]
    SplitOtherwise { kernel: String, files: [String; 2], shards: [Shard; 2] },
    #[error("{kernel}: shard {shard} is in {} and in {}: give it once", files[0], files[1])]
    ShardTwice { kernel: String, shard: Shard, files: [String; 2] },
    #[error("{kernel}: {}", missing_shards(missing))]
    MissingShards { kernel: String, missing: Vec<String> },
    #[error(
        "{kernel} is {} in {}, and {} in {}: run all shards on the same kernel",
        releases[0], files[0], releases[1], files[1]
    )]
    OtherReleases { kernel: String, files: [String; 2], releases: [String; 2] },
    #[error("{file}: {kernel} is not among its kernels")]
    UnknownKernel { file: String, kernel: String },
    #[error(
        "{scenario} on {kernel} has a result in {} and in {}: these are no shards of one run",
        files[0], files[1]
    )]
    ResultTwice { scenario: String, kernel: String, files: [String; 2] },
    #[error("{scenario} on {kernel} has no result in any of these reports")]
    MissingResult { scenario: String, kernel: String },
    #[error("{file}: this nsproof does not read its scenario {scenario}")]
    UnreadableScenario { file: String, scenario: String },
}

fn missing_shards(missing: &[String]) -> String {
    match missing {
        [one] => format!("shard {one} is missing: give its report too"),
        several => format!("shards {} are missing: give their reports too", several.join(", ")),
    }
}
