//! Programs that are executed: what execve(2) makes of a process.
//!
//! ```text
//! actor ── fork ── execve(PATH, "who") ──▶ { process, capabilities } ──▶ actor
//! ```

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Done, Refusal, done, identity};
use protocol::operation::Install;

/// What the probe's program is called with to say who it is.
pub(crate) const ARGUMENT: &str = "who";

pub(super) fn install(program: &Install) -> Done {
    let mode = u32::from_str_radix(&program.mode, 8)
        .map_err(|_| Refusal::Broken(format!("{} is no mode of a file", program.mode)))?;
    let mut file = File::create(&program.path)?;
    io::copy(&mut File::open("/proc/self/exe")?, &mut file)?;
    // A file that is open for writing cannot be executed: ETXTBSY.
    drop(file);
    done(fs::set_permissions(&program.path, Permissions::from_mode(mode)))
}

pub(super) fn execute(path: &Path) -> Done {
    let output = Command::new(path).arg(ARGUMENT).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Refusal::Broken(format!("{}: {} {}", path.display(), output.status, said.trim_end())));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Who this program is.
pub(crate) fn introduce() -> Result<Value, Refusal> {
    Ok(json!({ "process": identity::process()?, "capabilities": identity::capabilities()? }))
}
