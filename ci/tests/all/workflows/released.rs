//! What is released: the program of one file, and how the action takes it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{CACHE, DIST, HAVE, Ran, Step, cargo, program, text};

/// What is in the machine's own root but for its programs: neither a checkout nor a home, and a cache that has the kernel.
const ROOT: &str = r#"
    mount -t tmpfs none "$1"
    cd "$1"
    mkdir -p usr etc dev proc sys tmp root/.cache/nsproof release
    for folder in usr etc dev proc sys; do mount --rbind "/$folder" "$folder"; done
    for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
    mount --bind "$2" root/.cache/nsproof
    mount --bind "$3" release
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin TERM=dumb chroot . /bin/sh -ec "$4"
"#;

/// Runs a script as in a machine that was just installed.
fn elsewhere(release: &Path, script: &str) -> Output {
    let (root, cache) = (TempDir::new().unwrap(), vm::Cache::open().unwrap());
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--", "sh", "-ec", ROOT, "sh"]).arg(root.path());
    unshare.arg(cache.root()).arg(release).arg(script).output().expect("unshare runs")
}

#[test]
fn what_is_released_runs_where_there_is_nothing_else() {
    let (folder, programs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    cargo(programs.path());
    let step = |tag: &str| Step::named(DIST).with("TAG", tag).run(folder.path(), Some(programs.path()));
    step(concat!("v", env!("CARGO_PKG_VERSION"))).assert(0, &[]);
    let release = folder.path().join("release");
    let mut files: Vec<_> = fs::read_dir(&release).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let expected = [
        "nsproof-manual.tar.gz",
        "nsproof-x86_64-linux",
        "nsproof-x86_64-linux.sha256",
        "scenario.schema.json",
    ];
    assert_eq!(files, expected);

    let script = "cd /tmp; sha256sum() { (cd /release && command sha256sum \"$@\"); }
        sha256sum --check nsproof-x86_64-linux.sha256
        export PATH=$PATH:/tmp/bin; mkdir bin; ln -s /release/nsproof-x86_64-linux bin/nsproof
        nsproof scenarios export mine
        sed -i 's/about = .*/about = \"A scenario of my own.\"/' mine/uts/hostname.toml
        nsproof vm-test mine/uts/hostname.toml net/lo-up
        nsproof vm-test mine/uts/nothing 2>&1 || echo \"ended with $?\"
        tar -xzf /release/nsproof-manual.tar.gz; bash -n completions/nsproof.bash
        for page in man/*; do command=$(basename \"$page\" .1 | sed 's/^nsproof-\\?//; s/^\\(kernels\\|cache\\|scenarios\\)-/\\1 /')
            nsproof $command --help; done >help; cat man/* completions/* >>help
        if grep -n xtask help; then exit 9; fi";
    let output = elsewhere(&release, script);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for words in ["nsproof-x86_64-linux: OK", "2 pass", "no scenario matches", "ended with 2"] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    step("v999.0.0").assert(1, &["the tag is v999.0.0, and the program says nsproof "]);
}

/// A project that has no Rust takes a released program: gh stands in for GitHub, which is only there.
#[test]
fn a_released_program_is_verified_and_taken() {
    let (project, programs, release) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    for unwanted in ["cargo", "rustc"] {
        program(&programs.path().join(unwanted), "echo \"$0 is not there\" >&2; exit 127");
    }
    let gh = format!(
        "echo \"gh $*\"; case $1 in release) cp {}/* . ;; attestation) test ! -e {}/forged ;; esac",
        release.path().display(),
        project.path().display()
    );
    program(&programs.path().join("gh"), &gh);
    let file = release.path().join("nsproof-x86_64-linux");
    program(&file, "echo a program");
    let sums =
        Command::new("sha256sum").arg("nsproof-x86_64-linux").current_dir(release.path()).output().unwrap();
    fs::write(release.path().join("nsproof-x86_64-linux.sha256"), &sums.stdout).unwrap();
    let have = |given: &str| {
        let step = Step::named(HAVE).with("NSPROOF", given).with("REPOSITORY", "owner/nsproof");
        step.run(project.path(), Some(programs.path()))
    };
    let taken = |ran: &Ran| {
        let path = ran.outputs.get("program").expect("a program");
        text(&Command::new(path).output().unwrap())
    };

    let cache = Step::named(CACHE).with("NSPROOF", "v0.1.0").run(project.path(), Some(programs.path()));
    cache.assert(0, &[]);
    let ran = have("v0.1.0");
    let [download, verify] = [
        "gh release download v0.1.0 --repo owner/nsproof --pattern nsproof-x86_64-linux*",
        "gh attestation verify nsproof-x86_64-linux --repo owner/nsproof",
    ];
    ran.assert(0, &[download, verify, "nsproof-x86_64-linux: OK"]);
    assert_eq!(taken(&ran), "a program\n");
    assert_eq!(taken(&have(&file.display().to_string())), "a program\n");

    fs::write(project.path().join("forged"), "").unwrap();
    assert_eq!(have("v0.1.0").outputs.get("program"), None);
    fs::remove_file(project.path().join("forged")).unwrap();
    program(&file, "echo another program");
    let ran = have("v0.1.0");
    ran.assert(1, &["nsproof-x86_64-linux: FAILED"]);
    assert_eq!(ran.outputs.get("program"), None);
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    have(&file.display().to_string()).assert(2, &["not executable"]);
}
