//! Filters of system calls. seccomp(2)

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::{Errno, Result};

/// ioctl(2) as the x32 ABI numbers it, which counts as `x86_64` to a filter (`__X32_SYSCALL_BIT`), and as kernels before 5.4
/// take it without that bit, too.
#[cfg(target_arch = "x86_64")]
const OTHER_IOCTLS: [i64; 3] = [0x4000_0000 | 514, 0x4000_0000 | libc::SYS_ioctl, 514];
#[cfg(not(target_arch = "x86_64"))]
const OTHER_IOCTLS: [i64; 0] = [];

/// TIOCSTI types into a terminal; TIOCLINUX pastes into a virtual console. ioctl_tty(2), ioctl_console(2)
const TYPING: [u64; 2] = [libc::TIOCSTI, 0x541C];

/// Answers with EPERM what types into a terminal, for this process and all that come from it (CVE-2017-5226). A program of
/// another instruction set, which could go round the filter by other numbers, is killed at its first system call.
///
/// # Errors
/// `EACCES` without no_new_privs and CAP_SYS_ADMIN; `EINVAL` for a kernel without filters (CONFIG_SECCOMP_FILTER), and
/// `ENOSYS` for a processor that they cannot be written for.
pub fn forbid_typing() -> Result<()> {
    install(&typing().map_err(|_| Errno::ENOSYS)?)
}

fn typing() -> std::result::Result<BpfProgram, seccompiler::BackendError> {
    let rule = |&request: &u64| {
        // The kernel takes the lower half of the request alone, so what is above it must not count (CVE-2019-10063).
        let is = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)?;
        SeccompRule::new(vec![is])
    };
    let rules = TYPING.iter().map(rule).collect::<std::result::Result<Vec<_>, _>>()?;
    let calls = OTHER_IOCTLS.into_iter().chain([libc::SYS_ioctl]);
    let rules: BTreeMap<i64, Vec<SeccompRule>> = calls.map(|call| (call, rules.clone())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refused, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// Not by the crate's own function, which sets no_new_privs: that is for the specification to say.
fn install(filter: &BpfProgram) -> Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::E2BIG)?,
        // The crate's instruction is the kernel's own, field by field, and only read.
        filter: filter.as_ptr().cast_mut().cast(),
    };
    let call = libc::SYS_seccomp;
    // SAFETY: the kernel reads `len` instructions of 8 bytes, which outlive the call.
    let result = unsafe { libc::syscall(call, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_are_the_kernels() {
        assert_eq!(size_of::<seccompiler::sock_filter>(), size_of::<libc::sock_filter>());
        assert!(!typing().unwrap().is_empty());
    }
}
