//! The head of a boot image, as the kernel documents it in `Documentation/arch/x86/boot.rst` and
//! `Documentation/arch/arm64/booting.rst`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{Error, Result};

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
        File::open(path)
            .and_then(|file| file.take(256 * 512).read_to_end(&mut head))
            .map_err(Error::io("read", path))?;
        Self::parse(&head).map_err(|(reason, way_out)| Error::unusable(path, reason, way_out))
    }

    /// The release: the banner's first word.
    pub(super) fn release(&self) -> Option<&str> {
        self.banner.as_deref()?.split_whitespace().next()
    }

    fn parse(head: &[u8]) -> std::result::Result<Self, (&'static str, &'static str)> {
        if head.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) && head.get(0x202..0x206) == Some(b"HdrS") {
            return Ok(Self { arch: "x86_64", banner: banner(head) });
        }
        if head.get(0x38..0x3c) == Some(b"ARM\x64") {
            return Ok(Self { arch: "aarch64", banner: None });
        }
        if head.starts_with(b"\x7fELF") {
            return Err((
                "is an ELF file (a vmlinux?), which is not what a boot loader loads",
                "give the bzImage of the same build: arch/x86/boot/bzImage",
            ));
        }
        if head.is_empty() {
            return Err(("is empty", "give a bzImage, or the folder of a built kernel tree"));
        }
        Err((
            "is not a kernel: it has no boot header",
            "give a bzImage, or the folder of a built kernel tree",
        ))
    }
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
    #[case(b"\x7fELF\x02\x01", "ELF")]
    #[case(b"hello", "not a kernel")]
    fn not_a_kernel(#[case] head: &[u8], #[case] reason: &str) {
        let (said, way_out) = Image::parse(head).unwrap_err();
        assert!(said.contains(reason) && way_out.contains("bzImage"), "{said}; {way_out}");
    }
}
