//! Kernels out of packages, from a repository of this test's own that lies in a folder: what is locked, and what is damaged.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

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

    fn kernels(&self, arguments: &[&str]) -> Assert {
        self.xtask("kernels", arguments)
    }

    fn xtask(&self, command: &str, arguments: &[&str]) -> Assert {
        assert_cmd::Command::cargo_bin("xtask")
            .expect("xtask is built")
            .current_dir(self.path("work"))
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("NSPROOF_CACHE", self.path("cache"))
            .arg(command)
            .args(arguments)
            .assert()
    }

    fn forget(&self) {
        fs::remove_dir_all(self.path("cache")).unwrap();
        fs::create_dir(self.path("cache")).unwrap();
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("work/kernels.lock")).unwrap()
    }
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
    assert_says(
        &said,
        &["has no kernel apt:linux-image-test", "cargo xtask kernels lock apt:linux-image-test"],
    );
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
    assert_says(&said, &["linux-image-test 1.0: its SHA-256 is", "should be"]);
}

#[test]
fn a_package_that_is_cut_short() {
    let place = Place::new();
    place.publish("1.0", |package| package[..package.len() - 100].to_vec());
    let said = place.kernels(&["fetch", KERNEL]).code(3);
    assert_says(&said, &["linux-image-test 1.0: is damaged", "dpkg-deb", "take another version"]);
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
