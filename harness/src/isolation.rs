//! Whether scenarios share a machine.

/// Whether scenarios share a kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A clone of a machine that was booted once, for each.
    #[default]
    Clone,
    /// A cold boot for each.
    Boot,
    /// A clone for each job, which goes on from scenario to scenario; one that was lost is replaced.
    Shared,
}

impl Isolation {
    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            Isolation::Clone => "clone",
            Isolation::Boot => "boot",
            Isolation::Shared => "shared",
        }
    }
}
