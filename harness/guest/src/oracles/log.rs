//! Faults in the kernel log.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use sys::probe::machine;
use sys::{Errno, errno_of};

/// What the kernel says when something is wrong with itself.
const FAULTS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "KASAN",
    "KCSAN",
    "KMSAN",
    "UBSAN",
    "general protection fault",
    "Unable to handle kernel",
    "divide error",
    "invalid opcode",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "scheduling while atomic",
    "INFO: possible",
    "INFO: task",
    "INFO: rcu",
    "soft lockup",
    "possible circular locking",
    "possible recursive locking",
    "possible irq lock inversion",
    "suspicious RCU usage",
    "suspicious rcu_dereference",
    "unregister_netdevice: waiting",
    "unreferenced object",
];

/// Lines of faults that are kept: a kernel that warns without end is told of by the first of them.
const KEPT: usize = 64;

/// The kernel log, read from its beginning on.
///
/// Neither syslog(2) (`dmesg --clear`, `dmesg --read-clear`) nor a sysctl (`kernel.printk`, `kernel.printk_devkmsg`,
/// `kernel.dmesg_restrict`) takes a record from a descriptor that is open: only one that is overwritten before it is read
/// is lost, and then the numbers of those that are left tell of it.
pub(super) struct KernelLog {
    file: File,
    seen: Seen,
}

/// What was read since it was last taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Lines that tell of a fault.
    pub(super) faults: Vec<String>,
    /// Records that were not read.
    pub(super) lost: u64,
}

impl KernelLog {
    /// Opens the log and reads what the kernel said so far: that gives the number of the next record.
    pub(super) fn open() -> io::Result<KernelLog> {
        let mut log = KernelLog { file: machine::kernel_log()?, seen: Seen::default() };
        log.read()?;
        Ok(log)
    }

    /// Reads what is there. It is called while a scenario runs, too: the kernel overwrites the oldest records.
    pub(super) fn read(&mut self) -> io::Result<()> {
        // As long as a record can be (CONSOLE_EXT_LOG_MAX): the kernel refuses to give a part of one.
        let mut record = [0; 8192];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(()),
                Ok(length) => self.seen.record(&String::from_utf8_lossy(&record[..length])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Records were overwritten before they were read: the next read gives the oldest that is left.
                Err(error) if errno_of(&error) == Errno::EPIPE => self.seen.overwritten = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// What came since the last call.
    pub(super) fn take(&mut self) -> io::Result<Told> {
        self.read()?;
        Ok(self.seen.take())
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// What the records said.
#[derive(Debug, Default)]
struct Seen {
    /// The number that the next record has if none is lost.
    next: Option<u64>,
    /// The kernel said that there is a gap.
    overwritten: bool,
    lost: u64,
    faults: Vec<String>,
    /// Faults that are not kept.
    more: usize,
}

impl Seen {
    fn record(&mut self, record: &str) {
        match number(record) {
            // The log does not begin with 0 if the machine has been up for long: it is no gap of this reader's.
            Some(number) => {
                self.lost += number.saturating_sub(self.next.unwrap_or(number));
                self.next = Some(number + 1);
            }
            None => self.lost += 1,
        }
        if let Some(fault) = fault(record) {
            if self.faults.len() < KEPT { self.faults.push(fault) } else { self.more += 1 }
        }
    }

    fn take(&mut self) -> Told {
        let mut faults = std::mem::take(&mut self.faults);
        if self.more > 0 {
            faults.push(format!("and {} more such lines", std::mem::take(&mut self.more)));
        }
        let overwritten = u64::from(std::mem::take(&mut self.overwritten));
        Told { faults, lost: std::mem::take(&mut self.lost).max(overwritten) }
    }
}

/// The sequence number of a record of `/dev/kmsg`: `6,339,5140900,-;text`. Documentation/ABI/testing/dev-kmsg
fn number(record: &str) -> Option<u64> {
    let (head, _) = record.split_once(';')?;
    head.split(',').nth(1)?.parse().ok()
}

/// The text of a record of `/dev/kmsg`, if the kernel wrote it and it tells of a fault.
fn fault(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    // What a process writes to /dev/kmsg never has the kernel's own facility, 0.
    let from_kernel = priority >> 3 == 0;
    // A record of several lines comes in one, its line ends escaped. kmsg(4)
    let text = text.lines().next()?;
    let told = text.split("\\x0a").find(|line| FAULTS.iter().any(|word| line.contains(word)))?;
    (from_kernel && !quotes(text)).then(|| told.to_owned())
}

/// What stands before a name that a program chose, in messages of a sound kernel. In fs/exec.c, fs/fs_parser.c, fs/fs_context.c,
/// mm/oom_kill.c, mm/memcontrol.c, lib/dump_stack.c, kernel/sched/core.c, kernel/capability.c
const QUOTING: &[&str] = &[
    "process '",
    "Memory cgroup out of memory: Killed process ",
    "Out of memory: Killed process ",
    "oom-kill:constraint=",
    "oom_reaper: reaped process ",
    "Memory cgroup stats for ",
    "memory: usage ",
    "Tasks in ",
    "Task in ",
    "CPU: ",
    "task:",
    "warning: process `",
    "warning: `",
    "capability: warning: `",
];

/// What stands between such names, or after one.
const QUOTED: &[&str] = &[
    // Of a mount, its options and their values.
    ": Unknown parameter '",
    ": Bad value for '",
    ": Unexpected value for '",
    ": Invalid value for '",
    // Of a process.
    " invoked oom-killer: ",
    // Of a network device.
    ": renamed from ",
    ": link becomes ready",
    " promiscuous mode",
    " allmulticast mode",
    ") entered ",
];

/// Whether a message of a sound kernel is about something that a program chose the name of, such as itself: what is taken for
/// a fault in it may be that name. A fault's own first line is never such a message.
fn quotes(text: &str) -> bool {
    let text = text.strip_prefix("traps: ").unwrap_or(text);
    QUOTING.iter().any(|words| text.starts_with(words))
        || QUOTED.iter().any(|words| text.contains(words))
        // The name of a task that hangs comes early, too. kernel/hung_task.c
        || (begins_with_a_process(text) && !text.contains(" blocked for more than "))
        || is_row_of_tasks(text)
}

/// The longest name of a process. TASK_COMM_LEN in include/linux/sched.h, without its NUL
const NAME: usize = 15;

/// `probe[93]: segfault at 0 ip …`, `probe[93] general protection fault ip:…`, `probe[93] bad frame in rt_sigreturn …`,
/// `probe (93): drop_caches: 3`, `probe/93: …`: a name is too short to hide a fault of the kernel behind it.
fn begins_with_a_process(text: &str) -> bool {
    text.char_indices().any(|(at, mark)| {
        let id = match mark {
            '[' | '(' | '/' if at <= NAME + 1 => &text[at + 1..],
            _ => return false,
        };
        let digits = id.bytes().take_while(u8::is_ascii_digit).count();
        let closed = |end: char| id[digits..].starts_with(end);
        digits > 0
            && match mark {
                '[' => closed(']'),
                '(' => closed(')'),
                _ => closed(':') || closed(' '),
            }
    })
}

/// `[     93]     0    93   1234 … probe`: the table of those that may be killed for want of memory. ` S   probe    93 …`: that
/// of those that may run. kernel/sched/debug.c
fn is_row_of_tasks(text: &str) -> bool {
    if let [b' ' | b'>', b'A'..=b'Z', b' ', ..] = text.as_bytes() {
        return true;
    }
    text.strip_prefix('[').and_then(|row| row.split_once(']')).is_some_and(|(pid, _)| {
        let pid = pid.trim_start();
        !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("4,339,5140900,-;WARNING: CPU: 0 PID: 1 at net/core/dev.c:11\n SUBSYSTEM=x\n", true)]
    #[case("3,9,5,-;BUG: kernel NULL pointer dereference, address: 0000000000000008\n", true)]
    #[case("0,9,5,-;unregister_netdevice: waiting for lo to become free. Usage count = 3\n", true)]
    #[case("4,9,5,-;refcount_t: underflow; use-after-free.\n", true)]
    #[case("6,339,5140900,-;veth: a link came up\n", false)]
    // Facility 1: a process wrote it.
    #[case("12,9,5,-;WARNING: not the kernel\n", false)]
    #[case("no record", false)]
    // What the user chose is quoted.
    #[case(
        "6,9,5,-;traps: probe[93] general protection fault ip:401f2a sp:7ffe error:0 in init[400000+1000]\n",
        false
    )]
    #[case(
        "6,9,5,-;traps: probe[93] trap invalid opcode ip:401f2a sp:7ffe error:0 in init[400000+1000]\n",
        false
    )]
    #[case("6,9,5,-;traps: BUG: x[y] [1][93] trap divide error ip:401f2a sp:7ffe error:0\n", false)]
    #[case("6,9,5,-;Oops[93]: segfault at 0 ip 0000 sp 7ffe error 4 in init[400000+1000]\n", false)]
    #[case(
        "6,9,5,-;BUG: x[89] bad frame in rt_sigreturn frame:00000000 ip:401f2a sp:7ffe orax:ffff\n",
        false
    )]
    #[case("6,9,5,-;WARNING: (89): drop_caches: 3\n", false)]
    #[case("4,9,5,-;process 'BUG: x' launched '/nope' with NULL argv: empty string added\n", false)]
    #[case("4,9,5,-;process 'x\\x0aBUG: x' launched '/BUG: y' with NULL argv: empty string added\n", false)]
    #[case("3,9,5,-;tmpfs: Unknown parameter 'Oops'\n", false)]
    #[case("6,9,5,-;IPv6: ADDRCONF(NETDEV_CHANGE): Oops0: link becomes ready\n", false)]
    #[case("6,9,5,-;WARNING: renamed from x\n", false)]
    #[case(
        "4,9,5,-;BUG: y invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n",
        false
    )]
    #[case("3,9,5,-;Memory cgroup out of memory: Killed process 93 (BUG: y) total-vm:10kB\n", false)]
    #[case("6,9,5,-;[     93]     0    93      123        7    45056        0             0 BUG: y\n", false)]
    #[case(
        "6,9,5,-;task:Oops            state:S stack:0     pid:93    ppid:1      flags:0x00000006\n",
        false
    )]
    #[case("4,9,5,-; S            Oops    84      1587.020972        22   120\n", false)]
    #[case("4,9,5,-;CPU: 0 PID: 93 Comm: BUG: y Not tainted 6.1.0 #1\n", false)]
    // A fault is one, whatever the program is called that it happened to.
    #[case(
        "0,9,5,-;general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT\n",
        true
    )]
    #[case("0,9,5,-;Oops: 0002 [#1] PREEMPT SMP NOPTI\n", true)]
    #[case("3,9,5,-;INFO: task x[93]: y:93 blocked for more than 120 seconds.\n", true)]
    #[case("0,9,5,-;watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]\n", true)]
    #[case("3,9,5,-;rcu: INFO: rcu_sched self-detected stall on CPU\n", true)]
    #[case("4,9,5,-;WARNING: CPU: 0 PID: 93 at kernel/fork.c:1 copy_process+0x1/0x2\n", true)]
    #[case("4,9,5,-;WARNING: possible circular locking dependency detected\n", true)]
    #[case("4,9,5,-;BUG: KASAN: use-after-free in x+0x1/0x2\n", true)]
    #[case("3,9,5,-;BUG: sleeping function called from invalid context at x.c:1\n", true)]
    #[case("4,9,5,-;kernel BUG at kernel/cred.c:100!\n", true)]
    fn only_the_kernel_tells_of_faults(#[case] record: &str, #[case] told: bool) {
        assert_eq!(fault(record).is_some(), told);
    }

    #[test]
    fn the_text_is_without_head_and_dictionary() {
        let record = "4,1,2,-;WARNING: at x.c; y\n SUBSYSTEM=net\n";
        assert_eq!(fault(record).as_deref(), Some("WARNING: at x.c; y"));
        let record = "4,1,2,-;=====\\x0aWARNING: gone\\x0a=====\n";
        assert_eq!(fault(record).as_deref(), Some("WARNING: gone"));
    }

    #[test]
    fn a_gap_in_the_numbers_is_what_was_lost() {
        let mut seen = Seen::default();
        // What was said before anybody read is no gap.
        seen.record("6,339,1,-;veth: a link came up\n");
        seen.record("6,340,2,-;veth: it went down\n");
        assert_eq!(seen.take(), Told::default());
        seen.record("4,352,3,-;WARNING: at x.c\n");
        assert_eq!(seen.take(), Told { faults: vec!["WARNING: at x.c".into()], lost: 11 });
        seen.record("6,353,4,-;all is well\n");
        assert_eq!(seen.take(), Told::default());
        seen.record("no record");
        assert_eq!(seen.take(), Told { faults: Vec::new(), lost: 1 });
    }

    #[test]
    fn a_gap_that_only_the_kernel_tells_of_is_one_too() {
        let mut seen = Seen { overwritten: true, ..Seen::default() };
        assert_eq!(seen.take().lost, 1);
        assert_eq!(seen.take().lost, 0);
    }

    #[test]
    fn faults_without_end_are_counted() {
        let mut seen = Seen::default();
        (0..100).for_each(|number| seen.record(&format!("4,{number},1,-;WARNING: {number}\n")));
        let Told { faults, lost } = seen.take();
        assert_eq!((faults.len(), &*faults[KEPT], lost), (KEPT + 1, "and 36 more such lines", 0));
    }
}
