//! Kernels as they are asked for, on the distribution's own.

use std::fs;
use std::path::Path;

use crate::guest::{Steps, cache, distro, init};
use vm::kernel::{Setting, resolve};
use vm::modules::closure;
use vm::{Cache, Error, Silent};

#[test]
fn what_is_cached_is_not_fetched() {
    let first = distro();
    let steps = Steps::default();
    let second = resolve("distro", &cache(), &steps).unwrap();
    assert_eq!(steps.take(), Vec::<String>::new());
    assert_eq!((first.image, first.sha256), (second.image, second.sha256));
}

#[test]
fn the_distribution_kernel_is_known() {
    let kernel = distro();
    assert_eq!(kernel.arch, std::env::consts::ARCH);
    assert_eq!(kernel.config("CONFIG_PID_NS"), Some(Setting::Yes));
    assert_eq!(kernel.config("CONFIG_NO_SUCH_THING"), Some(Setting::No));
    assert!(kernel.modules.as_ref().unwrap().ends_with(&kernel.release));
}

#[test]
fn an_image_by_its_path_is_the_same_kernel() {
    let kernel = distro();
    let path = kernel.image.to_str().unwrap();
    let same = resolve(path, &cache(), &Silent).unwrap();
    assert_eq!((&same.release, &same.sha256), (&kernel.release, &kernel.sha256));
    assert_eq!((&same.modules, &same.config), (&kernel.modules, &kernel.config));
    let given = format!("{path}:{}", kernel.modules.as_ref().unwrap().display());
    assert_eq!(resolve(&given, &cache(), &Silent).unwrap().modules, kernel.modules);
}

#[test]
fn dependencies_come_first() {
    let kernel = distro();
    let closure = closure(&kernel, &["nft_chain_nat", "veth", "ext4", "no-such-module"]).unwrap();
    let place = |name: &str| closure.load_order.iter().position(|module| module.name == name);
    assert!(place("nf_tables") < place("nft_chain_nat") && place("nf_conntrack") < place("nf_nat"));
    assert!(place("libcrc32c").is_none_or(|needed| Some(needed) < place("nf_tables")));
    assert!(place("veth").is_some());
    assert!(!closure.provides("no-such-module"));
    let names: std::collections::BTreeSet<_> = closure.load_order.iter().map(|module| &module.name).collect();
    assert_eq!(names.len(), closure.load_order.len(), "each once");
}

/// Changes the last byte.
fn change(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[rstest::rstest]
#[case::changed(change)]
#[case::cut(|path: &Path| fs::write(path, b"\x7fELF").unwrap())]
#[case::gone(|path: &Path| fs::remove_file(path).unwrap())]
fn a_module_that_is_damaged_or_gone_is_told_and_its_kernel_is_thrown_away(#[case] damage: fn(&Path)) {
    distro();
    let folder = tempfile::tempdir().unwrap();
    let copy = Cache::at(folder.path()).unwrap();
    // The package, without the network: all of the cache but what is large and made anew.
    let status = std::process::Command::new("cp")
        .args(["-a", "--"])
        .args(["kernels", "names"].map(|part| cache().root().join(part)))
        .arg(folder.path())
        .status();
    assert!(status.unwrap().success());
    let kernel = resolve("distro", &copy, &Silent).unwrap();
    let path = closure(&kernel, &["veth"]).unwrap().load_order.pop().unwrap().path;
    damage(&path);
    let error = vm::prepare(&copy, &kernel, &["veth"], init(), &[], &Silent).unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, Error::Damaged { .. }) && told.contains("veth.ko"), "{told}");
    assert!(!kernel.image.exists(), "it is not used again");
}

#[test]
fn modules_of_another_build_are_refused() {
    let mut other = distro();
    other.release = "9.9.9-other".into();
    let error = closure(&other, &["veth"]).unwrap_err().to_string();
    assert!(
        error.contains("veth.ko") && error.contains("9.9.9-other") && error.contains("PATH:MODULES"),
        "{error}"
    );
}

#[test]
fn a_folder_without_the_modules_is_refused() {
    let kernel = distro();
    let folder = tempfile::tempdir().unwrap();
    let spec = format!("{}:{}", kernel.image.display(), folder.path().display());
    let error = resolve(&spec, &cache(), &Silent).unwrap_err().to_string();
    assert!(error.contains("has no modules of") && error.contains(&kernel.release), "{error}");
}

#[test]
fn a_module_of_a_kernel_that_came_alone_may_be_built_in_or_not() {
    let mut kernel = distro();
    let told = closure(&kernel, &["veth", "8250", "no-such-module"]).unwrap();
    assert!(["veth", "8250"].iter().all(|name| told.provides(name)), "{told:?}");
    assert!(["dummy", "no-such-module"].iter().all(|name| !told.provides(name)), "{told:?}");

    kernel.modules = None;
    assert!(!closure(&kernel, &["veth"]).unwrap().provides("veth"));

    // Modules were installed, but no list of what is built in.
    let folder = tempfile::tempdir().unwrap();
    kernel.modules = Some(folder.path().into());
    assert!(!closure(&kernel, &["veth"]).unwrap().provides("veth"));
}

#[rstest::rstest]
#[case::text(b"hello", "is not a kernel", "give a bzImage")]
#[case::empty(b"", "is empty", "give a bzImage")]
#[case::gzip(b"\x1f\x8b\x08\0", "is compressed with gzip", "gunzip")]
#[case::package(b"!<arch>\ndebian-binary", "is a damaged package", "take a whole one")]
#[case::elf_i386(
    b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0",
    "is a kernel for i686",
    "built for this machine"
)]
#[case::elf_damaged(
    b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0",
    "is a damaged ELF file",
    "give the bzImage"
)]
fn not_a_kernel(#[case] content: &[u8], #[case] reason: &str, #[case] way_out: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vmlinuz-1.2.3");
    fs::write(&path, content).unwrap();
    let error = resolve(path.to_str().unwrap(), &cache(), &Silent).unwrap_err().to_string();
    assert!(error.contains("vmlinuz-1.2.3") && error.contains(reason) && error.contains(way_out), "{error}");
}

#[test]
fn a_kernel_for_another_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Image");
    let mut head = vec![0; 0x400];
    let other = if cfg!(target_arch = "aarch64") {
        head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        head[0x202..0x206].copy_from_slice(b"HdrS");
        "x86_64"
    } else {
        head[0x38..0x3c].copy_from_slice(b"ARM\x64");
        "aarch64"
    };
    fs::write(&path, head).unwrap();
    let error = resolve(path.to_str().unwrap(), &cache(), &Silent).unwrap_err().to_string();
    assert!(error.contains(&format!("is a kernel for {other}")), "{error}");
}

#[test]
fn a_tree_that_was_not_built() {
    let folder = tempfile::tempdir().unwrap();
    let refused = || resolve(folder.path().to_str().unwrap(), &cache(), &Silent).unwrap_err().to_string();
    assert!(refused().contains("is no kernel tree, and has no boot/vmlinuz-RELEASE"), "{}", refused());
    fs::write(folder.path().join("Kbuild"), "").unwrap();
    assert!(refused().contains("has no ") && refused().contains("make bzImage"), "{}", refused());
}

#[test]
fn a_32_bit_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bzImage");
    let mut head = vec![0; 0x400];
    head[0x1fe..0x208].copy_from_slice(b"\x55\xaa\xeb\x6aHdrS\x0f\x02");
    fs::write(&path, head).unwrap();
    let error = resolve(path.to_str().unwrap(), &cache(), &Silent).unwrap_err().to_string();
    assert!(error.contains("is a kernel for i686, and this machine is"), "{error}");
}

#[test]
fn a_built_tree() {
    let kernel = distro();
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, source: &Path| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(source, path).unwrap();
    };
    let veth = closure(&kernel, &["veth"]).unwrap().load_order.pop().unwrap().path;
    put("arch/x86/boot/bzImage", &kernel.image);
    put(&format!("drivers/net/{}", veth.file_name().unwrap().to_str().unwrap()), &veth);
    put(".config", kernel.config.as_ref().unwrap());
    fs::create_dir_all(folder.path().join("include/config")).unwrap();
    fs::write(folder.path().join("include/config/kernel.release"), format!("{}\n", kernel.release)).unwrap();
    let root = folder.path().canonicalize().unwrap();
    for spec in [root.clone(), root.join("arch/x86/boot/bzImage")] {
        let tree = resolve(spec.to_str().unwrap(), &cache(), &Silent).unwrap();
        assert_eq!((&tree.release, tree.modules.as_deref()), (&kernel.release, Some(root.as_path())));
        assert_eq!(tree.config("CONFIG_PID_NS"), Some(Setting::Yes));
        assert!(closure(&tree, &["veth"]).unwrap().provides("veth"));
    }
}

/// Two kernels in one folder, as in a machine's own root.
#[test]
fn several_kernels_in_one_folder_are_named() {
    let (kernel, root) = (distro(), tempfile::tempdir().unwrap());
    fs::create_dir(root.path().join("boot")).unwrap();
    let other = root.path().join("lib/modules/6.6.6-other");
    fs::create_dir_all(&other).unwrap();
    fs::copy(&kernel.image, root.path().join(format!("boot/vmlinuz-{}", kernel.release))).unwrap();
    fs::write(other.join("vmlinuz"), boot_image("6.6.6-other (x)")).unwrap();
    let spec = root.path().to_str().unwrap();
    let error = resolve(spec, &cache(), &Silent).unwrap_err().to_string();
    let first = format!("{} (boot/vmlinuz-{})", kernel.release, kernel.release);
    assert!(
        error.contains(&first) && error.contains("6.6.6-other (lib/modules/6.6.6-other/vmlinuz)"),
        "{error}"
    );
    // The way out leads out.
    let given = error.split_once("give one of them with the folder of its modules: ").unwrap().1;
    fs::create_dir_all(root.path().join("lib/modules").join(&kernel.release)).unwrap();
    assert_eq!(resolve(given, &cache(), &Silent).unwrap().sha256, kernel.sha256);
}

/// The head of a bzImage, and nothing behind it.
fn boot_image(banner: &str) -> Vec<u8> {
    let mut head = vec![0; 0x400];
    head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    head[0x202..0x206].copy_from_slice(b"HdrS");
    head[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    head[0x300..0x300 + banner.len()].copy_from_slice(banner.as_bytes());
    head
}

#[test]
fn what_one_would_wait_for_or_read_without_end_is_no_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let [pipe, large, link] = ["pipe", "large", "link"].map(|name| folder.path().join(name));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    fs::File::create(&large).unwrap().set_len(5 << 30).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let refused = |path: &Path| {
        let path = path.to_str().unwrap();
        let checked = vm::kernel::check(path).unwrap_err().to_string();
        assert_eq!(resolve(path, &cache(), &Silent).unwrap_err().to_string(), checked);
        checked
    };
    assert!(
        refused(&pipe).contains("pipe: is no regular file, and no folder; give a bzImage"),
        "{}",
        refused(&pipe)
    );
    assert!(refused(&link).contains("/dev/zero: is no regular file"), "{}", refused(&link));
    assert!(
        refused(&large).contains("has 5368 MB, which is more than any kernel has"),
        "{}",
        refused(&large)
    );
}

#[test]
fn a_pipe_in_a_kernel_tree_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("arch").join(if cfg!(target_arch = "aarch64") {
        "arm64/boot/Image"
    } else {
        "x86/boot/bzImage"
    });
    fs::create_dir_all(image.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&image).status().unwrap().success());
    let tree = folder.path().to_str().unwrap();
    fs::create_dir_all(folder.path().join("include/config")).unwrap();
    fs::write(folder.path().join("include/config/kernel.release"), "6.1.0\n").unwrap();
    let refused = resolve(tree, &cache(), &Silent).unwrap_err().to_string();
    assert!(refused.contains("Image: it is a FIFO, not a regular file"), "{refused}");
}
