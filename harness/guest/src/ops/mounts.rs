//! Mounts, and the way out of a chroot.

use std::fs;
use std::path::Path;

use runtime::spec::Mount;
use serde_json::{Value, json};
use sys::mount::{self as calls, Flags};
use sys::mountinfo;

use super::{Done, Refusal, done};
use crate::{child, parse};

/// Directories up: no tree is deeper.
const UP: usize = 64;

pub(super) fn list() -> Done {
    Ok(mountinfo::own()?.into_iter().map(|mount| json!(parse::Mount::from(mount))).collect())
}

pub(super) fn mount(mount: &Mount) -> Done {
    let Words { set, clear, propagation } = words(&mount.options)?;
    let source = if mount.source.is_empty() { &mount.kind } else { &mount.source };
    match mount.kind.as_str() {
        "bind" | "rbind" => {
            calls::bind(Path::new(source), &mount.target, mount.kind == "rbind")?;
            // The kernel ignores the flags of a new bind mount: they take a second call. mount(2)
            if !(set | clear).is_empty() {
                calls::remount(&mount.target, set, clear)?;
            }
        }
        "remount" => calls::remount(&mount.target, set, clear)?,
        "none" => {}
        kind => calls::filesystem(kind, source, &mount.target, set, &mount.data)?,
    }
    propagation.into_iter().try_for_each(|flags| calls::propagate(&mount.target, flags))?;
    Ok(Value::Null)
}

struct Words {
    set: Flags,
    clear: Flags,
    propagation: Vec<Flags>,
}

fn words(options: &[String]) -> Result<Words, Refusal> {
    let mut words = Words { set: Flags::empty(), clear: Flags::empty(), propagation: Vec::new() };
    for option in options {
        match (calls::flag(option), calls::propagation(option)) {
            (Some((flag, true)), _) => words.set |= flag,
            (Some((flag, false)), _) => words.clear |= flag,
            (None, Some(flags)) => words.propagation.push(flags),
            (None, None) => return Err(Refusal::Broken(format!("no mount option `{option}`"))),
        }
    }
    Ok(words)
}

/// In a child, so that the actor stays where it is. The working directory stays outside of the second chroot, and `..`
/// of a directory outside of the root is not stopped at it. chroot(2), NOTES
pub(super) fn escape_chroot() -> Done {
    let inner = Path::new("/.inner");
    fs::create_dir(inner)?;
    let escaped = child::apart(|| {
        std::env::set_current_dir("/")?;
        calls::chroot(inner)?;
        for _ in 0..UP {
            std::env::set_current_dir("..")?;
        }
        calls::chroot(Path::new("."))?;
        Ok(json!({ "root": super::files::list(Path::new("/"))? }))
    });
    done(fs::remove_dir(inner))?;
    escaped
}
