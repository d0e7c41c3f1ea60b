//! The program that containers are started for: it says one byte and ends. Whatever else would do more than that, and its
//! own time would be measured.

/// Where the code begins in the file and, with `BASE`, in memory.
const ENTRY: u64 = HEADER + SEGMENT;
const HEADER: u64 = 64;
const SEGMENT: u64 = 56;
const BASE: u64 = 0x40_0000;

/// `write(1, "\n", 1); exit(0)`
#[rustfmt::skip]
const CODE: [u8; 34] = [
    0xb8, 1, 0, 0, 0,                // mov eax, 1 (write)
    0xbf, 1, 0, 0, 0,                // mov edi, 1
    0x48, 0x8d, 0x35, 16, 0, 0, 0,   // lea rsi, [rip + 16]: the last byte
    0xba, 1, 0, 0, 0,                // mov edx, 1
    0x0f, 0x05,                      // syscall
    0xb8, 60, 0, 0, 0,               // mov eax, 60 (exit)
    0x31, 0xff,                      // xor edi, edi
    0x0f, 0x05,                      // syscall
    b'\n',
];

/// The program's file: linked statically, for `x86_64`. elf(5)
pub(super) fn elf() -> Vec<u8> {
    let size = ENTRY + CODE.len() as u64;
    let mut file = Vec::new();
    // Class 64, little endian, version 1.
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // ET_EXEC, EM_X86_64.
    file.extend([2, 62].map(u16::to_le_bytes).concat());
    file.extend(1u32.to_le_bytes());
    // Entry, program headers, no section headers.
    file.extend([BASE + ENTRY, HEADER, 0].map(u64::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    // Sizes: of this header, and of one program header.
    file.extend([64, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    // PT_LOAD, readable and executable.
    file.extend([1, 5].map(u32::to_le_bytes).concat());
    file.extend([0, BASE, BASE, size, size, 0x1000].map(u64::to_le_bytes).concat());
    file.extend(CODE);
    file
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn it_says_one_byte() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&super::elf()).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = file.into_temp_path();
        let output = std::process::Command::new(&path).output().unwrap();
        assert!(output.status.success(), "{}", output.status);
        assert_eq!(output.stdout, b"\n");
    }
}
