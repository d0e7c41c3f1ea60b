//! Kernels built from source, from the smallest configuration: the good one passes every scenario, `compare` tells the broken one
//! from it, and `git bisect run` with the documented script names each commit of a history that broke something.

mod tree;

use std::path::Path;

use tree::Tree;
use xshell::cmd;

/// A commit: one text of one file becomes another.
#[derive(Debug)]
struct Change {
    subject: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

/// Three commits break something, each among others that do not.
const HISTORY: [Change; 7] = [
    Change {
        subject: "veth: version 1.1",
        file: "drivers/net/veth.c",
        from: "DRV_VERSION\t\"1.0\"",
        to: "DRV_VERSION\t\"1.1\"",
    },
    Change {
        subject: "veth: drops what it should send",
        file: "drivers/net/veth.c",
        from: "if (unlikely(!rcv) || !pskb_may_pull(skb, ETH_HLEN)) {",
        to: "if (unlikely(!rcv) || pskb_may_pull(skb, ETH_HLEN)) {",
    },
    Change {
        subject: "utsname: a warning is enough",
        file: "kernel/utsname.c",
        from: "BUG_ON(!old_ns);",
        to: "WARN_ON(!old_ns);",
    },
    Change {
        subject: "namespace: forgets that a mount is read-only",
        file: "fs/namespace.c",
        from: "return (mnt->mnt_flags & MNT_READONLY) || sb_rdonly(mnt->mnt_sb);",
        to: "return sb_rdonly(mnt->mnt_sb);",
    },
    Change {
        subject: "namespace: a word in a message",
        file: "fs/namespace.c",
        from: "VFS: Mount too revealing",
        to: "VFS: the mount is too revealing",
    },
    Change {
        subject: "utsname: ignores CLONE_NEWUTS",
        file: "kernel/utsname.c",
        from: "if (!(flags & CLONE_NEWUTS))",
        to: "if (old_ns)",
    },
    Change {
        subject: "namespace: a warning is enough",
        file: "fs/namespace.c",
        from: "BUG_ON(parent == mnt);",
        to: "WARN_ON(parent == mnt);",
    },
];

/// One commit on a branch of its own: what a sound kernel refuses or does, this one does not.
const UNSOUND: [Change; 2] = [
    Change {
        subject: "signal: only the first process of the machine is immune",
        file: "kernel/signal.c",
        from: "if (unlikely(t->signal->flags & SIGNAL_UNKILLABLE) &&\n\t    handler == SIG_DFL",
        to: "if (is_global_init(t) && unlikely(t->signal->flags & SIGNAL_UNKILLABLE) &&\n\t    handler == SIG_DFL",
    },
    Change {
        subject: "net: a device stays where it is",
        file: "net/core/dev.c",
        from: "if (net_eq(net_old, net))\n\t\tgoto out;\n\n\t/* Pick the destination",
        to: "if (net_old)\n\t\tgoto out;\n\n\t/* Pick the destination",
    },
];

/// One tree serves these: making it takes minutes. Each goes on from the kernel that the one before has built.
#[test]
fn kernels_from_source() {
    let tree = Tree::new(&HISTORY, &UNSOUND);
    the_smallest_kernel_passes_every_scenario_without_a_skip(&tree);
    an_image_without_its_tree_is_asked_what_it_has(&tree);
    what_a_sound_kernel_carries_out_is_no_fault_of_the_scenario(&tree);
    compare_tells_the_broken_kernel_from_the_good_one(&tree);
    git_bisect_names_the_commit(&tree, "net/veth-ping", "veth: drops what it should send");
    git_bisect_names_the_commit(
        &tree,
        "mount/bind-read-only",
        "namespace: forgets that a mount is read-only",
    );
    git_bisect_names_the_commit(&tree, "uts/hostname", "utsname: ignores CLONE_NEWUTS");
}

fn vm_test(tree: &Tree, args: &[&str]) -> (i32, String) {
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let output = cmd!(tree.shell, "{xtask} vm-test {args...}").quiet().ignore_status().output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("it is not killed"), said)
}

fn the_smallest_kernel_passes_every_scenario_without_a_skip(tree: &Tree) {
    tree.build("base");
    let (code, said) = vm_test(tree, &["--kernel", &tree.path(), "--deny-skips"]);
    assert_eq!(code, 0, "{said}");
}

/// Nothing but the running kernel tells that veth and dummy are built in.
fn an_image_without_its_tree_is_asked_what_it_has(tree: &Tree) {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("bzImage");
    std::fs::copy(Path::new(&tree.path()).join("arch/x86/boot/bzImage"), &image).unwrap();
    let args = ["demo", "net", "--kernel", image.to_str().unwrap(), "--deny-skips"];
    let (code, said) = vm_test(tree, &args);
    assert_eq!(code, 0, "{said}");
}

fn what_a_sound_kernel_carries_out_is_no_fault_of_the_scenario(tree: &Tree) {
    tree.build("unsound");
    let (code, said) = vm_test(tree, &["pid/kill-outside", "net/device", "--kernel", &tree.path()]);
    assert_eq!(code, 1, "{said}");
    for told in [
        "PID 1 is immune to a SIGKILL from its own namespace: `box` was killed by SIGKILL",
        "the container `box` could not be built: device-address[0] (phys0): ENODEV",
        "2 results: 0 pass, 2 fail, 0 skip, 0 error, 0 miss",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

fn compare_tells_the_broken_kernel_from_the_good_one(tree: &Tree) {
    let folder = tempfile::tempdir().unwrap();
    // What is broken, and what is not.
    let scenarios = ["net", "mount/bind-read-only", "uts", "pid"];
    let report = |commit: &str| {
        tree.build(commit);
        let path = folder.path().join(commit).display().to_string();
        let args = ["--kernel", &tree.path(), "--report", &format!("json={path}")];
        vm_test(tree, &[&scenarios[..], &args].concat());
        path
    };
    let (base, broken) = (report("base"), report("main"));
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let compared =
        cmd!(tree.shell, "{xtask} compare {base} {broken}").quiet().ignore_status().output().unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    assert_eq!(compared.status.code(), Some(1), "{said}");
    for scenario in ["net/veth-ping", "mount/bind-read-only", "uts/hostname"] {
        assert!(said.contains(&format!("pass → fail  {scenario}")), "{said}");
    }
    assert!(!said.contains("pass → fail  pid/"), "{said}");
}

fn git_bisect_names_the_commit(tree: &Tree, scenario: &str, subject: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bisect.sh");
    let (sh, start) = (&tree.shell, ["main", "base"]);
    cmd!(sh, "git bisect start {start...}").quiet().ignore_stdout().run().unwrap();
    let said = cmd!(sh, "git bisect run {script} {scenario}").quiet().read().unwrap();
    let first = cmd!(sh, "git show --no-patch --format=%s bisect/bad").quiet().read().unwrap();
    cmd!(sh, "git bisect reset").quiet().ignore_stdout().run().unwrap();
    assert!(said.contains("is the first bad commit"), "{said}");
    assert_eq!(first, subject, "{said}");
}
