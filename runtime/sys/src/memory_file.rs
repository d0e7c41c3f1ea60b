//! Files without a place on any disk, which nothing can change any more. memfd_create(2), F_ADD_SEALS of fcntl(2).

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{Errno, Result, errno_of};

/// Nothing can be written, cut or appended, and the seals stay.
const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);
/// The file may be executed. Linux 6.3; without it a warning in the kernel log, or what `vm.memfd_noexec` says.
const MFD_EXEC: MFdFlags = MFdFlags::from_bits_retain(0x0010);

/// How often a seal is asked for that the kernel is too busy for, each time a millisecond later: for a second.
const TRIES: u64 = 45;

/// Returns an executable file with that content that nobody can write to, whoever gets hold of it: root has no way round a seal.
///
/// # Errors
/// `EACCES` if `vm.memfd_noexec` forbids it, `EFBIG` beyond RLIMIT_FSIZE, `ENOMEM`, or what reading the content gives.
pub fn sealed(name: &CStr, content: &mut impl Read) -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = match memfd_create(name, flags | MFD_EXEC) {
        // The kernel knows nothing of the flag yet.
        Err(Errno::EINVAL) => memfd_create(name, flags),
        other => other,
    }?;
    let mut file = File::from(file);
    io::copy(content, &mut file).map_err(|error| errno_of(&error))?;
    let mut pause = 0;
    loop {
        match fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS)) {
            // A page is looked at just now by the kernel itself, which moves pages or writes them out: memfd_wait_for_pins in
            // mm/memfd.c waits for 150 ms.
            Err(Errno::EBUSY) if pause < TRIES => {
                pause += 1;
                std::thread::sleep(Duration::from_millis(pause));
            }
            other => return other.map(|_| file.into()),
        }
    }
}

/// Returns a sealed copy of a program.
///
/// # Errors
/// As [`sealed`].
pub fn sealed_copy(program: &File) -> Result<OwnedFd> {
    sealed(c"program", &mut &*program)
}

/// Returns whether nobody can write to the file, ever.
pub fn is_sealed(file: impl AsFd) -> bool {
    let seals = fcntl(file, FcntlArg::F_GET_SEALS);
    seals.is_ok_and(|seals| SealFlag::from_bits_truncate(seals).contains(SEALS))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_copy_is_the_same_and_cannot_be_changed() {
        let own = File::open("/proc/self/exe").unwrap();
        assert!(!is_sealed(&own));
        let copy = sealed_copy(&own).unwrap();
        assert!(is_sealed(&copy));
        let mut bytes = [Vec::new(), Vec::new()];
        File::open("/proc/self/exe").unwrap().read_to_end(&mut bytes[0]).unwrap();
        File::open(super::super::file::path_of(&copy)).unwrap().read_to_end(&mut bytes[1]).unwrap();
        assert!(bytes[0] == bytes[1]);
        // Who may do everything can open it, and no more.
        if let Ok(mut again) = File::options().write(true).open(super::super::file::path_of(&copy)) {
            assert_eq!(errno_of(&again.write_all(b"x").unwrap_err()), Errno::EPERM);
            assert_eq!(errno_of(&again.set_len(0).unwrap_err()), Errno::EPERM);
        }
    }
}
