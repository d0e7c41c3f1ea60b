//! QEMU's command line, without QEMU. Every word of it is part of a template's key: a change here is a new template.

use vm::accel::Accelerator;
use vm::machine::arguments::{Role, Screen, arguments};
use vm::{Config, Initramfs, Kernel, Qemu};

fn config(accelerator: Accelerator) -> Config {
    Config {
        qemu: Qemu { program: "/usr/bin/qemu".into(), version: "7.2".into(), unconfined: None },
        kernel: Kernel::of_image("/k/bzImage"),
        initramfs: Initramfs {
            path: "/c/initramfs.cpio".into(),
            sha256: String::new(),
            archive_sha256: String::new(),
        },
        accelerator,
        memory_mib: 256,
        cpus: 1,
        append: "nokaslr  debug".into(),
        is_ready: |_| true,
    }
}

/// One option a line.
fn text(config: &Config, role: Role) -> String {
    let words =
        arguments(config, role, Screen::Kept).into_iter().map(|word| word.into_string().expect("UTF-8"));
    let line = |word: String| if word.starts_with('-') { format!("\n{word}") } else { format!(" {word}") };
    words.map(line).collect::<String>().trim_start().to_owned()
}

#[test]
fn tcg() {
    insta::assert_snapshot!(text(&config(Accelerator::Tcg), Role::Boot), @r"
    -nodefaults
    -no-user-config
    -display none
    -no-reboot
    -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
    -accel tcg
    -cpu max,la57=off,cx16=off
    -smp 1
    -machine pc,hpet=off,vmport=off
    -m 256
    -chardev socket,id=console,fd=3
    -serial chardev:console
    -chardev socket,id=channel,fd=4
    -serial chardev:channel
    -chardev socket,id=monitor,fd=5
    -qmp chardev:monitor
    -kernel /k/bzImage
    -initrd /c/initramfs.cpio
    -append console=ttyS0 quiet panic=-1 reboot=t no_timer_check log_buf_len=1M cryptomgr.notests=1 random.trust_cpu=on nokaslr debug
    ");
}

#[test]
fn a_template_differs_in_its_memory() {
    let config = config(Accelerator::Tcg);
    insta::assert_snapshot!(difference(&text(&config, Role::Boot), &text(&config, Role::Template)), @r"
    - -machine pc,hpet=off,vmport=off
    + -machine pc,hpet=off,vmport=off,memory-backend=ram
    + -object memory-backend-file,id=ram,size=256M,mem-path=/proc/self/fd/6,share=on
    ");
}

#[test]
fn a_clone_maps_the_memory_privately_and_boots_nothing() {
    let config = config(Accelerator::Tcg);
    insta::assert_snapshot!(difference(&text(&config, Role::Template), &text(&config, Role::Clone)), @r"
    - -object memory-backend-file,id=ram,size=256M,mem-path=/proc/self/fd/6,share=on
    - -kernel /k/bzImage
    - -initrd /c/initramfs.cpio
    - -append console=ttyS0 quiet panic=-1 reboot=t no_timer_check log_buf_len=1M cryptomgr.notests=1 random.trust_cpu=on nokaslr debug
    + -object memory-backend-file,id=ram,size=256M,mem-path=/proc/self/fd/6,share=off
    + -incoming defer
    ");
}

#[test]
fn one_that_is_copied_makes_its_copies_itself() {
    let config = config(Accelerator::Tcg);
    insta::assert_snapshot!(difference(&text(&config, Role::Clone), &text(&config, Role::Original)), @r"
    - -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
    + -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=allow,resourcecontrol=deny
    ");
}

#[test]
fn one_that_cannot_confine_itself_is_not_asked_to() {
    let mut config = config(Accelerator::Tcg);
    config.qemu.unconfined = Some("there is no seccomp".into());
    for role in [Role::Boot, Role::Template, Role::Clone, Role::Original] {
        assert!(!text(&config, role).contains("-sandbox"));
    }
}

#[test]
fn on_a_terminal_the_console_is_its_own() {
    let config = config(Accelerator::Tcg);
    let serial = |screen| {
        let words: Vec<_> = arguments(&config, Role::Boot, screen);
        let ports = words.windows(2).filter(|pair| pair[0] == "-serial");
        ports.map(|pair| pair[1].to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(serial(Screen::Kept), ["chardev:console", "chardev:channel"]);
    assert_eq!(serial(Screen::Terminal), ["mon:stdio", "chardev:channel"]);
}

/// Lines that only one of two texts has.
fn difference(old: &str, new: &str) -> String {
    let only = |one: &str, other: &str, sign: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(old, new, "-") + &only(new, old, "+")
}

#[test]
fn kvm_differs_only_in_accelerator_and_processor() {
    let [tcg, kvm] =
        [Accelerator::Tcg, Accelerator::Kvm].map(|accelerator| text(&config(accelerator), Role::Boot));
    let differing: Vec<_> = tcg.lines().zip(kvm.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(differing, [("-accel tcg", "-accel kvm"), ("-cpu max,la57=off,cx16=off", "-cpu host")]);
}
