//! A kernel as the linker leaves it: an ELF file. QEMU starts one at the entry that it has for Xen's PVH machines, told by a
//! note (`Documentation/arch/x86/boot.rst` leaves it to Xen's `docs/misc/pvh`; Linux has it with CONFIG_PVH).

use std::fs::File;
use std::path::Path;

use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ReadCache};

use crate::{Error, Result};

/// The note with the address of the entry, named `Xen`.
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;
/// What `linux_banner` begins with.
const BANNER: &[u8] = b"Linux version ";
const BUILD: &str = "give the bzImage of the same build: arch/x86/boot/bzImage";

/// Read piece by piece: with debug information it may be half a gigabyte.
type Elf<'a> = ElfFile64<'a, Endianness, &'a ReadCache<File>>;

/// The architecture and the banner of an ELF file, whose head is here.
pub(super) fn read(path: &Path, head: &[u8]) -> Result<(&'static str, Option<String>)> {
    let arch = machine(head);
    if arch != "x86_64" {
        return Ok((arch, None));
    }
    let damaged = |error| Error::unusable(path, format!("is a damaged ELF file: {error}"), BUILD);
    let file = ReadCache::new(File::open(path).map_err(Error::io("read", path))?);
    let elf = ElfFile64::<Endianness, _>::parse(&file).map_err(damaged)?;
    let banner = banner(&elf).map_err(damaged)?;
    if banner.is_none() {
        let way_out = "give a vmlinux, a bzImage, or the folder of a built kernel tree";
        return Err(Error::unusable(path, "is an ELF file, but no Linux kernel", way_out));
    }
    if !has_entry(&elf, &file).map_err(damaged)? {
        let reason = "has no entry at which QEMU can start it (XEN_ELFNOTE_PHYS32_ENTRY)";
        return Err(Error::unusable(path, reason, format!("{BUILD}, or build it with CONFIG_PVH")));
    }
    Ok((arch, banner))
}

/// The architecture, from `e_machine` (elf(5)).
fn machine(head: &[u8]) -> &'static str {
    match head.get(18..20) {
        Some([3, 0]) => "i686",
        Some([62, 0]) => "x86_64",
        Some([183, 0]) => "aarch64",
        Some([243, 0]) => "riscv64",
        _ => "another architecture",
    }
}

/// `6.1.0-56-amd64 (debian-kernel@…) (gcc-12 …) #1 SMP …`
fn banner(elf: &Elf<'_>) -> object::Result<Option<String>> {
    let Some(section) = elf.section_by_name(".rodata") else { return Ok(None) };
    let data = section.data()?;
    let place = data.windows(BANNER.len()).position(|window| window == BANNER);
    let text = place.map(|place| &data[place + BANNER.len()..]);
    let line = text.and_then(|text| text.split(|byte| matches!(byte, 0 | b'\n')).next());
    Ok(line.map(|line| String::from_utf8_lossy(line).into_owned()))
}

fn has_entry<'a>(elf: &Elf<'a>, file: &'a ReadCache<File>) -> object::Result<bool> {
    let endian = elf.elf_header().endian()?;
    for segment in elf.elf_program_headers() {
        let Some(mut notes) = segment.notes(endian, file)? else { continue };
        while let Some(note) = notes.next()? {
            if note.name() == b"Xen" && note.n_type(endian).0 == XEN_ELFNOTE_PHYS32_ENTRY {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
