//! Where the program has what a run is made of.

use std::path::PathBuf;

/// A checkout in which cargo builds it, or the program's own file with all of it inside.
pub trait Home {
    /// Returns the folder of the scenarios.
    ///
    /// # Errors
    /// It cannot be read or made.
    fn scenarios(&self) -> vm::Result<PathBuf>;

    /// Returns the guest's program: static, so that it runs as `/init` of any kernel.
    ///
    /// # Errors
    /// It cannot be built or made. What cargo says of it, it says itself.
    fn guest(&self) -> vm::Result<PathBuf>;

    /// Returns `nsrun`, as static.
    ///
    /// # Errors
    /// As [`Home::guest`].
    fn runtime(&self) -> vm::Result<PathBuf>;

    /// Returns where a scenario that does not pass leaves its directory, unless it is told otherwise.
    fn repro(&self) -> PathBuf;
}
