//! What is made is not for all.

use nix::sys::stat::{Mode, umask};

/// From here on nothing that this process or its children make can be written by others, whatever umask they were called
/// with: a report, a directory with a failure, a program that was built. The group is the caller's own choice.
pub fn keep_others_from_writing() {
    let given = umask(Mode::all());
    umask(given | Mode::S_IWOTH);
}
