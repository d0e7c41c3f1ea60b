//! `nsrun explain`

use clap::Args;

use super::flags::Flags;
use super::message::Message;

/// Print the steps that would build the container.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    flags: Flags,
}

impl Explain {
    pub(super) fn run(self) -> Result<i32, Message> {
        let spec = self.flags.into_spec()?;
        for (number, step) in (1..).zip(crate::explain(&spec)) {
            println!("{number:>2}. {}: {}", step.step, step.what);
            if !step.shell.is_empty() {
                println!("      $ {}", step.shell);
            }
        }
        Ok(0)
    }
}
