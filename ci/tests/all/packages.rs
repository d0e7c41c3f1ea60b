//! Kernels out of packages, from a repository of this test's own that lies in a folder: what is locked, and what is damaged.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::assert::Assert;
use tempfile::TempDir;

const KERNEL: &str = "apt:linux-image-test";

/// A package repository, a cache, and a working folder.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { root: TempDir::new().unwrap() };
        ["repository", "cache", "work"].iter().for_each(|name| fs::create_dir(place.path(name)).unwrap());
        let list = format!("deb [trusted=yes] file:{} ./\n", place.path("repository").display());
        fs::write(place.path("sources.list"), list).unwrap();
        let config = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"-\";\n",
            place.path("sources.list").display()
        );
        fs::write(place.path("apt.conf"), config).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Puts a version of the package into the repository, in place of all others.
    fn publish(&self, version: &str, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        self.publish_with(version, Some(&boot_image(&format!("1.2.3 ({version})"))), change);
    }

    fn publish_with(&self, version: &str, image: Option<&[u8]>, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        let tree = self.path(&format!("tree-{version}"));
        for folder in ["DEBIAN", "boot"] {
            fs::create_dir_all(tree.join(folder)).unwrap();
        }
        let control = format!(
            "Package: linux-image-test\nVersion: {version}\nArchitecture: all\nMaintainer: test\nDescription: test\n"
        );
        fs::write(tree.join("DEBIAN/control"), &control).unwrap();
        if let Some(image) = image {
            fs::write(tree.join("boot/vmlinuz-1.2.3"), image).unwrap();
        }
        let package = self.path("repository/linux-image-test.deb");
        let built = Command::new("dpkg-deb").arg("--build").args([&tree, &package]).output().unwrap();
        assert!(built.status.success(), "{built:?}");
        let bytes = change(fs::read(&package).unwrap());
        fs::write(&package, &bytes).unwrap();
        let sum = Command::new("sha256sum").arg(&package).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let sum = sum.split(' ').next().unwrap();
        let index =
            format!("{control}Filename: ./linux-image-test.deb\nSize: {}\nSHA256: {sum}\n\n", bytes.len());
        fs::write(self.path("repository/Packages"), index).unwrap();
    }

    /// Makes the repository one that is fetched over HTTP, by a server that tells what has not changed.
    fn serve(&self) {
        let mirror = TcpListener::bind("127.0.0.1:0").unwrap();
        let list = format!("deb [trusted=yes] http://{} ./\n", mirror.local_addr().unwrap());
        fs::write(self.path("sources.list"), list).unwrap();
        let root = self.path("repository");
        std::thread::spawn(move || {
            mirror.incoming().for_each(|connection| answer(&root, connection.unwrap()))
        });
    }

    fn kernels(&self, arguments: &[&str]) -> Assert {
        self.xtask("kernels", arguments)
    }

    fn xtask(&self, command: &str, arguments: &[&str]) -> Assert {
        assert_cmd::Command::from_std(self.command(command, arguments)).assert()
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
        xtask
            .current_dir(self.path("work"))
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("NSPROOF_CACHE", self.path("cache"))
            .arg(command)
            .args(arguments);
        xtask
    }

    fn forget(&self) {
        fs::remove_dir_all(self.path("cache")).unwrap();
        fs::create_dir(self.path("cache")).unwrap();
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("work/kernels.lock")).unwrap()
    }
}

/// Answers one request, and closes the connection.
fn answer(root: &Path, mut connection: TcpStream) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map(Result::unwrap);
    let Some(request) = lines.next() else { return };
    let knows = lines.take_while(|line| !line.is_empty()).any(|line| line.starts_with("If-Modified-Since"));
    let name = request.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
    let (status, body) = match fs::read(root.join(name)) {
        Ok(_) if knows => ("304 Not Modified", Vec::new()),
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // apt closes a connection that it has no use for.
    let _ = connection.write_all(&[head.as_bytes(), &body].concat());
}

/// What a boot loader finds at the head of a bzImage, and nothing behind it.
fn boot_image(banner: &str) -> Vec<u8> {
    let mut head = vec![0; 0x400];
    head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    head[0x202..0x206].copy_from_slice(b"HdrS");
    head[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    head[0x300..0x300 + banner.len()].copy_from_slice(banner.as_bytes());
    head
}

fn whole(package: Vec<u8>) -> Vec<u8> {
    package
}

#[track_caller]
fn assert_says(assert: &Assert, words: &[&str]) {
    let output = assert.get_output();
    let text = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn a_locked_kernel_stays_what_it_is() {
    let place = Place::new();
    place.publish("1.0", whole);
    assert_says(&place.kernels(&["lock", KERNEL]).success(), &["linux-image-test 1.0", "kernels.lock"]);
    let lock = place.lock();
    assert!(lock.contains("version = \"1.0\"") && !lock.contains("file:") && !lock.contains('/'), "{lock}");
    assert_says(&place.kernels(&["fetch", "--locked", KERNEL]).success(), &["1.0"]);

    place.publish("2.0", whole);
    assert_says(&place.kernels(&["fetch", KERNEL]).success(), &["2.0"]);
    assert_says(&place.kernels(&["fetch", "--locked", KERNEL]).success(), &["1.0"]);

    // Without the cache there is only what the repository has.
    place.forget();
    let gone = place.kernels(&["fetch", "--locked", KERNEL]).code(3);
    let renew = format!("cargo xtask kernels lock {KERNEL}");
    assert_says(&gone, &["locks linux-image-test 1.0, which is not to be had", &renew]);
    place.kernels(&["lock"]).success();
    assert_says(&place.kernels(&["fetch", "--locked", KERNEL]).success(), &["2.0"]);
}

#[test]
fn a_kernel_that_is_not_locked() {
    let place = Place::new();
    place.publish("1.0", whole);
    let said = place.kernels(&["fetch", "--locked", KERNEL]).code(3);
    assert_says(&said, &["kernels.lock: is not there", "cargo xtask kernels lock apt:linux-image-test"]);
    assert_says(
        &place.kernels(&["lock"]).code(2),
        &["error: ", "kernels.lock locks no kernel yet: say which"],
    );
}

#[test]
fn another_file_under_a_locked_version_is_refused() {
    let place = Place::new();
    place.publish("1.0", whole);
    place.kernels(&["lock", KERNEL]).success();
    // ar(5) ends here; what follows is another file all the same.
    place.publish("1.0", |package| [package, b"\n".to_vec()].concat());
    let said = place.kernels(&["fetch", "--locked", KERNEL]).code(3);
    assert_says(
        &said,
        &["kernels.lock: locks linux-image-test 1.0, which cannot be used: its SHA-256 is", "should be"],
    );
}

#[test]
fn a_package_that_is_cut_short() {
    let place = Place::new();
    place.publish("1.0", |package| package[..package.len() - 100].to_vec());
    let said = place.kernels(&["fetch", KERNEL]).code(3);
    assert_says(&said, &["linux-image-test 1.0: is a damaged package: ", "take another version"]);
}

#[test]
fn a_package_that_is_not_what_the_index_says() {
    let place = Place::new();
    place.publish("1.0", whole);
    let package = place.path("repository/linux-image-test.deb");
    let mut bytes = fs::read(&package).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&package, bytes).unwrap();
    assert_says(&place.kernels(&["fetch", KERNEL]).code(3), &["Hash Sum mismatch"]);
}

#[test]
fn a_report_does_not_tell_where_packages_are_fetched() {
    let place = Place::new();
    place.publish("1.0", whole);
    let package = place.path("repository/linux-image-test.deb");
    fs::remove_file(&package).unwrap();
    let report = place.path("report.json");
    let report_to = format!("--report=json={}", report.display());
    let kernels = ["--kernel", KERNEL, "--kernel", "apt:linux-image-other"];
    let said = place.xtask("vm-test", &[&kernels[..], &[&report_to, "uts/hostname"]].concat()).code(3);
    // Who sits at this machine is told.
    assert_says(&said, &["repository/./linux-image-test.deb"]);
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("apt-get download linux-image-test=1.0 failed; E: "), "{report}");
    assert!(!report.contains("repository/"), "{report}");
}

#[test]
fn a_package_that_there_is_not() {
    let place = Place::new();
    place.publish("1.0", whole);
    let said = place.kernels(&["fetch", "apt:linux-image-other"]).code(3);
    let told = "unknown kernel \"apt:linux-image-other\": apt knows no such package; `apt-cache search linux-image` lists";
    assert_says(&said, &[told]);
}

#[test]
fn a_package_that_is_no_kernel() {
    let place = Place::new();
    place.publish_with("1.0", None, whole);
    let said = place.xtask("vm-test", &["--kernel", KERNEL, "uts/hostname"]).code(3);
    assert_says(
        &said,
        &["linux-image-test 1.0: has no kernel image (vmlinuz); ask for a package that has one"],
    );
    let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
    assert_eq!(said.matches("fetching linux-image-test").count(), 1, "{said}");
}

/// apt takes an index that the mirror has not changed for whole, however it came to look.
#[test]
fn an_index_that_is_damaged_is_fetched_anew() {
    let place = Place::new();
    place.publish("1.0", whole);
    place.serve();
    place.kernels(&["fetch", KERNEL]).success();
    let lists = fs::read_dir(place.path("cache/apt/own/state/lists")).unwrap();
    let index =
        lists.map(|entry| entry.unwrap().path()).find(|path| path.to_string_lossy().contains("Packages"));
    let index = index.expect("apt keeps an index");
    let bytes = fs::read(&index).unwrap();
    for damaged in [b"garbage", &b""[..], &bytes[..bytes.len() / 2]] {
        fs::remove_file(&index).unwrap();
        fs::write(&index, damaged).unwrap();
        for part in ["kernels", "names"] {
            fs::remove_dir_all(place.path("cache").join(part)).unwrap();
        }
        assert_says(&place.kernels(&["fetch", KERNEL]).success(), &["fetching linux-image-test 1.0"]);
    }
}

/// All that a process started, and what these started.
fn descendants(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|text| text.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    children.iter().flat_map(|child| descendants(*child)).chain(children.clone()).collect()
}

/// Empty for a process that has ended.
fn name_of(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    if value("State:").starts_with('Z') { String::new() } else { value("Name:").to_owned() }
}

/// A mirror that takes every connection and says nothing.
#[rstest::rstest]
#[case("KILL")]
#[case("TERM")]
#[case("INT")]
fn apt_ends_with_the_process_that_called_it(#[case] signal: &str) {
    let mirror = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new();
    let list = format!("deb [trusted=yes] http://{} ./\n", mirror.local_addr().unwrap());
    fs::write(place.path("sources.list"), list).unwrap();
    // A shell that starts this test in the background may ignore SIGINT, and what ignores it at its start does so on.
    let xtask = place.command("kernels", &["fetch", KERNEL]);
    let mut xtask = Command::new("env")
        .arg("--default-signal=INT")
        .arg(xtask.get_program())
        .args(xtask.get_args())
        .envs(xtask.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(place.path("work"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // apt's own method has connected.
    let _silent = mirror.accept().unwrap();
    let all = descendants(xtask.id());
    assert!(
        all.iter().any(|pid| name_of(*pid) == "http"),
        "{:?}",
        all.iter().map(|pid| name_of(*pid)).collect::<Vec<_>>()
    );
    Command::new("kill").args([&format!("-{signal}"), &xtask.id().to_string()]).status().unwrap();
    xtask.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    while let Some(left) = all.iter().find(|pid| !["", "sh"].contains(&&*name_of(**pid))) {
        assert!(Instant::now() < deadline, "{} runs on", name_of(*left));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// On a disk of its own, in a mount namespace of its own.
#[test]
fn a_cache_on_a_full_disk_is_told() {
    let place = Place::new();
    place.publish_with("1.0", Some(&[boot_image("1.2.3"), noise(6 << 20)].concat()), whole);
    let begun = Instant::now();
    let script = "mount -t tmpfs -o size=3M,mode=700 none \"$NSPROOF_CACHE\" && exec \"$@\"";
    let xtask = place.command("kernels", &["fetch", KERNEL]);
    let ran = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(xtask.get_program())
        .args(xtask.get_args())
        .envs(xtask.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(place.path("work"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(said.contains("no room left to ") && said.contains("NSPROOF_CACHE"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// What cannot be compressed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        // Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_broken_lock_is_told_with_its_line_before_anything_is_run() {
    let place = Place::new();
    place.publish("1.0", whole);
    place.kernels(&["lock", KERNEL]).success();
    let lock = place.lock();
    let line = 1 + lock.lines().position(|line| line.starts_with("sha256")).unwrap();
    fs::write(place.path("work/kernels.lock"), lock.replace("sha256 = ", "sha256 ")).unwrap();
    let commands: [(&str, &[&str]); 3] = [
        ("vm-test", &["--locked", "uts/hostname"]),
        ("kernels", &["fetch", "--locked", KERNEL]),
        ("kernels", &["lock"]),
    ];
    for (command, arguments) in commands {
        let said = place.xtask(command, arguments).code(2);
        assert_says(&said, &[&format!("kernels.lock:{line}: this is no lock: "), "restore it, or delete it"]);
    }
}
