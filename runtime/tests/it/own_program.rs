//! A container of an attacker's making reaches for the program that built it (CVE-2019-5736).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};
use rstest::rstest;
use tempfile::TempDir;

use crate::common::{Background, Need, Said, eventually, need, nsrun};

/// The path of the loader that a dynamic program names. elf(5), PT_INTERP
fn interpreter(program: &[u8]) -> String {
    let header = FileHeader64::<Endianness>::parse(program).unwrap();
    let endian = header.endian().unwrap();
    let mut segments = header.program_headers(endian, program).unwrap().iter();
    let path = segments.find_map(|segment| segment.interpreter(endian, program).unwrap());
    String::from_utf8(path.expect("the program under test is dynamic").to_vec()).unwrap()
}

/// A copy of the program under test, and a root in which it is the interpreter of a script.
struct Attack {
    folder: TempDir,
    before: Vec<u8>,
}

impl Attack {
    fn prepare() -> Self {
        let folder = TempDir::new().unwrap();
        let before = fs::read(nsrun()).unwrap();
        let attack = Attack { folder, before };
        fs::copy(nsrun(), attack.program()).unwrap();
        let loader = attack.in_root(interpreter(&attack.before).trim_start_matches('/'));
        for folder in [attack.in_root("bin"), attack.in_root("proc"), loader.parent().unwrap().to_path_buf()]
        {
            fs::create_dir_all(folder).unwrap();
        }
        let freestanding = ["-nostdlib", "-static-pie", "-fPIE", "-ffreestanding"];
        compile("loader.c", &freestanding, &loader);
        compile("writer.c", &["-static"], &attack.in_root("bin/writer"));
        for applet in ["sh", "sleep"] {
            fs::copy("/bin/busybox", attack.in_root("bin").join(applet)).unwrap();
        }
        attack.script("bin/evil", "/proc/self/exe");
        attack
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("nsrun")
    }

    fn in_root(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// A command of the copy.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.args(args).stdin(Stdio::null());
        command
    }

    fn root(&self) -> String {
        self.in_root("").to_str().unwrap().to_owned()
    }

    fn script(&self, path: &str, interpreter: &str) {
        fs::write(self.in_root(path), format!("#!{interpreter}\n")).unwrap();
        fs::set_permissions(self.in_root(path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[track_caller]
    fn assert_whole(&self) {
        assert!(fs::read(self.program()).unwrap() == self.before, "the program was overwritten");
    }

    /// The writer got hold of what the program was executed from, and cannot write to it. "waiting" would prove nothing.
    #[track_caller]
    fn writer_was_refused(&self, said: &Said) {
        let told = || fs::read_to_string(self.in_root("told")).unwrap_or_default();
        eventually("the writer comes to an end", || !told().is_empty());
        assert_eq!(told(), "refused", "{said:?}");
        self.assert_whole();
    }

    /// Runs a script whose interpreter is what the process was before: the launcher, which ends.
    #[track_caller]
    fn finds_the_launcher(&self, args: &[&str]) {
        let said = Said::of(self.command(args).args(["--", "/bin/evil"]).output().unwrap());
        assert_eq!(said.code, Some(126), "{said:?}");
        // The loader would have started the writer, which tells first that it waits.
        assert!(!self.in_root("told").exists(), "the container's loader ran in place of the program's");
        self.assert_whole();
    }
}

fn compile(source: &str, flags: &[&str], program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/own_program").join(source);
    let made = Command::new("cc").arg("-O1").args(flags).arg("-o").arg(program).arg(source).status();
    assert!(made.expect("this test needs a C compiler: apt-get install gcc libc6-dev").success());
}

#[rstest]
#[case::alone(&[])]
#[case::whose_processes_end_with_it(&["--pid"])]
#[case::with_an_init(&["--pid", "--init"])]
fn a_container_cannot_overwrite_the_program_that_ran_it(#[case] flags: &[&str]) {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    attack.finds_the_launcher(&[&["run", "--root", &attack.root(), "--mount", "--proc"], flags].concat());
}

#[test]
fn a_container_of_another_cannot_overwrite_the_program_that_enters_it() {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    let container = Background::start(&["--all", "--proc", "--root", &attack.root()]);
    attack.finds_the_launcher(&["exec", &container.pid.to_string()]);
}

/// A process that joins a container is this program until its last step, and CAP_SYS_PTRACE is enough to look at it.
#[rstest]
#[case::by_exec("exec PID")]
#[case::by_run("run --join pid=PID")]
fn a_container_cannot_overwrite_the_program_that_joins_it(#[case] command: &str) {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    // The writer has what the process executes at descriptor 3.
    let script = "echo ready; while :; do for process in /proc/[0-9]*; do
            read name <$process/comm && test $name = nsrun || continue
            (: <$process/exe) && exec 3<$process/exe && exec /bin/writer
        done; done 2>/dev/null";
    let root = attack.root();
    let flags = ["--pid", "--mount", "--proc", "--dev", "--root", &root, "--cap-add", "SYS_PTRACE"];
    let container = Background::script(&flags, script);
    let command = command.replace("PID", &container.pid.to_string());
    // It waits in umask(2), at the end of its set-up.
    let mut joining = Command::new("strace");
    joining.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=umask"]);
    joining.args(["-e", "inject=umask:delay_enter=700000"]).arg(attack.program());
    joining.args(command.split(' ')).args(["--", "/bin/true"]).stdin(Stdio::null());
    let said = Said::of(joining.output().expect("strace(1) runs: apt-get install strace"));
    attack.writer_was_refused(&said);
}

/// What `/proc/self` leads to while the kernel looks for the program and its interpreter, the program's file being the first.
#[rstest]
#[case::by_run("run --mount --root ROOT")]
#[case::by_run_with_an_own_pid_namespace("run --pid --mount --root ROOT --proc")]
#[case::by_run_with_a_terminal_to_share("run --new-session=false --mount --root ROOT")]
#[case::by_exec("exec PID")]
fn when_the_program_is_executed_nothing_of_the_callers_is_left(#[case] command: &str) {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    let root = attack.root();
    let container = Background::start(&["--all", "--proc", "--root", &root]);
    let command = command.replace("PID", &container.pid.to_string()).replace("ROOT", &root);
    // It waits in execve(2), with the launcher's own path in the container.
    let delay = "-f -qq -o /dev/null -e trace=execve -e inject=execve:delay_enter=1000000";
    let program = attack.program();
    let script = format!(
        "exec strace {delay} {} {command} -- /bin/sleep 0 7</etc 9</usr </dev/null >/dev/null",
        program.display()
    );
    let mut traced = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    // strace has a child at its start that ends at once.
    let first = |pid: u32| {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split(' ').next()?.parse().ok()
    };
    let link = |path: PathBuf| fs::read_link(path).unwrap_or_default().to_string_lossy().into_owned();
    let launcher = || first(first(traced.id())?).map(|pid| PathBuf::from(format!("/proc/{pid}")));
    // While the kernel executes the launcher, its file is told of before it is mapped: only in its own call it is whole.
    let execve = format!("{} ", sys::probe::raw::number("execve").unwrap());
    let executes = |of: &PathBuf| {
        link(of.join("exe")).starts_with("/memfd:launcher")
            && fs::read_to_string(of.join("syscall")).is_ok_and(|call| call.starts_with(&execve))
    };
    eventually("the launcher runs", || launcher().as_ref().is_some_and(executes));
    let of = launcher().unwrap();
    let mapped = fs::read_to_string(of.join("maps")).unwrap();
    let listed = fs::read_dir(of.join("fd")).unwrap().map(|fd| fd.unwrap().path());
    let standard = |fd: &PathBuf| ["0", "1", "2"].iter().any(|number| fd.ends_with(number));
    let open: Vec<String> = listed.filter(|fd| !standard(fd)).map(link).collect();
    assert!(executes(&of), "it was still the launcher");
    let files: Vec<&str> = mapped.lines().filter_map(|line| line.split_whitespace().nth(5)).collect();
    let of_file = |path: &&&str| !path.starts_with('[');
    assert_eq!(files.iter().filter(of_file).collect::<Vec<_>>(), [&"/memfd:launcher"], "{mapped}");
    assert!(open.len() == 1 && open[0].starts_with("socket:"), "{open:?}");
    assert!(traced.wait().unwrap().success());
}

/// As the container's init the program stays where every process that may look at it can. Without a PID namespace of their own
/// they outlive it.
#[test]
fn the_init_of_a_container_cannot_be_overwritten() {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    // The writer has what init executes at descriptor 3, and does not end with it.
    let script = "exec 3</proc/$PPID/exe; /bin/setsid /bin/writer & /bin/sleep 0.1";
    let root = attack.root();
    let flags = ["run", "--root", &root, "--mount", "--proc", "--dev", "--init", "--cap-add", "ALL"];
    fs::copy("/bin/busybox", attack.in_root("bin/setsid")).unwrap();
    let ran = attack.command(&[&flags[..], &["--", "/bin/sh", "-c", script]].concat()).output();
    attack.writer_was_refused(&Said::of(ran.unwrap()));
}

/// A script's interpreter is looked for while the program's process is still another (as in CVE-2024-21626).
#[test]
fn nothing_that_the_caller_has_open_is_a_way_to_an_interpreter() {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    let outside = TempDir::new().unwrap();
    fs::copy("/bin/busybox", outside.path().join("sh")).unwrap();
    let container = Background::start(&["--all", "--proc", "--root", &attack.root()]);
    let evil = |command: &str, number: i32, open: &Path| {
        let script = format!("exec {} {command} -- /bin/evil {number}<{}", nsrun(), open.display());
        Said::of(Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output().unwrap())
    };
    // The number is nobody's, or one of nsrun's own sockets: no way to anything.
    let not_found = |said: Said| {
        let err = said.err.clone();
        let nowhere = ["ENOENT", "ENOTDIR", "EACCES"].iter().any(|errno| err.contains(errno));
        assert!(matches!(said.code, Some(126 | 127)) && nowhere, "{said:?}");
    };
    let run = format!("run --root {} --mount --proc", attack.root());
    for number in 3..=30 {
        attack.script("bin/evil", &format!("/proc/self/fd/{number}/sh"));
        not_found(evil(&run, number, outside.path()));
        not_found(evil(&format!("exec {}", container.pid), number, outside.path()));
        // Control: what the program is to have open is a way.
        evil(&format!("{run} --keep-fd {number}"), number, outside.path()).ok();
        attack.script("bin/evil", &format!("/proc/self/fd/{number}"));
        not_found(evil(&run, number, &outside.path().join("sh")));
    }
}
