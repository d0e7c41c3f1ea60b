//! Bad input: each with what is wrong and the way out, before anything is built.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rstest::rstest;

use crate::common::{
    Need, Said, need, nsrun, on_a_host, run, skeleton, specification, unprivileged, unprivileged_in,
};

#[rstest]
#[case::a_long_hostname(&["-u", "--hostname", LONG], "hostname: 65 bytes, at most 64 are allowed")]
#[case::a_hostname_of_the_host(&["--hostname", "x"], "hostname: without a uts namespace the name would be the caller's too")]
#[case::no_address(&["-n", "--veth", "a:1.2.3=b"], "links[0].host-address: `1.2.3` is not an address")]
#[case::a_long_interface(&["-n", "--veth", "interface0123456=b"], "links[0].host: `interface0123456` has 16 bytes, at most 15")]
#[case::a_slash(&["-n", "--veth", "a=b/c"], "links[0].container: `b/c` is not a name for an interface")]
#[case::claimed_twice(&["-n", "--veth", "a=b", "--veth", "a=c"], "links[1].host: `a` is claimed twice")]
#[case::claimed_by_a_device(&["-n", "--veth", "a=b", "--device", "a"], "devices[0].name: `a` is claimed twice")]
#[case::a_link_without_net(&["--veth", "a=b"], "links[0]: without a net namespace both ends would be the caller's")]
#[case::an_unknown_capability(&["--cap-drop", "NET_RAWR"], "capabilities.drop[0]: `NET_RAWR` is not a capability")]
#[case::joined_and_made(&["-n", "--join", "net=1"], "join.net: the net namespace is joined and made")]
#[case::a_relative_target(&["-m", "--bind", "/usr:mnt"], "mounts[0].target: `mnt` is not an absolute path")]
#[case::a_climbing_target(&["-m", "--bind", "/usr:/mnt/../etc"], "mounts[0].target: `/mnt/../etc` climbs up")]
#[case::an_unknown_flag(&["-m", "--bind", "/usr:/mnt:readonly"], "mounts[0].options: `readonly` is not a flag of mount(8)")]
#[case::overlapping_maps(&["-U", "--uid-map", "0:1000:10", "--uid-map", "5:9000:1"], "uid-map[1]: it overlaps an earlier row")]
#[case::an_unmapped_user(&["-U", "--uid", "5"], "uid: 5 is not mapped in the user namespace")]
#[case::denied_groups(&["-U", "--group", "5"], "groups: the user namespace denies setgroups(2)")]
#[case::a_tmpfs_in_the_hosts_mounts(&["--tmpfs", "1M"], "root.tmpfs: without a mount namespace it would stay")]
#[case::no_size(&["-m", "--tmpfs", "big"], "root.tmpfs: `big` is not a size")]
#[case::proc_of_the_host(&["--proc"], "proc: without a mount namespace")]
#[case::sys_of_the_host(&["-m", "--sys"], "sysfs: without a net namespace")]
#[case::a_bad_route(&["-n", "--route", "all=1.2.3.4"], "routes[0].to: `all` is not a network that 1.2.3.4 leads to")]
#[case::a_hostname_of_the_caller(&["-m", "-p", "--proc", "--sysctl", "kernel.hostname=x"], "sysctls: without a uts namespace `kernel.hostname` would be set for the caller too")]
#[case::a_queue_of_the_caller(&["-m", "--sysctl", "fs/mqueue/msg_max=1"], "sysctls: without an ipc namespace")]
#[case::a_network_of_the_caller(&["-m", "--sysctl", "net.ipv4.ip_forward=1"], "sysctls: without a net namespace")]
#[case::the_whole_machine(&["-a", "--sysctl", "kernel.panic=1"], "sysctls: `kernel.panic` is of no namespace")]
#[case::no_user(&["--uid", "4294967295"], "uid: 4294967295 is what setresuid(2) takes for no change")]
#[case::no_group(&["--gid", "4294967295"], "gid: 4294967295 is what setresuid(2) takes for no change")]
#[case::a_standard_descriptor(&["--keep-fd", "1"], "keep-fds: 1 cannot be kept")]
#[case::a_path_as_cgroup(&["--cgroup", "../x"], "cgroup.name: `../x` is not a name")]
fn a_bad_specification_is_told_by_field(#[case] flags: &[&str], #[case] message: &str) {
    let said = run(flags, "true").failed(125);
    assert!(said.contains(&format!("nsrun: {message}")), "{said}");
    assert!(said.contains("\n  help: "), "{said}");
}

#[rstest]
#[case::a_device("/dev/zero", "it is a device, not a regular file")]
#[case::one_that_waits("/proc/kmsg", "")]
#[case::a_large_file("/proc/self/exe", "it is larger than 1 MiB")]
#[case::a_folder("/etc", "it is a folder, not a regular file")]
fn a_specification_is_a_file_that_ends(#[case] path: &str, #[case] message: &str) {
    let said = run(&["--spec", path], "true").failed(125);
    assert!(said.contains(&format!("{path}: {message}")), "{said}");
}

const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

#[rstest]
#[case::unreachable_sets(
    "no-new-privileges = false\n[capabilities]\npermitted = ['KILL']",
    "capabilities.permitted: without no-new-privileges"
)]
#[case::ambient_alone(
    "[capabilities]\nambient = ['KILL']",
    "capabilities.ambient: an ambient capability must be"
)]
#[case::permitted_of_a_user(
    "uid = 1\n[capabilities]\npermitted = ['KILL']",
    "capabilities.permitted: execve of a user other than 0"
)]
#[case::two_roots(
    "namespaces = ['mount']\nroot = { dir = '/', tmpfs = '1M' }",
    "root: it needs either a directory or a tmpfs"
)]
#[case::a_skeleton_for_nothing(
    "namespaces = ['mount']\nroot = { dir = '/', skeleton = '/x' }",
    "root.skeleton: a skeleton is copied into a tmpfs"
)]
#[case::nothing_to_run("args = []", "args: no program is given")]
fn a_bad_file_is_told_by_field(#[case] text: &str, #[case] message: &str) {
    let spec = specification(text);
    let said = run_file(spec.path()).failed(125);
    assert!(said.contains(&format!("nsrun: {message}")), "{said}");
}

#[rstest]
#[case::an_unknown_key("hostnam = 'x'", "line 1, column 1", "unknown field `hostnam`")]
#[case::an_unknown_namespace("\nnamespaces = ['utz']", "line 2, column 15", "unknown variant `utz`")]
#[case::no_toml("a = = b", "line 1, column 5", "a = = b")]
fn a_file_that_is_none_is_told_by_line(#[case] text: &str, #[case] place: &str, #[case] message: &str) {
    let spec = specification(text);
    let said = run(&["--spec", spec.path().to_str().unwrap()], "true").failed(125);
    assert!(
        said.contains(spec.path().to_str().unwrap()) && said.contains(place) && said.contains(message),
        "{said}"
    );
}

#[test]
fn an_argument_that_is_no_text_is_shown() {
    let argument = OsStr::from_bytes(b"a\xff\x1bb");
    let ran = Command::new(nsrun())
        .args(["run", "--uts", "--hostname"])
        .arg(argument)
        .args(["--", "true"])
        .output();
    let said = Said::of(ran.unwrap()).failed(125);
    assert!(said.starts_with("nsrun: not UTF-8: a\u{fffd}\\u{1b}b\n") && !said.contains(r"\n"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = run(&["--spec", "/not/there.toml"], "true").failed(125);
    assert!(said.contains("nsrun: /not/there.toml: No such file"), "{said}");
}

#[rstest]
#[case::a_missing_skeleton(&["-m", "--skeleton", "/not/there"], "skeleton (/not/there): ENOENT", "must be an existing directory")]
#[case::a_file_as_skeleton(&["-m", "--skeleton", "/etc/passwd"], "skeleton (/etc/passwd): ENOTDIR", "must be an existing directory")]
#[case::a_missing_root(&["-m", "--root", "/not/there"], "root (/not/there): ENOENT", "does not exist")]
#[case::a_missing_device(&["-n", "--device", "eth77"], "device[0] (eth77): ENODEV", "no such device")]
#[case::a_missing_process(&["--join", "net=999999999"], "join (/proc/999999999/ns/net): ENOENT", "no such process")]
#[case::a_name_for_a_process(&["--join", "net=other"], "join (net of other): EINVAL", "number first")]
#[case::an_unknown_file_system(&[], "mount[0] (nofs on /mnt): ENODEV", "does not have this file system")]
fn what_the_machine_lacks_is_told_by_step(#[case] flags: &[&str], #[case] failure: &str, #[case] help: &str) {
    if !need(Need::Root) {
        return;
    }
    let spec = specification("namespaces = ['mount']\nmounts = [{ type = 'nofs', target = '/mnt' }]");
    let flags = if flags.is_empty() { &["--spec", spec.path().to_str().unwrap()] } else { flags };
    let said = run(flags, "true").failed(125);
    assert!(said.contains(&format!("nsrun: {failure}\n")) && said.contains(help), "{said}");
}

#[test]
fn a_program_that_is_not_there_is_127_and_one_that_is_none_126() {
    if !need(Need::Root) {
        return;
    }
    let code =
        |program: &str| Command::new(nsrun()).args(["run", "--", program]).output().unwrap().status.code();
    assert_eq!(
        [code("/not/there"), code("not-in-the-path"), code("/etc/passwd")],
        [Some(127), Some(127), Some(126)]
    );
}

/// As execvp(3) has it: what is not there, or may not be executed, is no reason to look no further.
#[rstest]
#[case::not_a_directory("/etc/passwd/x", "", "ENOTDIR")]
#[case::no_program("DIR/a/text", "", "ENOEXEC")]
#[case::no_interpreter("DIR/a/script", "", "ENOENT")]
#[case::a_loop("DIR/a/loop", "", "ELOOP")]
#[case::nowhere("absent", "DIR/a:/etc/passwd", "ENOENT")]
#[case::not_executable_anywhere("denied", "DIR/a:/nowhere", "EACCES")]
#[case::no_program_first("text", "DIR/a:DIR/b", "ENOEXEC")]
#[case::found_at_last("text", "DIR/b:DIR/a", "")]
#[case::executable_elsewhere("denied", "/nowhere:/etc/passwd:DIR/a:DIR/b", "")]
#[case::a_long_way_off("denied", "LONG:DIR/b", "")]
#[case::too_long_a_path("denied", "LONG:LONG:DIR/b", "E2BIG")]
#[case::too_much("DIR/b/text", "LONG:LONG", "E2BIG")]
fn why_a_program_cannot_be_executed_is_told(#[case] program: &str, #[case] path: &str, #[case] errno: &str) {
    if !need(Need::Root) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // By another process: a descriptor that writes, inherited by a child of another test, would make them "Text file busy".
    let files =
        "mkdir a b; ln -s loop a/loop; echo no program >a/text; echo '#!/not/there' >a/script; : >a/denied
        echo '#!/bin/sh' >b/text; cp b/text b/denied; chmod 755 a/text a/script b/*";
    let made = Command::new("/bin/sh").args(["-ec", files]).current_dir(folder.path()).status();
    assert!(made.unwrap().success());
    // One string of the environment may have 131,072 bytes: execve(2), MAX_ARG_STRLEN
    let long = (0..12_000).map(|number| format!("/{number:07}")).collect::<Vec<_>>().join(":");
    let full = |text: &str| text.replace("DIR", folder.path().to_str().unwrap()).replace("LONG", &long);
    let program = full(program);
    let spec = specification(&format!("args = ['{program}']\nenv = {{ PATH = '{}' }}", full(path)));
    let said = run_file(spec.path());
    match errno {
        "" => assert_eq!(said.ok(), ""),
        errno => {
            let told = said.failed(if errno == "ENOENT" { 127 } else { 126 });
            assert!(told.contains(&format!("nsrun: execute ({program}): {errno}\n")), "{told}");
        }
    }
}

fn run_file(spec: &Path) -> Said {
    Said::of(Command::new(nsrun()).args(["run", "--spec"]).arg(spec).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_root_without_programs_executes_none() {
    if !need(Need::Root) {
        return;
    }
    let said = |options: &str| {
        on_a_host(&format!(
            "mount --make-rprivate /; mount -t tmpfs {options} root /mnt; cp /bin/busybox /mnt/true
            $NSRUN run --mount --root /mnt -- /true"
        ))
    };
    assert_eq!(said("-o exec").ok(), "");
    let told = said("-o noexec").failed(126);
    assert!(told.contains("nsrun: execute (/true): EACCES\n") && told.contains("mounted noexec"), "{told}");
}

/// The sysctl is a PID namespace's own, and stays with it.
#[rstest]
#[case::the_launcher("-u", "channel (the launcher of the program, a file in memory): EACCES")]
#[case::the_copy(
    "--init",
    "cannot go on as a copy of /proc/self/exe that the container cannot write to: EACCES"
)]
fn where_no_file_in_memory_may_be_executed_the_way_out_is_told(#[case] flag: &str, #[case] failure: &str) {
    if !need(Need::Root) {
        return;
    }
    let sysctl = "/proc/sys/vm/memfd_noexec";
    if !Path::new(sysctl).exists() {
        eprintln!("SKIP: this kernel has no vm.memfd_noexec");
        return;
    }
    let script = format!("echo 2 >{sysctl} && exec {} run {flag} -- /bin/true", nsrun());
    let mut host = Command::new("unshare");
    host.args(["--pid", "--fork", "--mount-proc", "/bin/sh", "-c", &script]).stdin(Stdio::null());
    let told = Said::of(host.output().unwrap()).failed(125);
    assert!(told.contains(&format!("nsrun: {failure}\n  help: ")), "{told}");
    assert!(told.contains("vm.memfd_noexec must be 0 or 1"), "{told}");
}

#[rstest]
#[case(&["-u"], "unshare (uts): EPERM")]
#[case(&["-n"], "unshare (net): EPERM")]
#[case(&["-p"], "clone (pid): EPERM")]
#[case(&[], "bounding (DAC_READ_SEARCH): EPERM")]
#[case(&["-U", "--uid-map", "0:0:1"], "id-map (uid 0 0 1): EPERM")]
#[case(&["-U", "-n", "--veth", "a=b"], "link[0] (a to b): EPERM")]
fn without_privileges_the_way_out_is_told(#[case] flags: &[&str], #[case] failure: &str) {
    if !need(Need::UnprivilegedUsers) {
        return;
    }
    let said = unprivileged(flags, "true").failed(125);
    assert!(said.contains(&format!("nsrun: {failure}\n  help: ")), "{said}");
}

#[test]
fn the_callers_working_directory_need_not_be_within_its_reach() {
    if !need(Need::UnprivilegedUsers) {
        return;
    }
    let private = tempfile::tempdir().unwrap();
    fs::set_permissions(private.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let skeleton = skeleton();
    let path = skeleton.path().to_str().unwrap();
    let said = unprivileged_in(private.path(), &["--all", "--skeleton", path], "pwd").ok();
    assert_eq!(said, "/\n");
}

#[test]
fn a_device_in_the_skeleton_of_an_unprivileged_user_is_named() {
    if !need(Need::UnprivilegedUsers) {
        return;
    }
    let said = unprivileged(&["--all", "--skeleton", "/dev"], "true").failed(125);
    assert!(said.contains("skeleton (/dev/") && said.contains("): EPERM\n  help: device nodes"), "{said}");
}

#[test]
fn explain_tells_every_step_and_its_command() {
    let flags = "-u -p -n -m --hostname mycontainer --tmpfs 50M --skeleton /srv/skel --proc \
                 --veth mybr0:192.168.47.11/24=mybr1:192.168.47.12/24 -- sh";
    let explained =
        Command::new(nsrun()).arg("explain").args(flags.split_whitespace()).stdin(Stdio::null()).output();
    let said = Said::of(explained.unwrap()).ok();
    let mut rest = said.as_str();
    for command in [
        "unshare --pid --fork",
        "ip netns add $NET",
        "ip link add mybr0 type veth peer name mybr1 netns $NET; ip addr add 192.168.47.11/24 dev mybr0; ip link set mybr0 up",
        "ip -n $NET addr add 192.168.47.12/24 dev mybr1; ip -n $NET link set mybr1 up",
        "unshare --uts",
        "unshare --mount",
        "hostname mycontainer",
        "mount --make-rprivate /",
        "ROOT=$(mktemp -d); mount -t tmpfs -o size=50M,mode=755 tmpfs $ROOT",
        "cp -a /srv/skel/. $ROOT",
        "mount -t proc -o nosuid,nodev,noexec proc $ROOT/proc",
        "exec 9</run/netns/$NET; cd $ROOT; pivot_root . .",
        "umount -l .; cd /",
        "nsenter --net=/proc/self/fd/9",
        "exec sh",
    ] {
        let at = rest.find(&format!("$ {command}\n"));
        rest = &rest[at.unwrap_or_else(|| panic!("`{command}` is not in order in:\n{said}"))..];
    }
}

/// What the user namespace must own is made inside of it; what a step inside shows is entered before that step.
#[rstest]
#[case("-U -n --loopback --veth a0=a1 --route default=10.0.0.1 -- sh", &[
    "unshare --user --fork",
    "unshare --net",
    "ip link add a0 type veth peer name a1 netns $PID; ip link set a0 up",
    "ip link set lo up",
    "ip link set a1 up",
    "ip route add default via 10.0.0.1",
])]
#[case("-n -m --tmpfs 50M --sys --device card0 --sysctl net.ipv4.ip_forward=1 -- sh", &[
    "ip netns add $NET",
    "ip link set card0 netns $NET",
    "ip -n $NET link set card0 up",
    "nsenter --net=/run/netns/$NET",
    "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs $ROOT/sys",
    "sysctl -w net.ipv4.ip_forward=1",
    "cd $ROOT; pivot_root . .",
])]
fn explain_tells_where_the_network_is_made(#[case] flags: &str, #[case] commands: &[&str]) {
    let explained = Command::new(nsrun()).arg("explain").args(flags.split(' ')).stdin(Stdio::null()).output();
    let said = Said::of(explained.unwrap()).ok();
    let words = ["--user", "--net", "ip ", "sysfs", "sysctl", "pivot_root"];
    let own = |line: &&str| words.iter().any(|word| line.contains(word));
    let told = said.lines().filter_map(|line| line.trim().strip_prefix("$ ")).filter(own);
    assert_eq!(told.collect::<Vec<_>>(), commands);
}

#[rstest]
#[case::nobody_reads_it(Stdio::from(std::io::pipe().unwrap().1), Some(0), "")]
#[case::no_room(
    fs::File::options().write(true).open("/dev/full").unwrap().into(),
    Some(125),
    "nsrun: cannot write to the standard output: No space left on device (os error 28)\n  \
     help: make room there, or write it elsewhere\n"
)]
fn an_explanation_that_cannot_be_printed(
    #[case] output: Stdio,
    #[case] code: Option<i32>,
    #[case] told: &str,
) {
    let explained = Command::new(nsrun()).args(["explain", "--uts"]).stdout(output).output().unwrap();
    let said = Said::of(explained);
    assert_eq!((said.code, said.err.as_str()), (code, told));
}

#[rstest]
#[case::a_program_without_a_name("args = [\"\"]", "args: no program is given")]
#[case::a_hostname_that_would_be_cut(
    "namespaces = [\"uts\"]\nhostname = \"a\\u0000b\"",
    "hostname: it has a NUL byte"
)]
fn a_bad_specification_in_a_file_is_told_too(#[case] text: &str, #[case] message: &str) {
    let file = specification(text);
    let said = run_file(file.path()).failed(125);
    assert!(said.starts_with(&format!("nsrun: {message}")), "{said}");
}
