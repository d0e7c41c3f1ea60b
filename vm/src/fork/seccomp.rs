//! What keeps a process from io_uring(7), of which a copy could not have its own: the rings are the kernel's.
//!
//! QEMU waits by it since 10.2, and by epoll(7) where the kernel has none. seccomp(2)

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::memfd::{MFdFlags, memfd_create};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// A file with the filter, as `setpriv --seccomp-filter` takes it.
pub(crate) fn without_io_uring() -> io::Result<File> {
    let mut file = File::from(memfd_create("seccomp-filter", MFdFlags::MFD_CLOEXEC)?);
    let filter = without(libc::SYS_io_uring_setup).map_err(io::Error::other)?;
    for instruction in filter {
        file.write_all(&instruction.code.to_ne_bytes())?;
        file.write_all(&[instruction.jt, instruction.jf])?;
        file.write_all(&instruction.k.to_ne_bytes())?;
    }
    Ok(file)
}

/// A filter after which the kernel does not have a call.
fn without(call: c_long) -> Result<BpfProgram, seccompiler::BackendError> {
    let none = SeccompAction::Errno(Errno::ENOSYS as u32);
    let calls = BTreeMap::from([(call, Vec::new())]);
    SeccompFilter::new(calls, SeccompAction::Allow, none, std::env::consts::ARCH.try_into()?)?.try_into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_call_is_there_no_more_and_all_others_are() {
        // A filter belongs to a thread, and ends with it.
        let seen = std::thread::spawn(|| {
            seccompiler::apply_filter(&without(libc::SYS_getcwd).unwrap()).unwrap();
            (std::env::current_dir().map_err(|error| error.raw_os_error()), std::fs::metadata("/").is_ok())
        });
        assert_eq!(seen.join().unwrap(), (Err(Some(libc::ENOSYS)), true));
    }

    #[test]
    fn the_file_has_each_instruction_as_the_kernel_reads_it() {
        let (file, filter) = (without_io_uring().unwrap(), without(libc::SYS_io_uring_setup).unwrap());
        let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        // `struct sock_filter`, which has no gaps.
        assert_eq!(bytes.len(), 8 * filter.len());
        let compared = u32::try_from(libc::SYS_io_uring_setup).unwrap().to_ne_bytes();
        assert!(bytes.chunks(8).any(|instruction| instruction[4..] == compared), "{bytes:?}");
        // BPF_RET, SECCOMP_RET_ERRNO with ENOSYS.
        let refused = [&[0x06, 0, 0, 0][..], &0x0005_0026_u32.to_ne_bytes()].concat();
        assert!(bytes.chunks(8).any(|instruction| instruction == refused), "{bytes:?}");
    }
}
