//! The kernel's configuration options without which a need is not met: what to set is told where a scenario is skipped.

use runtime::spec::Namespace;

use protocol::plan::Need;

/// The option that gives what a scenario needs (`CONFIG_VETH`), if one is known.
pub(crate) fn option(need: &Need) -> Option<&'static str> {
    match need {
        Need::Namespace(kind) => namespace(*kind),
        Need::Module(name) => find(MODULES, &name.replace('-', "_")),
        Need::Filesystem(name) => find(FILESYSTEMS, name),
        Need::Path(path) => find(PATHS, path),
        Need::Controller(name) => find(CONTROLLERS, name),
        Need::Capability(name) => find(CAPABILITIES, name.strip_prefix("CAP_").unwrap_or(name)),
        // It names the option itself.
        Need::Config(_) => None,
        Need::Syscall(_) => None,
    }
}

type Table = &'static [(&'static str, &'static str)];

fn find(table: Table, word: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == word).map(|(_, option)| *option)
}

fn namespace(kind: Namespace) -> Option<&'static str> {
    match kind {
        Namespace::Cgroup => Some("CONFIG_CGROUPS"),
        Namespace::Ipc => Some("CONFIG_IPC_NS"),
        Namespace::Net => Some("CONFIG_NET_NS"),
        Namespace::Pid => Some("CONFIG_PID_NS"),
        Namespace::User => Some("CONFIG_USER_NS"),
        Namespace::Uts => Some("CONFIG_UTS_NS"),
        // Every kernel has it.
        Namespace::Mount => None,
    }
}

const MODULES: Table = &[
    ("bridge", "CONFIG_BRIDGE"),
    ("dummy", "CONFIG_DUMMY"),
    ("ipvlan", "CONFIG_IPVLAN"),
    ("macvlan", "CONFIG_MACVLAN"),
    ("overlay", "CONFIG_OVERLAY_FS"),
    ("tun", "CONFIG_TUN"),
    ("veth", "CONFIG_VETH"),
];

const FILESYSTEMS: Table = &[
    ("cgroup2", "CONFIG_CGROUPS"),
    ("mqueue", "CONFIG_POSIX_MQUEUE"),
    ("overlay", "CONFIG_OVERLAY_FS"),
    ("proc", "CONFIG_PROC_FS"),
    ("sysfs", "CONFIG_SYSFS"),
    ("tmpfs", "CONFIG_TMPFS"),
];

const PATHS: Table = &[
    ("/proc/kcore", "CONFIG_PROC_KCORE"),
    ("/proc/sys/kernel/core_pattern", "CONFIG_COREDUMP"),
    ("/proc/sys/kernel/modprobe", "CONFIG_MODULES"),
    ("/proc/sysrq-trigger", "CONFIG_MAGIC_SYSRQ"),
    ("/sys/firmware/memmap", "CONFIG_FIRMWARE_MEMMAP"),
];

const CONTROLLERS: Table = &[
    ("cpu", "CONFIG_CGROUP_SCHED"),
    ("cpuset", "CONFIG_CPUSETS"),
    ("io", "CONFIG_BLK_CGROUP"),
    ("memory", "CONFIG_MEMCG"),
    ("pids", "CONFIG_CGROUP_PIDS"),
];

const CAPABILITIES: Table = &[
    ("AUDIT_CONTROL", "CONFIG_AUDIT"),
    ("AUDIT_READ", "CONFIG_AUDIT"),
    ("AUDIT_WRITE", "CONFIG_AUDIT"),
    ("BLOCK_SUSPEND", "CONFIG_SUSPEND"),
    ("BPF", "CONFIG_BPF_SYSCALL"),
    ("DAC_READ_SEARCH", "CONFIG_FHANDLE"),
    ("IPC_OWNER", "CONFIG_SYSVIPC"),
    ("LINUX_IMMUTABLE", "CONFIG_TMPFS_XATTR"),
    ("PERFMON", "CONFIG_PERF_EVENTS"),
    ("SETFCAP", "CONFIG_TMPFS_XATTR"),
    ("SYS_MODULE", "CONFIG_MODULES"),
    ("SYS_PACCT", "CONFIG_BSD_PROCESS_ACCT"),
    ("SYS_RAWIO", "CONFIG_X86_IOPL_IOPERM"),
    ("SYS_TIME", "CONFIG_POSIX_TIMERS"),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_a_scenario_needs_is_known_and_in_the_fragment() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let fragment = std::fs::read_to_string(root.join("vm/kernel.config")).unwrap();
        let scenarios = crate::scenario::load(&root.join("scenarios"), &[]).unwrap();
        let needs: Vec<&Need> = scenarios.iter().flat_map(|scenario| &scenario.needs).collect();
        assert!(needs.len() > 20);
        for need in needs {
            let option = match need {
                Need::Config(option) => option,
                _ => option(need).unwrap_or_else(|| panic!("no option is known for {need:?}")),
            };
            let line = format!("{option}=y");
            assert!(fragment.lines().any(|found| found == line), "{line} is not in vm/kernel.config");
        }
    }

    #[rstest::rstest]
    #[case(Need::Module("veth".into()), Some("CONFIG_VETH"))]
    #[case(Need::Namespace(Namespace::Uts), Some("CONFIG_UTS_NS"))]
    #[case(Need::Controller("memory".into()), Some("CONFIG_MEMCG"))]
    #[case(Need::Capability("BPF".into()), Some("CONFIG_BPF_SYSCALL"))]
    #[case(Need::Capability("CAP_BPF".into()), Some("CONFIG_BPF_SYSCALL"))]
    #[case(Need::Module("no-such-module".into()), None)]
    fn of_needs(#[case] need: Need, #[case] expected: Option<&'static str>) {
        assert_eq!(option(&need), expected);
    }
}
