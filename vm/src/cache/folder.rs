//! The cache's own folder. What is in it is booted, unpacked and believed, by root too: it belongs to the user who runs this,
//! and nobody else may write to it. A name in a folder like /tmp may have been taken by another user, with links in it that
//! lead to this user's files.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_DIRECTORY, O_NOFOLLOW};
use nix::unistd::geteuid;

use super::room;
use crate::text::acts;
use crate::{Error, Result};

/// Permission bits: no one but the owner.
const OWN: u32 = 0o700;
/// Who may write, but for the owner.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;
const OF_ITS_OWN: &str = "set NSPROOF_CACHE to a folder that is for it alone; it is made if it is missing";

/// Makes the folder if it is not there. Returns its path without links.
///
/// # Errors
/// It cannot be made, is no folder, or is not this user's alone.
pub(super) fn private(root: &Path) -> Result<PathBuf> {
    // A `/` at its end would follow a link.
    let root: PathBuf = root.components().collect();
    if fs::symlink_metadata(&root).is_ok_and(|data| data.is_symlink()) {
        let way_out = "set NSPROOF_CACHE to the folder that it leads to";
        return Err(Error::unusable(&root, "it is a symbolic link, which may lead elsewhere", way_out));
    }
    if let Some(c) = root.to_string_lossy().chars().find(|c| acts(*c)) {
        // apt refuses what it would print, and so does a script.
        let reason = format!("its name has the character U+{:04X}", u32::from(c));
        return Err(Error::unusable(&root, reason, OF_ITS_OWN));
    }
    DirBuilder::new().recursive(true).mode(OWN).create(&root).map_err(Error::io("create", &root))?;
    let folder = File::options().read(true).custom_flags(O_DIRECTORY | O_NOFOLLOW).open(&root);
    let folder = folder.map_err(Error::io("open", &root))?;
    let data = folder.metadata().map_err(Error::io("read", &root))?;
    belongs_to_us(&root, &data)?;
    if data.mode() & !OWN & 0o777 != 0 {
        // A folder that holds other things may be /, or a home: its mode is not for us to change.
        if let Some(other) = first_of_others(&root).map_err(Error::io("read", &root))? {
            let reason =
                format!("it is not for the cache alone, and others may look into it: it holds {other:?}");
            return Err(Error::unusable(&root, reason, OF_ITS_OWN));
        }
        folder.set_permissions(Permissions::from_mode(OWN)).map_err(Error::io("protect", &root))?;
    }
    let real = root.canonicalize().map_err(Error::io("find", &root))?;
    cannot_be_replaced(&real)?;
    Ok(real)
}

/// An error if it is another user's, or if others may write to it: what is in there may be theirs.
fn belongs_to_us(root: &Path, data: &Metadata) -> Result<()> {
    let us = geteuid().as_raw();
    if data.uid() != us {
        let reason = format!("it belongs to the user {}, and this is run by the user {us}", data.uid());
        return Err(Error::unusable(root, reason, OF_ITS_OWN));
    }
    if data.mode() & OTHERS_WRITE != 0 {
        let reason = format!(
            "others may write to it (mode {:04o}), so what is in it may be theirs",
            data.mode() & 0o7777
        );
        // One that is meant for all users stays so: /tmp.
        let is_for_all = data.mode() & STICKY != 0;
        let tightened = format!("if it is not, `chmod 700 {}`; or {OF_ITS_OWN}", root.display());
        return Err(Error::unusable(
            root,
            reason,
            if is_for_all { OF_ITS_OWN.to_owned() } else { tightened },
        ));
    }
    Ok(())
}

/// An error if a folder above lets every user put another folder in this one's place. Where only the owner of a link or
/// folder may move it, as in /tmp, it stays where it is.
fn cannot_be_replaced(root: &Path) -> Result<()> {
    for above in root.ancestors().skip(1) {
        let data = fs::metadata(above).map_err(Error::io("read", above))?;
        if data.mode() & 0o002 != 0 && data.mode() & STICKY == 0 {
            let reason = format!("anybody may replace it, for {} is writable for all", above.display());
            return Err(Error::unusable(root, reason, OF_ITS_OWN));
        }
    }
    Ok(())
}

/// What is in the folder that no cache has.
fn first_of_others(root: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        if !room::is_part(&name) {
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Opens the file of a lock; nothing in it is changed, and no link is followed.
pub(super) fn lock_file(path: &Path) -> io::Result<File> {
    // std opens every file with O_CLOEXEC.
    let options = &mut File::options();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(O_NOFOLLOW)
        .open(path)
        .map_err(|error| match fs::symlink_metadata(path) {
            Ok(there) if there.is_symlink() => {
                io::Error::new(error.kind(), "it is a symbolic link, and a lock's is not followed: delete it")
            }
            Ok(there) if there.is_dir() => io::Error::new(error.kind(), "it is a folder: delete it"),
            _ => error,
        })
}

/// The file that stands where a folder is to be.
pub(super) fn file_above(root: &Path) -> Option<&Path> {
    let there = |above: &&Path| match fs::symlink_metadata(above) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    };
    root.ancestors().find(there).filter(|above| !above.is_dir() && !above.is_symlink())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn refusal(path: &Path) -> String {
        private(path).unwrap_err().to_string()
    }

    #[test]
    fn a_name_that_acts_on_a_terminal_is_refused_before_anything_is_made() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("a\u{1b}[31m");
        assert!(refusal(&root).contains("its name has the character U+001B"), "{}", refusal(&root));
        assert!(!root.exists());
    }

    #[test]
    fn a_new_one_is_for_its_owner_alone_and_an_old_one_becomes_so() {
        let home = tempfile::tempdir().unwrap();
        let new = private(&home.path().join("a/b")).unwrap();
        assert_eq!(mode(&new), 0o700);
        let old = home.path().join("old");
        fs::create_dir_all(old.join("kernels")).unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(mode(&private(&old).unwrap()), 0o700);
    }

    #[test]
    fn a_folder_of_other_things_keeps_its_mode() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("pictures")).unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
        private(home.path()).unwrap();
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
        let said = refusal(home.path());
        assert!(
            said.contains("it holds \"pictures\"; set NSPROOF_CACHE to a folder that is for it alone"),
            "{said}"
        );
        assert_eq!(mode(home.path()), 0o755);
    }

    #[test]
    fn one_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o777, 0o1777, 0o702] {
            fs::set_permissions(home.path(), Permissions::from_mode(mode)).unwrap();
            let said = refusal(home.path());
            assert!(said.contains(&format!("others may write to it (mode {mode:04o})")), "{said}");
            assert_eq!(said.contains("chmod 700"), mode & STICKY == 0, "{said}");
        }
    }

    #[test]
    fn one_that_others_may_replace_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let public = home.path().join("public");
        fs::create_dir(&public).unwrap();
        fs::set_permissions(&public, Permissions::from_mode(0o777)).unwrap();
        let said = refusal(&public.join("cache"));
        assert!(
            said.contains("anybody may replace it, for ") && said.contains("/public is writable"),
            "{said}"
        );
        fs::set_permissions(&public, Permissions::from_mode(0o1777)).unwrap();
        private(&public.join("cache")).unwrap();
    }

    #[test]
    fn a_link_is_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("real")).unwrap();
        symlink("real", home.path().join("link")).unwrap();
        for link in ["link", "link/"] {
            let said = refusal(&home.path().join(link));
            assert!(said.contains("link: it is a symbolic link"), "{said}");
        }
        assert_eq!(fs::read_dir(home.path().join("real")).unwrap().count(), 0);
    }

    #[test]
    fn one_of_another_user_is_refused() {
        let data = fs::metadata("/").unwrap();
        // /, or this user's own folder with another's number.
        let other = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(other.path(), Some(12345), None).unwrap();
            let said = refusal(other.path());
            assert!(said.contains("belongs to the user 12345, and this is run by the user 0"), "{said}");
        } else {
            let said = belongs_to_us(Path::new("/"), &data).unwrap_err().to_string();
            assert!(said.contains("belongs to the user 0"), "{said}");
        }
    }

    #[test]
    fn a_lock_changes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let (precious, link) = (folder.path().join("precious"), folder.path().join("link"));
        fs::write(&precious, "text").unwrap();
        symlink(&precious, &link).unwrap();
        assert_eq!(
            lock_file(&link).unwrap_err().to_string(),
            "it is a symbolic link, and a lock's is not followed: delete it"
        );
        assert_eq!(lock_file(folder.path()).unwrap_err().to_string(), "it is a folder: delete it");
        drop(lock_file(&precious).unwrap());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
        let new = folder.path().join("new");
        drop(lock_file(&new).unwrap());
        assert_eq!(mode(&new), 0o600);
    }
}
