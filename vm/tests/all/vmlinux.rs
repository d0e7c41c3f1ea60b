//! A vmlinux, taken out of the distribution's bzImage as `scripts/extract-vmlinux` does.
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Instant;

use crate::guest::{TIMEOUT, cache, config_with, distro};
use vm::kernel::resolve;
use vm::{Machine, Silent};

/// The kernel that the bzImage unpacks when it boots (boot.rst: setup_sects, payload_offset, payload_length).
static VMLINUX: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let image = fs::read(distro().image).unwrap();
    let word = |place: usize| u32::from_le_bytes(image[place..place + 4].try_into().unwrap()) as usize;
    let begin = (usize::from(image[0x1f1]) + 1) * 512 + word(0x248);
    unpack(&image[begin..begin + word(0x24c)])
});

fn unpack(payload: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    match payload {
        [0x1f, 0x8b, ..] => flate2::read::GzDecoder::new(payload).read_to_end(&mut whole).unwrap(),
        [0xfd, b'7', ..] => liblzma::read::XzDecoder::new(payload).read_to_end(&mut whole).unwrap(),
        [0x28, 0xb5, ..] => {
            ruzstd::decoding::StreamingDecoder::new(payload).unwrap().read_to_end(&mut whole).unwrap()
        }
        [0x02, 0x21, 0x4c, 0x18, blocks @ ..] => {
            lz4(blocks, &mut whole);
            whole.len()
        }
        other => panic!("a kernel compressed in a way that this test does not know: {:x?}", &other[..4]),
    };
    whole
}

/// LZ4's legacy frame: blocks of 8 MiB, each after its length. The kernel's build appends the size of it all.
fn lz4(mut blocks: &[u8], whole: &mut Vec<u8>) {
    while let [a, b, c, d, rest @ ..] = blocks
        && !rest.is_empty()
    {
        let (block, next) = rest.split_at(u32::from_le_bytes([*a, *b, *c, *d]) as usize);
        whole.extend(lz4_flex::block::decompress(block, 8 << 20).unwrap());
        blocks = next;
    }
}

/// Resolves a file of this content, as it lies in a folder by itself.
fn resolved(content: &[u8], folder: &Path) -> vm::Result<vm::Kernel> {
    let path = folder.join("vmlinux");
    fs::write(&path, content).unwrap();
    resolve(path.to_str().unwrap(), &cache(), &Silent)
}

#[test]
fn boots() {
    let folder = tempfile::tempdir().unwrap();
    let mut kernel = resolved(&VMLINUX, folder.path()).unwrap();
    assert_eq!(kernel.release, distro().release);
    assert!(kernel.version.starts_with(&kernel.release), "{}", kernel.version);
    kernel.modules = distro().modules;
    let mut machine = Machine::boot(&config_with(kernel, &["veth"])).unwrap();
    let line = machine.wait_until_ready(Instant::now() + TIMEOUT);
    assert_eq!(line.as_deref(), Ok("READY veth.ko"), "{}", machine.console());
}

#[test]
fn without_an_entry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut content = VMLINUX.clone();
    // elf(5): the type of a note comes right before its owner's name.
    let note = b"\x12\0\0\0Xen\0";
    let place = content.windows(note.len()).position(|bytes| bytes == note).expect("the note of the entry");
    content[place] = 0x7f;
    let error = resolved(&content, folder.path()).unwrap_err().to_string();
    assert!(error.contains("XEN_ELFNOTE_PHYS32_ENTRY") && error.contains("CONFIG_PVH"), "{error}");
}

#[test]
fn cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = resolved(&VMLINUX[..VMLINUX.len() / 2], folder.path()).unwrap_err().to_string();
    assert!(error.contains("is a damaged ELF file"), "{error}");
}

#[test]
fn a_program_is_no_kernel() {
    let error = resolve("/bin/sh", &cache(), &Silent).unwrap_err().to_string();
    assert!(error.contains("is an ELF file, but no Linux kernel"), "{error}");
}
