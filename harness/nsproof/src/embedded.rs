//! What a run is made of, out of this program's own file: written into the cache when it is first needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use vm::Cache;

use crate::home::Home;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// This program.
pub struct Embedded;

impl Home for Embedded {
    fn scenarios(&self) -> vm::Result<PathBuf> {
        let files = SCENARIOS.iter().map(|(name, text)| (Path::new(name), text.as_bytes()));
        Cache::open()?.unfold("scenarios", files)
    }

    fn guest(&self) -> vm::Result<PathBuf> {
        program("guest", GUEST)
    }

    fn runtime(&self) -> vm::Result<PathBuf> {
        program("nsrun", RUNTIME)
    }

    fn repro(&self) -> PathBuf {
        "nsproof-repro".into()
    }
}

fn program(name: &str, bytes: &[u8]) -> vm::Result<PathBuf> {
    let path = Cache::open()?.unfold(name, [(Path::new(name), bytes)])?.join(name);
    // It is written for its owner, who is the one to start it; a guest has it as the file that its archive says it is.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|source| vm::Error::Io {
        doing: "make executable",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}
