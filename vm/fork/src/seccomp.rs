//! What a process may not call. seccomp(2)

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use nix::errno::Errno;
use nix::libc::{self, c_long};
use nix::sys::memfd::{MFdFlags, memfd_create};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
#[cfg(target_arch = "x86_64")]
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};

/// A file with a filter, as `setpriv --seccomp-filter` takes it, that keeps a process from io_uring(7), of which a copy could not
/// have its own: the rings are the kernel's. QEMU waits by it since 10.2, and by epoll(7) where the kernel has none.
pub fn without_io_uring() -> io::Result<File> {
    let mut file = File::from(memfd_create("seccomp-filter", MFdFlags::MFD_CLOEXEC)?);
    let filter = without([(libc::SYS_io_uring_setup, Vec::new())]).map_err(io::Error::other)?;
    file.write_all(&bytes(&filter))?;
    Ok(file)
}

/// A filter that keeps a process from starting programs and from making processes: what `-sandbox spawn=deny` keeps QEMU
/// from. It may make threads, by clone(2): the C library takes that where the kernel has no clone3(2), of which a filter cannot
/// see what is to be made.
#[cfg(target_arch = "x86_64")]
pub fn without_children() -> io::Result<Vec<u8>> {
    children().map(|filter| bytes(&filter)).map_err(io::Error::other)
}

#[cfg(target_arch = "x86_64")]
fn children() -> Result<BpfProgram, seccompiler::BackendError> {
    let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
    let no_thread = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0)?;
    let all = [libc::SYS_fork, libc::SYS_vfork, libc::SYS_execve, libc::SYS_execveat, libc::SYS_clone3];
    let calls = all.map(|call| (call, Vec::new())).into_iter();
    without(calls.chain([(libc::SYS_clone, vec![SeccompRule::new(vec![no_thread])?])]))
}

/// A filter after which the kernel does not have these calls.
fn without(
    calls: impl IntoIterator<Item = (c_long, Vec<SeccompRule>)>,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let none = SeccompAction::Errno(Errno::ENOSYS as u32);
    let calls = BTreeMap::from_iter(calls);
    SeccompFilter::new(calls, SeccompAction::Allow, none, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// `struct sock_filter`, one after the other.
fn bytes(filter: &BpfProgram) -> Vec<u8> {
    let instruction = |it: &seccompiler::sock_filter| {
        [&it.code.to_ne_bytes()[..], &[it.jt, it.jf], &it.k.to_ne_bytes()].concat()
    };
    filter.iter().flat_map(instruction).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_call_is_there_no_more_and_all_others_are() {
        // A filter belongs to a thread, and ends with it.
        let seen = std::thread::spawn(|| {
            seccompiler::apply_filter(&without([(libc::SYS_getcwd, Vec::new())]).unwrap()).unwrap();
            (std::env::current_dir().map_err(|error| error.raw_os_error()), std::fs::metadata("/").is_ok())
        });
        assert_eq!(seen.join().unwrap(), (Err(Some(libc::ENOSYS)), true));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn without_children_there_are_threads_and_no_programs() {
        let seen = std::thread::spawn(|| {
            seccompiler::apply_filter(&children().unwrap()).unwrap();
            let program = std::process::Command::new("true").status().map_err(|error| error.raw_os_error());
            (program.map(|status| status.success()), std::thread::spawn(|| 7).join().unwrap())
        });
        assert_eq!(seen.join().unwrap(), (Err(Some(libc::ENOSYS)), 7));
        // Below a thread's stack there is room for so much.
        assert!(without_children().unwrap().len() < 900);
    }

    #[test]
    fn the_file_has_each_instruction_as_the_kernel_reads_it() {
        let (file, filter) =
            (without_io_uring().unwrap(), without([(libc::SYS_io_uring_setup, Vec::new())]).unwrap());
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
