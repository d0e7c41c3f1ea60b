//! The head of a boot image, as the kernel documents it in `Documentation/arch/x86/boot.rst` and
//! `Documentation/arch/arm64/booting.rst`.

use std::io::Read;
use std::path::Path;

use super::vmlinux;
use crate::{Error, Result};
use sys::input;

/// What a boot image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// As `uname -m` tells it.
    pub(super) arch: &'static str,
    /// `6.1.0-56-cloud-amd64 (…) #1 SMP …`; arm64 images have none.
    pub(super) banner: Option<String>,
}

impl Image {
    /// Reads the head of a file; an error if it is no boot image.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut head = Vec::new();
        // setup_sects is one byte of 512-byte sectors: the banner lies within the first 128 KiB.
        input::open(path)
            .and_then(|file| file.take(256 * 512).read_to_end(&mut head))
            .map_err(Error::io("read", path))?;
        if head.starts_with(b"\x7fELF") {
            return vmlinux::read(path, &head).map(|(arch, banner)| Image { arch, banner });
        }
        Self::parse(&head).map_err(|(reason, way_out)| Error::unusable(path, reason, way_out))
    }

    /// The release: the banner's first word.
    pub(super) fn release(&self) -> Option<&str> {
        self.banner.as_deref()?.split_whitespace().next()
    }

    fn parse(head: &[u8]) -> std::result::Result<Self, (&'static str, &'static str)> {
        if head.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) && head.get(0x202..0x206) == Some(b"HdrS") {
            return Ok(Self { arch: if is_32_bit(head) { "i686" } else { "x86_64" }, banner: banner(head) });
        }
        if head.get(0x38..0x3c) == Some(b"ARM\x64") {
            return Ok(Self { arch: "aarch64", banner: None });
        }
        if head.is_empty() {
            return Err(("is empty", NO_KERNEL.1));
        }
        let known = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic));
        Err(known.map_or(NO_KERNEL, |(_, reason, way_out)| (*reason, *way_out)))
    }
}

const NO_KERNEL: (&str, &str) =
    ("is not a kernel: it has no boot header", "give a bzImage, or the folder of a built kernel tree");

/// What people take for a boot image: how it begins, what it is, what to do.
const OTHERS: [(&[u8], &str, &str); 6] = [
    (b"\x1f\x8b", "is compressed with gzip", "unpack it (gunzip), and give what comes out"),
    (b"\xfd7zXZ\0", "is compressed with xz", "unpack it (unxz), and give what comes out"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "unpack it (unzstd), and give what comes out"),
    (b"\x02\x21\x4c\x18", "is compressed with lz4", "unpack it (unlz4), and give what comes out"),
    (b"MZ\0\0zimg", "is a compressed EFI image", "give the Image of the same build: arch/arm64/boot/Image"),
    (b"070701", "is an initramfs", "give the bzImage that belongs to it"),
];

/// Whether a bzImage lacks the 64-bit entry: bit 0 of xloadflags, from protocol 2.12, Linux 3.8 (boot.rst).
fn is_32_bit(head: &[u8]) -> bool {
    const PROTOCOL: u16 = 0x20c;
    let word = |place: usize| Some(u16::from_le_bytes([*head.get(place)?, *head.get(place + 1)?]));
    word(0x206) >= Some(PROTOCOL) && word(0x236).is_some_and(|flags| flags & 1 == 0)
}

fn banner(head: &[u8]) -> Option<String> {
    // kernel_version: offset of a C string, from 0x200 (boot.rst, protocol 2.00+).
    let pointer = usize::from(u16::from_le_bytes([*head.get(0x20e)?, *head.get(0x20f)?]));
    let text = head.get(0x200 + pointer..).filter(|_| pointer != 0)?;
    let end = text.iter().position(|byte| *byte == 0)?;
    String::from_utf8(text[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bzimage(banner: &str) -> Vec<u8> {
        let mut head = vec![0; 0x400];
        head[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        head[0x202..0x206].copy_from_slice(b"HdrS");
        head[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        head[0x300..0x300 + banner.len()].copy_from_slice(banner.as_bytes());
        head
    }

    #[test]
    fn release_of_a_bzimage() {
        let image = Image::parse(&bzimage("6.1.0-56-cloud-amd64 (a@b) #1 SMP")).unwrap();
        assert_eq!(image.arch, "x86_64");
        assert_eq!(image.release(), Some("6.1.0-56-cloud-amd64"));
    }

    #[test]
    fn a_banner_outside_the_head_is_no_release() {
        let mut head = bzimage("6.1");
        head[0x20e..0x210].copy_from_slice(&0xffffu16.to_le_bytes());
        assert_eq!(Image::parse(&head).unwrap().release(), None);
    }

    #[rstest::rstest]
    #[case(b"", "empty")]
    #[case(b"hello", "not a kernel")]
    #[case(b"\x1f\x8b\x08", "gzip")]
    #[case(b"\x28\xb5\x2f\xfd\x24", "zstd")]
    fn not_a_kernel(#[case] head: &[u8], #[case] reason: &str) {
        let (said, way_out) = Image::parse(head).unwrap_err();
        assert!(said.contains(reason) && !way_out.is_empty(), "{said}; {way_out}");
    }

    #[rstest::rstest]
    #[case(0x20f, 0x7f, "x86_64")]
    #[case(0x20f, 0x7e, "i686")]
    #[case(0x206, 0, "x86_64")]
    fn width(#[case] protocol: u16, #[case] flags: u16, #[case] arch: &str) {
        let mut head = bzimage("6.1");
        head[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
        head[0x236..0x238].copy_from_slice(&flags.to_le_bytes());
        assert_eq!(Image::parse(&head).unwrap().arch, arch);
    }
}
