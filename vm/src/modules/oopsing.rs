//! A module that is broken on purpose: what becomes of a kernel that oopses is only seen if one does.

use std::ops::Range;

use object::{Object, ObjectSection, ObjectSymbol};

use super::file::{damaged, read};
use crate::module_files::Folder;
use crate::{Kernel, Result};

/// x86-64: `endbr64`, with which a function may begin.
const LANDING: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// x86-64: the first byte of `call`, with which a function begins that can be traced. The kernel itself changes these five
/// bytes.
const CALL: u8 = 0xe8;
/// x86-64: `xor %eax,%eax; mov (%rax),%eax`.
const READ_ADDRESS_0: [u8; 4] = [0x31, 0xc0, 0x8b, 0x00];
/// Bytes that the linker fills in at a relocation, in the code of a module.
const FIELD: u64 = 4;
/// Ends a signed module; without it what is before is not looked at (`Documentation/admin-guide/module-signing.rst`).
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// The kernel's own module of this name under another, with a start that reads from address 0. Its layout and the versions
/// of what it uses are right, so every kernel loads it that does not insist on signatures. `None` if there is no such module,
/// if it is not for x86-64, or if its start is like none that is known.
///
/// # Errors
/// The module cannot be read.
pub fn oopsing(kernel: &Kernel, name: &str) -> Result<Option<Vec<u8>>> {
    let Some(folder) = kernel.modules.as_deref().filter(|_| kernel.arch == "x86_64") else { return Ok(None) };
    let folder = Folder::open(folder)?;
    let Some(path) = folder.find(name) else { return Ok(None) };
    let mut bytes = read(path)?;
    let places = places(&bytes, name).map_err(|error| damaged(path, error))?;
    let Some(Places { start, name }) = places else { return Ok(None) };
    bytes[start].copy_from_slice(&READ_ADDRESS_0);
    // A module of the same name may be loaded already.
    bytes[name] = b'x';
    // A signature that is wrong is refused by every kernel.
    if bytes.ends_with(SIGNED) {
        bytes.truncate(bytes.len() - SIGNED.len());
    }
    Ok(Some(bytes))
}

/// Where a module's file is changed.
struct Places {
    /// Of instructions that are executed first.
    start: Range<usize>,
    /// Of the first letter of the name that the kernel knows it by.
    name: usize,
}

fn places(bytes: &[u8], name: &str) -> object::Result<Option<Places>> {
    let file = object::File::parse(bytes)?;
    let Some(init) = file.symbols().find(|symbol| symbol.name() == Ok("init_module")) else {
        return Ok(None);
    };
    let Some(section) = init.section_index() else { return Ok(None) };
    let code = file.section_by_index(section)?;
    let data = code.data()?;
    let function = usize::try_from(init.address()).unwrap_or(usize::MAX);
    let mut at = function;
    if data.get(at..).is_some_and(|rest| rest.starts_with(&LANDING)) {
        at += LANDING.len();
    }
    if data.get(at) == Some(&CALL) {
        at += 5;
    }
    let fields = || code.relocations().map(|(field, _)| field);
    let free = |field: u64| field + FIELD <= at as u64 || field >= (at + READ_ADDRESS_0.len()) as u64;
    // `struct module` begins with its state, a list's head, and the name.
    let this = file.section_by_name(".gnu.linkonce.this_module");
    let (Some((begin, _)), Some(this)) = (code.file_range(), this) else { return Ok(None) };
    let named =
        this.data()?.windows(name.len() + 1).position(|found| found == format!("{name}\0").as_bytes());
    let (Some((this, _)), Some(named)) = (this.file_range(), named) else { return Ok(None) };
    let offset = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let start = offset(begin) + at;
    let start = start..start + READ_ADDRESS_0.len();
    let is_free = fields().all(free) && at + READ_ADDRESS_0.len() <= data.len();
    Ok(is_free.then_some(Places { start, name: offset(this) + named }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_whose_start_is_not_known_is_none() {
        let folder = tempfile::tempdir().unwrap();
        // An ELF object, but no module.
        std::fs::copy(std::env::current_exe().unwrap(), folder.path().join("dummy.ko")).unwrap();
        let mut kernel = Kernel::of_image("/k/bzImage");
        kernel.arch = "x86_64".into();
        kernel.modules = Some(folder.path().to_owned());
        assert_eq!(oopsing(&kernel, "dummy").unwrap(), None);
        assert_eq!(oopsing(&kernel, "veth").unwrap(), None);
    }
}
