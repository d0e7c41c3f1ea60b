//! A container of an attacker's making reaches for the program that built it (CVE-2019-5736).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};
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
        fs::write(attack.in_root("bin/evil"), "#!/proc/self/exe\n").unwrap();
        fs::set_permissions(attack.in_root("bin/evil"), fs::Permissions::from_mode(0o755)).unwrap();
        attack
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("nsrun")
    }

    fn in_root(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// Runs the copy, whose container is to overwrite it.
    #[track_caller]
    fn fails(&self, args: &[&str]) {
        let mut command = Command::new(self.program());
        let said =
            Said::of(command.args(args).args(["--", "/bin/evil"]).stdin(Stdio::null()).output().unwrap());
        let told = || fs::read_to_string(self.in_root("told")).unwrap_or_default();
        eventually("the writer comes to an end", || !told().is_empty());
        // It got hold of what it was executed from, and cannot write to it. "waiting" would prove nothing.
        assert_eq!(told(), "refused", "{said:?}");
        assert!(fs::read(self.program()).unwrap() == self.before, "the program was overwritten");
    }
}

fn compile(source: &str, flags: &[&str], program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/own_program").join(source);
    let made = Command::new("cc").arg("-O1").args(flags).arg("-o").arg(program).arg(source).status();
    assert!(made.expect("this test needs a C compiler: apt-get install gcc libc6-dev").success());
}

#[test]
fn a_container_cannot_overwrite_the_program_that_ran_it() {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    let root = attack.in_root("");
    attack.fails(&["run", "--root", root.to_str().unwrap(), "--mount", "--proc"]);
}

#[test]
fn a_container_of_another_cannot_overwrite_the_program_that_enters_it() {
    if !need(Need::Root) {
        return;
    }
    let attack = Attack::prepare();
    let root = attack.in_root("");
    let container = Background::start(&["--all", "--proc", "--root", root.to_str().unwrap()]);
    attack.fails(&["exec", &container.pid.to_string()]);
}
