//! The commands around kernels and what is kept, as people call them.

use std::path::Path;

use assert_cmd::assert::Assert;
use vm::{Cache, Silent, kernel};

use crate::common::{command, fixture, printed, said};

fn with_cache(cache: &Path, arguments: &[&str]) -> Assert {
    command(arguments).env("NSPROOF_CACHE", cache).assert()
}

/// `vm-test` with the cache of this machine.
fn vm_test(arguments: &[&str]) -> Assert {
    command(&["vm-test"]).args(arguments).assert()
}

#[test]
fn kernels_with_a_name_are_listed() {
    let cache = tempfile::tempdir().unwrap();
    let text = printed(&with_cache(cache.path(), &["kernels"]).success());
    for name in ["distro", "host", "debian-5.10", "debian-6.12"] {
        assert!(text.lines().any(|line| line.split(' ').next() == Some(name)), "{name} in\n{text}");
    }
    assert!(text.contains("debian-5.10") && text.contains("not here"), "{text}");
}

#[test]
fn an_unknown_kernel_is_a_usage_error_that_names_the_known_ones() {
    let cache = tempfile::tempdir().unwrap();
    let assert = with_cache(cache.path(), &["kernels", "fetch", "debian-99"]).code(2);
    let said = said(&assert);
    assert!(said.contains("unknown kernel \"debian-99\"") && said.contains("debian-6.12"), "{said}");
}

#[test]
fn without_apt_a_kernel_is_given_by_its_path() {
    let cache = tempfile::tempdir().unwrap();
    let mut xtask = command(&["kernels", "fetch", "debian-6.1"]);
    let assert = xtask.env("NSPROOF_CACHE", cache.path()).env("PATH", "/nonexistent").assert().code(3);
    let said = said(&assert);
    assert!(said.contains("error: apt-get is not installed; ") && said.contains("(--kernel PATH)"), "{said}");
}

#[test]
fn a_cleared_cache_is_empty() {
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(cache.path().join("kernels/one")).unwrap();
    std::fs::write(cache.path().join("kernels/one/vmlinuz"), vec![1; 1 << 20]).unwrap();
    assert!(printed(&with_cache(cache.path(), &["cache"]).success()).contains("1.1 MB  kernels"));
    with_cache(cache.path(), &["cache", "clear"]).success();
    assert!(!cache.path().join("kernels").exists());
}

#[test]
fn a_shell_needs_a_terminal() {
    let cache = tempfile::tempdir().unwrap();
    let assert = with_cache(cache.path(), &["shell"]).code(2);
    assert!(said(&assert).contains("needs a terminal"));
}

/// Whether a module is built into an image that came alone is for the guest to find out.
#[test]
fn an_image_without_its_modules() {
    let distro = kernel::resolve("distro", &Cache::open().unwrap(), &Silent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("bzImage");
    std::fs::copy(distro.image, &image).unwrap();
    let [as_module, built_in] = ["as-module", "built-in"].map(fixture);
    let text = printed(&vm_test(&["--kernel", image.to_str().unwrap(), &as_module, &built_in]).success());
    assert!(text.contains("1 pass") && text.contains("1 skip"), "{text}");
    assert!(
        text.contains(
            "needs module veth (CONFIG_VETH): no module `veth`: it is not loaded, the kernel makes no device"
        ),
        "{text}"
    );
}

/// A fleet's other kernels are not lost with one that cannot be had.
#[test]
fn a_kernel_that_cannot_be_had_costs_its_own_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("bzImage");
    std::fs::write(&broken, "hello").unwrap();
    let broken = broken.to_str().unwrap();
    let report = folder.path().join("report.json");
    let json = format!("json={}", report.display());
    let kernels = ["--kernel", broken, "--kernel", "distro", "--kernel", "distro"];
    let assert = vm_test(&[&kernels[..], &["uts/hostname", "uts/domainname", "--report", &json]].concat());
    let text = printed(&assert.code(3));
    assert!(text.contains("2 pass, 0 fail, 0 skip, 0 error, 2 miss"), "{text}");
    assert!(text.contains("is not a kernel: it has no boot header; give a bzImage"), "{text}");
    assert!(text.contains(&format!("kernel {broken}: no machine: ")), "{text}");

    let run = harness::report::read(&report).unwrap();
    let order: Vec<_> = run.results.iter().map(|it| (it.kernel.as_str(), it.scenario.as_str())).collect();
    let (one, two) = ("uts/domainname", "uts/hostname");
    assert_eq!(order, [(broken, one), (broken, two), ("distro", one), ("distro", two)]);
    assert_eq!(run.kernels[0].release, "");
}

/// Who reads the reports only is told, too.
#[test]
fn that_the_only_kernel_cannot_be_had_is_in_every_report() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("bzImage");
    std::fs::write(&broken, "hello").unwrap();
    let formats = ["json", "junit", "ktap", "markdown", "html", "github"];
    let reports = formats.map(|format| format!("--report={format}={}", folder.path().join(format).display()));
    let mut arguments = vec!["--kernel", broken.to_str().unwrap(), "uts/hostname", "uts/domainname"];
    arguments.extend(reports.iter().map(String::as_str));
    let assert = vm_test(&arguments).code(3);
    let (said, told) = (said(&assert), printed(&assert));
    let reason = "is not a kernel: it has no boot header";
    assert!(said.contains("error: ") && said.contains(reason), "{said}");
    assert!(
        told.contains("0 pass, 0 fail, 0 skip, 0 error, 2 miss") && told.contains("no machine: "),
        "{told}"
    );
    for format in formats {
        let report = std::fs::read_to_string(folder.path().join(format)).unwrap();
        assert!(report.contains(reason), "{format}: {report}");
    }
    let run = harness::report::read(&folder.path().join("json")).unwrap();
    assert!(run.kernels[0].accel_reason.contains(reason));
    assert_eq!((run.totals.miss, run.results.len()), (2, 2));
}

#[rstest::rstest]
#[case::name("debian-99", "unknown kernel")]
#[case::path("/no/such/bzImage", "cannot find /no/such/bzImage")]
#[case::modules("/etc/passwd:/no/modules", "cannot find /no/modules")]
fn a_kernel_that_there_cannot_be_is_a_usage_error(#[case] kernel: &str, #[case] reason: &str) {
    let commands: [&[&str]; 7] = [
        &["vm-test", "uts/hostname", "--kernel", "distro", "--kernel"],
        &["vm-test", "--self-test", "--kernel"],
        &["kernels", "fetch", "distro"],
        &["kernels", "lock"],
        &["shell", "--kernel"],
        &["bench", "--kernel"],
        &["repro", "/tmp", "--kernel"],
    ];
    for arguments in commands {
        // Nothing can be built or run for it.
        let assert = command(arguments).arg(kernel).env("PATH", "/nonexistent").assert();
        let said = said(&assert.code(2));
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
}

#[rstest::rstest]
#[case::path("/etc/passwd")]
#[case::host("host")]
fn what_is_no_package_cannot_be_locked(#[case] kernel: &str) {
    let cache = tempfile::tempdir().unwrap();
    let said = said(&with_cache(cache.path(), &["kernels", "lock", kernel]).code(2));
    let told =
        format!("{kernel} cannot be locked: only packages can, which are distro, a name of vm/kernels.toml");
    assert!(said.contains(&told) && !said.contains("unknown"), "{said}");
}
