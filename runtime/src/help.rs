//! The way out of the failures that people meet.

use crate::step::{Failure, Step};
use sys::Errno;

impl Failure {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&'static str> {
        namespaces(self).or_else(|| outside(self)).or_else(|| root(self)).or_else(|| program(self))
    }
}

fn namespaces(failure: &Failure) -> Option<&'static str> {
    Some(match (failure.step, failure.errno) {
        (Step::OneThread, _) => "spawn a container before the process makes threads",
        (Step::Clone | Step::Unshare, Errno::EPERM) => {
            "this needs CAP_SYS_ADMIN: run it as root, or with an own user namespace (--user); if that is refused too, \
                 see the sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns"
        }
        (Step::Clone | Step::Unshare, Errno::EINVAL) => {
            "the kernel lacks this kind of namespace (CONFIG_NAMESPACES and below it)"
        }
        (Step::Clone | Step::Unshare, Errno::ENOSPC) => {
            "there are too many namespaces, see /proc/sys/user/max_*_namespaces"
        }
        _ => return None,
    })
}

fn program(failure: &Failure) -> Option<&'static str> {
    Some(match (failure.step, failure.errno) {
        (Step::Bounding | Step::Ids | Step::NewSession, Errno::EPERM) => {
            "run it as root, or with an own user namespace (--user)"
        }
        (Step::Terminal, Errno::EPERM) => {
            "a terminal of its own takes a session of its own, and must not control another one: `new-session = true`"
        }
        (Step::ForbidTyping, Errno::EACCES) => {
            "a filter of system calls takes no_new_privs or CAP_SYS_ADMIN: with a session of its own (--new-session=true) none \
                 is needed"
        }
        (Step::ForbidTyping, Errno::EINVAL | Errno::ENOSYS) => {
            "the kernel lacks filters of system calls (CONFIG_SECCOMP_FILTER): take a session of its own (--new-session=true)"
        }
        (Step::Capabilities, Errno::EPERM) => {
            "the caller does not have these capabilities itself: leave them out (--cap-drop)"
        }
        (Step::Channel, Errno::EACCES) => {
            "the program is executed by a file in memory: the sysctl vm.memfd_noexec must be 0 or 1"
        }
        (Step::Channel, Errno::EFBIG) => {
            "the program is executed by a file in memory: raise the limit on the size of files (ulimit -f)"
        }
        (Step::Execute, Errno::ENOENT) => {
            "the program, or the loader that it names, is not in the container's root (a name without a slash is looked \
                 for in the container's PATH)"
        }
        (Step::Execute, Errno::EACCES) => "the file is not executable, or its file system is mounted noexec",
        (Step::CloseDescriptors, Errno::EBADF) => "the caller has no such descriptor open",
        (Step::WorkingDirectory, Errno::ENOENT) => "the directory is not in the container's root",
        _ => return None,
    })
}

fn outside(failure: &Failure) -> Option<&'static str> {
    Some(match (failure.step, failure.errno) {
        (Step::Join, Errno::ENOENT | Errno::ESRCH) => "there is no such process or namespace file",
        (Step::Join, Errno::EPERM | Errno::EACCES) => {
            "joining needs CAP_SYS_ADMIN in the user namespace that owns the other one, and to see the namespaces of a process \
                 every capability that it has (ptrace(2), PTRACE_MODE_READ)"
        }
        (Step::Join, Errno::EINVAL) => "a container's name has to be turned into a process's number first",
        (Step::IdMap, Errno::EPERM) => {
            "without CAP_SETUID outside, only the caller's own id can be mapped, as one row with a count of 1"
        }
        (Step::Cgroup | Step::EnterCgroup, Errno::ENODEV) => {
            "mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
        }
        (Step::Cgroup, Errno::EBUSY) => {
            "the caller's cgroup has processes of its own, so it can give no controllers to groups below it"
        }
        (Step::Cgroup, Errno::ENOENT | Errno::EINVAL) => {
            "the controller is not available here, see cgroup.controllers in the caller's cgroup"
        }
        (Step::Cgroup, Errno::EEXIST) => {
            "a cgroup of that name exists: another container has it, or one whose nsrun was killed has left it (rmdir)"
        }
        (Step::Link, Errno::EEXIST) => {
            "an interface of that name exists: another container may have claimed it"
        }
        (Step::Link, Errno::EOPNOTSUPP) => {
            "the kernel has no veth: load the module, or build it in (CONFIG_VETH)"
        }
        (Step::Link | Step::Device, Errno::EPERM) => {
            "this needs CAP_NET_ADMIN in the caller's network namespace"
        }
        (Step::Route, Errno::ENETUNREACH) => {
            "the gateway is in no network of the container's own addresses: give it one, as --veth does"
        }
        (Step::Device, Errno::ENODEV) => "there is no such device in the caller's network namespace",
        _ => return None,
    })
}

fn root(failure: &Failure) -> Option<&'static str> {
    Some(match (failure.step, failure.errno) {
        (Step::PivotRoot, Errno::EINVAL) => {
            "the present root may be the initramfs, which nothing can be pivoted from: move to another root first, or \
                 take the weaker `switch = \"chroot\"` (--chroot)"
        }
        (Step::Mount, Errno::ENOENT) => {
            "one of the two is not there: the source of a bind mount in the caller's root, or the target in the container's"
        }
        (Step::Root, Errno::ENOENT) => "the directory does not exist",
        (Step::Skeleton, Errno::ENOENT | Errno::ENOTDIR) => "the skeleton must be an existing directory",
        (Step::Skeleton, Errno::EPERM) => {
            "device nodes cannot be made in a user namespace: leave them out (--dev)"
        }
        (Step::Skeleton, Errno::ENOSPC) => "the tmpfs is smaller than the skeleton: give it a larger size",
        (Step::Proc, Errno::EPERM) => {
            "a user namespace gets a procfs only with an own PID namespace, and if the caller's /proc is not covered"
        }
        (Step::Proc | Step::Sysfs | Step::Dev, Errno::ELOOP) => "a symbolic link is in its place in the root",
        (Step::Sysfs, Errno::EPERM) => "a user namespace gets a sysfs only with an own network namespace",
        (Step::Sysctl, Errno::ENOENT) => "the kernel has no such sysctl, or the container has no /proc",
        (Step::Mount, Errno::ENOSYS) => "recursive flags need mount_setattr(2), Linux 5.12",
        (Step::Mount, Errno::ENODEV) => "the kernel does not have this file system: load its module",
        _ => return None,
    })
}
