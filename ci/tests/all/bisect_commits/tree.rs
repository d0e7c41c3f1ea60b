//! A kernel's source with a history, in which one kernel after another is built.

use std::fs;
use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use super::Change;

/// What a build for x86 of the smallest configuration never reads; it would be two thirds of the files.
const LEFT_OUT: [&str; 14] = [
    "*.dts",
    "*.dtsi",
    "*/Documentation/*/*",
    "*/arch/[!x]*/*.[chS]",
    "*/drivers/gpu/*.[chS]",
    "*/drivers/infiniband/*.[ch]",
    "*/drivers/media/*.[ch]",
    "*/drivers/net/*/*.[ch]",
    "*/drivers/scsi/*.[ch]",
    "*/drivers/staging/*.[ch]",
    "*/include/dt-bindings/*",
    "*/sound/*.[chS]",
    "*/tools/perf/*",
    "*/tools/testing/*",
];

const WAY_OUT: &str = "this test builds kernels; it needs: \
     apt-get install linux-source gcc make flex bison bc libelf-dev libssl-dev xz-utils";

/// A built tree is kept for the next run of the test, below `target/`.
pub(crate) struct Tree {
    pub(crate) shell: Shell,
    folder: PathBuf,
}

impl Tree {
    /// The tree on the branch `main`, which has all changes of `history`; the tag `base` has none, and the branch `unsound`
    /// those of its own.
    pub(crate) fn new(history: &[Change], unsound: &[Change]) -> Self {
        let source = newest_source();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linux");
        let key = format!(
            "{} {} {history:?} {unsound:?}",
            source.display(),
            fs::read_to_string(fragment()).unwrap()
        );
        let shell = Shell::new().unwrap();
        // This project's own repository lies above, and is not meant.
        shell.set_var("GIT_CEILING_DIRECTORIES", env!("CARGO_TARGET_TMPDIR"));
        let tree = Tree { shell, folder };
        let made_of = tree.folder.with_extension("key");
        if fs::read_to_string(&made_of).ok().as_ref() != Some(&key) {
            tree.unpack(&source);
            tree.commit(history, unsound);
            tree.configure();
            fs::write(made_of, key).unwrap();
        }
        tree.shell.change_dir(&tree.folder);
        // Whatever a run that was ended left.
        for command in [["bisect", "reset"], ["checkout", "--force"]] {
            tree.git(&[&command[..], &["main"]].concat());
        }
        tree
    }

    pub(crate) fn path(&self) -> String {
        self.folder.display().to_string()
    }

    /// Builds a commit, and stays there.
    pub(crate) fn build(&self, commit: &str) {
        self.git(&["checkout", commit]);
        let jobs = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        // It takes what the other tests leave: their machines have deadlines.
        let made = cmd!(self.shell, "nice -n 19 make -s -j{jobs} bzImage").quiet().run();
        made.unwrap_or_else(|error| panic!("{error}: {WAY_OUT}"));
    }

    fn unpack(&self, source: &Path) {
        let (sh, folder) = (&self.shell, &self.folder);
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
        fs::create_dir_all(folder).unwrap();
        sh.change_dir(folder);
        let left_out = LEFT_OUT.map(|pattern| format!("--exclude={pattern}"));
        let tar = cmd!(sh, "tar -xf {source} --strip-components=1 --wildcards {left_out...}");
        // xz uses one processor unless it is told.
        tar.env("XZ_DEFAULTS", "--threads=0").quiet().run().unwrap();
    }

    /// The smallest configuration.
    fn configure(&self) {
        let fragment = fragment();
        let made = cmd!(self.shell, "make -s KCONFIG_ALLCONFIG={fragment} allnoconfig")
            .quiet()
            .ignore_stdout()
            .run();
        made.unwrap_or_else(|error| panic!("{error}: {WAY_OUT}"));
        let config = fs::read_to_string(self.folder.join(".config")).unwrap();
        for option in fs::read_to_string(fragment).unwrap().lines().filter(|line| line.starts_with("CONFIG_"))
        {
            assert!(config.lines().any(|line| line == option), "this kernel has no {option}");
        }
    }

    fn commit(&self, history: &[Change], unsound: &[Change]) {
        self.git(&["init", "-q", "-b", "main"]);
        self.git(&["config", "user.name", "nsproof"]);
        self.git(&["config", "user.email", "nsproof@localhost"]);
        // The other files have no history: git would take longer to read them than tar to write them.
        let mut changed: Vec<&str> = history.iter().chain(unsound).map(|change| change.file).collect();
        changed.dedup();
        // Debian's own .gitignore leaves out everything.
        self.git(&[&["add", "--force"], &changed[..]].concat());
        self.git(&["commit", "-q", "-m", "a kernel"]);
        self.git(&["tag", "base"]);
        self.git(&["checkout", "-q", "-b", "unsound"]);
        unsound.iter().for_each(|change| self.change(change));
        self.git(&["checkout", "-q", "main"]);
        history.iter().for_each(|change| self.change(change));
    }

    fn change(&self, Change { subject, file, from, to }: &Change) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{file} has not one {from:?}");
        fs::write(&path, text.replace(from, to)).unwrap();
        self.git(&["commit", "-q", "-a", "-m", subject]);
    }

    fn git(&self, args: &[&str]) {
        cmd!(self.shell, "git {args...}").quiet().ignore_stdout().ignore_stderr().run().unwrap();
    }
}

fn fragment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vm/kernel.config").canonicalize().unwrap()
}

/// The archive of the newest kernel that the distribution's package `linux-source` brought.
fn newest_source() -> PathBuf {
    let entries = fs::read_dir("/usr/src").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let archive = |path: &PathBuf| {
        name(path).is_some_and(|name| name.starts_with("linux-source-") && name.contains(".tar."))
    };
    entries.filter(archive).max().unwrap_or_else(|| panic!("no /usr/src/linux-source-*.tar.*: {WAY_OUT}"))
}
