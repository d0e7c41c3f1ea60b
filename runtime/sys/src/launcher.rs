//! A program in memory that becomes another one, so that execve(2) of what is in a container begins from nothing of the host's.
//!
//! While the kernel looks for a program, and for the interpreter that a script names, `/proc/self/exe` is the file that was
//! executed before, and `/proc/self/fd` what is open. A script in the container can name either: the interpreter
//! `/proc/self/exe` is the caller's own program, run by the container's loader, which keeps a way to its file (CVE-2019-5736), and
//! `/proc/self/fd/7/bin/sh` a program of a directory that the caller had open (as in CVE-2024-21626). The launcher's file is
//! sealed, and it has no more open than its own program is to have, and the end of a socket. Root of the user namespace that it
//! is in may look at it, and so reach that end: by it, the caller can be told of a failure or kept waiting.
//!
//! ```text
//! caller ── execveat(2) ──▶ launcher ── execve(2) ──▶ the program
//!                              └──── refused: the record, with the errno ────▶ socket; the process ends with 125
//! ```

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Errno, Result, descriptor, memory_file, process};

/// Whether there is a launcher for this architecture.
pub const EXISTS: bool = cfg!(target_arch = "x86_64");

/// What the launcher tries.
#[derive(Debug, Clone, Copy)]
pub enum Try<'a> {
    /// This path: any errno is the answer.
    Path(&'a CStr),
    /// These paths in turn, as execvp(3) does it: a file that is not there, or that may not be executed, is no reason to stop.
    Search(&'a [CString]),
}

/// Where the launcher says that it could not execute anything.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// A socket. It is closed when the program is executed.
    pub to: BorrowedFd<'a>,
    /// The message.
    pub record: &'a [u8],
    /// Where in the message the errno goes: four bytes in the machine's order.
    pub errno_at: usize,
}

/// The launcher for one program. Its descriptor is closed by execve(2).
#[derive(Debug)]
pub struct Launcher {
    file: OwnedFd,
    /// The number of the socket in this process and in those that it makes.
    socket: i32,
}

impl Launcher {
    /// Makes its file.
    ///
    /// # Errors
    /// As [`memory_file::sealed`]; `ENOSYS` if there is none for this architecture.
    pub fn new(of: Try<'_>, report: Report<'_>) -> Result<Launcher> {
        let image = image::of(&of, &report)?;
        Ok(Launcher { file: memory_file::sealed(c"launcher", &mut &*image)?, socket: report.to.as_raw_fd() })
    }

    /// Replaces the program. Returns only if not even the launcher could be executed.
    pub fn execute(&self, args: &[CString], env: &[CString]) -> Errno {
        match descriptor::set_inheritable(self.socket, true) {
            Ok(()) => process::execute_descriptor(self.file.as_fd(), args, env),
            Err(errno) => errno,
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod image {
    use super::{Errno, Report, Result, Try};

    pub(super) fn of(_: &Try<'_>, _: &Report<'_>) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }
}

#[cfg(target_arch = "x86_64")]
mod image {
    use std::ffi::{CStr, CString};
    use std::os::fd::AsRawFd;

    use super::{Errno, Report, Result, Try};

    // rbx: the data, which follows the code. r13, r14: argv and envp, where the kernel puts them on the stack. rbp: the path that
    // is tried. r15: the errno that is told. System V ABI for AMD64, 3.4.1 and A.2.
    core::arch::global_asm!(
        ".pushsection .rodata.nsproof_launcher, \"a\", @progbits",
        ".globl nsproof_launcher_begins",
        "nsproof_launcher_begins:",
        // Until the program runs, no process without CAP_SYS_PTRACE looks at this one: prctl(PR_SET_DUMPABLE, 0)
        "mov edi, 4",
        "xor esi, esi",
        "mov eax, 157",
        "syscall",
        "lea rbx, [rip + 9f]",
        "mov rax, [rsp]",
        "lea r13, [rsp + 8]",
        "lea r14, [r13 + 8 * rax + 8]",
        // The program does not get the socket: fcntl(socket, F_SETFD, FD_CLOEXEC)
        "mov edi, [rbx]",
        "mov esi, 2",
        "mov edx, 1",
        "mov eax, 72",
        "syscall",
        // Without a socket this is no launcher any more, but the interpreter of a script that names it: exit_group(126)
        "mov edi, 126",
        "test eax, eax",
        "jnz 6f",
        "mov r15d, 2", // ENOENT: nothing was found
        "mov eax, [rbx + 8]",
        "lea rbp, [rbx + rax + 16]",
        "2:", // the next path, if there is one
        "cmp byte ptr [rbp], 0",
        "je 5f",
        "mov rdi, rbp",
        "mov rsi, r13",
        "mov rdx, r14",
        "mov eax, 59", // execve(path, argv, envp)
        "syscall",
        "neg eax",
        "cmp dword ptr [rbx + 4], 0",
        "je 4f",
        "cmp eax, 2", // ENOENT
        "je 3f",
        "cmp eax, 20", // ENOTDIR
        "je 3f",
        // Another one may be executable, but if none is, this is the better reason.
        "cmp eax, 13", // EACCES
        "jne 4f",
        "mov r15d, eax",
        "3:", // behind the path's zero
        "cmp byte ptr [rbp], 0",
        "lea rbp, [rbp + 1]",
        "jne 3b",
        "jmp 2b",
        "4:",
        "mov r15d, eax",
        "5:", // the record, with the errno, on the stack
        "mov ecx, [rbx + 8]",
        "sub rsp, rcx",
        "mov rdi, rsp",
        "lea rsi, [rbx + 16]",
        "rep movsb",
        "mov eax, [rbx + 12]",
        "mov [rsp + rax], r15d",
        // sendto(socket, record, length, MSG_NOSIGNAL, none, 0)
        "mov edi, [rbx]",
        "mov rsi, rsp",
        "mov edx, [rbx + 8]",
        "mov r10d, 0x4000",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "mov eax, 44",
        "syscall",
        "mov edi, 125",
        "6:", // exit_group(edi)
        "mov eax, 231",
        "syscall",
        "ud2",
        "9:",
        ".globl nsproof_launcher_ends",
        "nsproof_launcher_ends:",
        ".popsection",
    );

    unsafe extern "C" {
        static nsproof_launcher_begins: u8;
        static nsproof_launcher_ends: u8;
    }

    /// Where the kernel maps the file: nothing else is there yet.
    const ADDRESS: u64 = 0x40_0000;
    /// The file's header and two for segments. elf(5)
    const HEADERS: u64 = 64 + 2 * 56;

    /// An executable file that needs no loader: headers, code, data. The data: the socket, whether paths are searched, the record's
    /// length and the errno's place in it, each as four bytes; the record; the paths, and an empty one.
    pub(super) fn of(of: &Try<'_>, report: &Report<'_>) -> Result<Vec<u8>> {
        let (searched, paths): (u32, Vec<&CStr>) = match of {
            Try::Path(path) => (0, vec![path]),
            Try::Search(paths) => (1, paths.iter().map(CString::as_c_str).collect()),
        };
        let number = |length: usize| u32::try_from(length).map_err(|_| Errno::E2BIG);
        if report.errno_at + 4 > report.record.len() {
            return Err(Errno::EINVAL);
        }
        let mut body = code().to_vec();
        body.extend(report.to.as_raw_fd().to_ne_bytes());
        body.extend(searched.to_ne_bytes());
        body.extend(number(report.record.len())?.to_ne_bytes());
        body.extend(number(report.errno_at)?.to_ne_bytes());
        body.extend(report.record);
        // An empty path would be taken for the last one; execve(2) finds nothing there either.
        for path in paths.into_iter().filter(|path| !path.is_empty()) {
            body.extend(path.to_bytes_with_nul());
        }
        body.push(0);
        let mut image = headers(HEADERS + u64::from(number(body.len())?));
        image.extend(body);
        Ok(image)
    }

    fn code() -> &'static [u8] {
        let (begin, end) = (&raw const nsproof_launcher_begins, &raw const nsproof_launcher_ends);
        // SAFETY: the assembler put the bytes between these labels into this program's constants, where they stay.
        unsafe { std::slice::from_raw_parts(begin, end.addr() - begin.addr()) }
    }

    /// Of a static program for x86-64 with all of the file at [`ADDRESS`], and a stack that is not executable.
    fn headers(length: u64) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        // ET_EXEC, EM_X86_64
        header.extend([2u16, 62].map(u16::to_ne_bytes).concat());
        header.extend(1u32.to_ne_bytes());
        // The entry, the headers of segments, and none of sections.
        header.extend([ADDRESS + HEADERS, 64, 0].map(u64::to_ne_bytes).concat());
        header.extend(0u32.to_ne_bytes());
        header.extend([64u16, 56, 2, 64, 0, 0].map(u16::to_ne_bytes).concat());
        // PT_LOAD, readable and executable
        header.extend([1u32, 5].map(u32::to_ne_bytes).concat());
        header.extend([0, ADDRESS, ADDRESS, length, length, 0x1000].map(u64::to_ne_bytes).concat());
        // PT_GNU_STACK, readable and writable
        header.extend([0x6474_e551u32, 6].map(u32::to_ne_bytes).concat());
        header.extend([0u64, 0, 0, 0, 0, 16].map(u64::to_ne_bytes).concat());
        header
    }
}
