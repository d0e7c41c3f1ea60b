//! capabilities(7), by the `caps` crate. Its errors are texts: the errno is taken from the failed call itself.

use caps::{CapSet, Capability, CapsHashSet};

use super::{Errno, Result};

/// The capabilities the running kernel knows.
pub fn known() -> CapsHashSet {
    caps::runtime::thread_all_supported()
}

/// The bounding set of this process. PR_CAPBSET_READ
pub fn bounding() -> Result<CapsHashSet> {
    caps::read(None, CapSet::Bounding).map_err(last)
}

/// The permitted set of this process. capget(2)
pub fn permitted() -> Result<CapsHashSet> {
    caps::read(None, CapSet::Permitted).map_err(last)
}

/// Takes one capability out of the bounding set, for good. PR_CAPBSET_DROP
pub fn drop_bounding(capability: Capability) -> Result<()> {
    caps::drop(None, CapSet::Bounding, capability).map_err(last)
}

/// Sets three of the sets. capset(2)
pub fn set(permitted: &CapsHashSet, effective: &CapsHashSet, inheritable: &CapsHashSet) -> Result<()> {
    // In this order each call is legal: inheritable may grow from the old permitted set, effective stays below it.
    caps::set(None, CapSet::Inheritable, inheritable).map_err(last)?;
    caps::set(None, CapSet::Effective, effective).map_err(last)?;
    caps::set(None, CapSet::Permitted, permitted).map_err(last)
}

/// Sets the ambient set; each member must be permitted and inheritable. PR_CAP_AMBIENT
pub fn set_ambient(ambient: &CapsHashSet) -> Result<()> {
    caps::clear(None, CapSet::Ambient).map_err(last)?;
    ambient.iter().try_for_each(|&capability| caps::raise(None, CapSet::Ambient, capability).map_err(last))
}

fn last(_: caps::errors::CapsError) -> Errno {
    Errno::last()
}
