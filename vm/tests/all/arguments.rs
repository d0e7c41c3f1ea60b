//! QEMU's command line, without QEMU. Every word of it is part of a template's key: a change here is a new template.

use vm::accel::Accelerator;
use vm::qemu::arguments::arguments;
use vm::{Config, Initramfs, Kernel, Qemu};

fn config(accelerator: Accelerator) -> Config {
    Config {
        qemu: Qemu { program: "/usr/bin/qemu".into(), version: "7.2".into() },
        kernel: Kernel::of_image("/k/bzImage"),
        initramfs: Initramfs { path: "/c/initramfs.cpio".into(), sha256: String::new() },
        accelerator,
        memory_mib: 256,
        cpus: 1,
        append: "nokaslr  debug".into(),
    }
}

/// One option a line.
fn text(config: &Config) -> String {
    let words = arguments(config).into_iter().map(|word| word.into_string().expect("UTF-8"));
    words.map(|word| if word.starts_with('-') { format!("\n{word}") } else { format!(" {word}") }).collect()
}

#[test]
fn tcg() {
    insta::assert_snapshot!(text(&config(Accelerator::Tcg)), @r"
    -nodefaults
    -no-user-config
    -display none
    -no-reboot
    -accel tcg
    -cpu max,la57=off
    -smp 1
    -machine pc,hpet=off,vmport=off
    -m 256
    -chardev socket,id=console,fd=3
    -serial chardev:console
    -chardev socket,id=channel,fd=4
    -serial chardev:channel
    -kernel /k/bzImage
    -initrd /c/initramfs.cpio
    -append console=ttyS0 quiet panic=-1 reboot=t no_timer_check cryptomgr.notests=1 random.trust_cpu=on nokaslr debug
    ");
}

#[test]
fn kvm_differs_only_in_accelerator_and_processor() {
    let [tcg, kvm] = [Accelerator::Tcg, Accelerator::Kvm].map(|accelerator| text(&config(accelerator)));
    let differing: Vec<_> = tcg.lines().zip(kvm.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(differing, [("-accel tcg", "-accel kvm"), ("-cpu max,la57=off", "-cpu host")]);
}
