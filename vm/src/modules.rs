//! The modules that a guest needs, in the order in which it must load them. Worked out here and not in the guest:
//! distribution packages carry no `modules.dep`, and the guest need not know compression.

mod file;
mod oopsing;
pub(crate) mod sums;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::module_files::{Folder, normal};
use crate::{Error, Kernel, Result};
pub use oopsing::oopsing;

/// Modules to load, and those that need not be. One that was asked for and is nowhere here may be built in all the same:
/// lists may be missing, and only the running kernel can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Dependencies come before what needs them.
    pub load_order: Vec<Module>,
    /// Asked for, and part of the kernel image.
    pub built_in: Vec<String>,
}

impl Closure {
    /// Returns whether the guest has a module that was asked for: built in, or packed for it to load.
    pub fn provides(&self, name: &str) -> bool {
        let name = normal(name);
        self.built_in.contains(&name) || self.load_order.iter().any(|module| module.name == name)
    }
}

/// A module file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// As `/proc/modules` shows it: `nf_tables`.
    pub name: String,
    /// Where it is, compressed or not.
    pub path: PathBuf,
}

impl Module {
    /// Its name in the guest: `nf_tables.ko`.
    pub fn file_name(&self) -> String {
        format!("{}.ko", self.name)
    }

    /// The ELF object, decompressed.
    pub fn read(&self) -> Result<Vec<u8>> {
        file::read(&self.path)
    }
}

/// Resolves the modules of these names with all that they depend on. A module that is not there is no error: what needs
/// it cannot run, and the caller says so.
pub fn closure(kernel: &Kernel, names: &[&str]) -> Result<Closure> {
    let mut closure = Closure::default();
    let Some(path) = &kernel.modules else { return Ok(closure) };
    let folder = Folder::open(path)?;
    for name in names {
        let name = normal(name);
        match folder.find(&name) {
            Some(_) => visit(&folder, &name, kernel, &mut closure.load_order)?,
            None if folder.built_in(&name) => closure.built_in.push(name),
            None => {}
        }
    }
    Ok(closure)
}

/// Appends a module after all that it needs. The graph has no cycles: `depmod` refuses them.
fn visit(folder: &Folder, name: &str, kernel: &Kernel, order: &mut Vec<Module>) -> Result<()> {
    if order.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let Some(path) = folder.find(name) else { return Ok(()) };
    let info = file::info(path)?;
    if let Some(built_for) = &info.release
        && *built_for != kernel.release
    {
        let way_out = "give the modules of the same build, as PATH:MODULES";
        let reason = format!("was built for {built_for}, and the kernel is {}", kernel.release);
        return Err(Error::unusable(path, reason, way_out));
    }
    for dependency in &info.depends {
        visit(folder, dependency, kernel, order)?;
    }
    order.push(Module { name: name.to_owned(), path: path.to_path_buf() });
    Ok(())
}
