//! The forms in which people have a kernel: installed with a prefix, unpacked, or as the package of a distribution. A scenario
//! that needs a module runs on each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vm::{Cache, Kernel, Silent, kernel, modules::closure};

use crate::common::{command, printed};

/// What a guest gets, and what comes with it.
const MODULES: [&str; 3] = ["dummy", "overlay", "veth"];

fn distro() -> Kernel {
    kernel::resolve("distro", &Cache::open().unwrap(), &Silent).unwrap()
}

fn copy(from: &Path, to: PathBuf) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// The distribution's kernel with few modules: its image and configuration have these paths below the folder.
fn install(folder: &Path, image: &str, config: &str, modules: &str) {
    let kernel = distro();
    let place = |text: &str| folder.join(text.replace("RELEASE", &kernel.release));
    copy(&kernel.image, place(image));
    copy(kernel.config.as_ref().unwrap(), place(config));
    let from = kernel.modules.as_ref().unwrap();
    copy(&from.join("modules.builtin"), place(modules).join("modules.builtin"));
    for module in closure(&kernel, &MODULES).unwrap().load_order {
        copy(&module.path, place(modules).join(module.path.strip_prefix(from).unwrap()));
    }
}

fn run(program: &str, arguments: &[&str], inside: &Path) {
    let ran = Command::new(program).args(arguments).current_dir(inside).output().unwrap();
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// `make install modules_install` with `INSTALL_PATH=F/boot INSTALL_MOD_PATH=F`.
fn with_prefixes(folder: &Path) -> PathBuf {
    install(folder, "boot/vmlinuz-RELEASE", "boot/config-RELEASE", "lib/modules/RELEASE");
    fs::write(folder.join("boot/vmlinuz-RELEASE.old"), "the one before").unwrap();
    folder.to_path_buf()
}

/// As Fedora has it, in `usr`: the image lies with the modules, and is linked to.
fn with_the_modules(folder: &Path) -> PathBuf {
    let modules = "usr/lib/modules/RELEASE";
    install(folder, &format!("{modules}/vmlinuz"), &format!("{modules}/config"), modules);
    folder.to_path_buf()
}

fn debian_package(folder: &Path, compression: &str) -> PathBuf {
    let tree = folder.join("tree");
    with_prefixes(&tree);
    // What is no part of a kernel stays in the package.
    fs::create_dir_all(tree.join("etc/kernel")).unwrap();
    fs::write(tree.join("etc/kernel/postinst"), "exit 1").unwrap();
    fs::create_dir(tree.join("DEBIAN")).unwrap();
    let control =
        "Package: linux-image-test\nVersion: 1\nArchitecture: amd64\nMaintainer: test\nDescription: test\n";
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    run("dpkg-deb", &["--build", "-z1", &format!("-Z{compression}"), "tree", "kernel.deb"], folder);
    folder.join("kernel.deb")
}

fn rpm_package(folder: &Path, payload: &str) -> PathBuf {
    let tree = folder.join("tree");
    let modules = "lib/modules/RELEASE";
    install(&tree, &format!("{modules}/vmlinuz"), &format!("{modules}/config"), modules);
    let spec = format!(
        "Name: kernel-test\nVersion: 1\nRelease: 1\nSummary: test\nLicense: GPL\nAutoReqProv: no\n%description\ntest\n\
         %install\ncp -a {}/. %{{buildroot}}\n%files\n/lib/modules\n",
        tree.display()
    );
    fs::write(folder.join("kernel.spec"), spec).unwrap();
    let topdir = format!("_topdir {}", folder.display());
    let payload = format!("_binary_payload {payload}");
    // Nothing is stripped, compressed or bytecompiled.
    let define = ["--define", &topdir, "--define", &payload, "--define", "__os_install_post %{nil}"];
    run("rpmbuild", &[&define[..], &["-bb", "kernel.spec"]].concat(), folder);
    let built = fs::read_dir(folder.join("RPMS"))
        .unwrap()
        .flat_map(|arch| fs::read_dir(arch.unwrap().path()).unwrap());
    built.map(|package| package.unwrap().path()).next().unwrap()
}

#[rstest::rstest]
#[case::prefixes(with_prefixes)]
#[case::beside_the_modules(with_the_modules)]
#[case::deb_of_debian(|folder: &Path| debian_package(folder, "xz"))]
#[case::deb_of_ubuntu(|folder: &Path| debian_package(folder, "zstd"))]
#[case::rpm_of_fedora(|folder: &Path| rpm_package(folder, "w3.zstdio"))]
#[case::rpm_of_an_older_one(|folder: &Path| rpm_package(folder, "w1.xzdio"))]
#[case::rpm_for_everywhere(|folder: &Path| rpm_package(folder, "w1.gzdio"))]
fn a_scenario_runs_on_each(#[case] make: fn(&Path) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let kernel = make(folder.path());
    let mut xtask = command(&["vm-test", "net/veth-ping", "uts/hostname", "--deny-skips", "--kernel"]);
    let text = printed(&xtask.arg(&kernel).assert().success());
    let release = distro().release;
    assert!(text.contains("2 pass") && text.contains(&format!("{}: {release}", kernel.display())), "{text}");
}
