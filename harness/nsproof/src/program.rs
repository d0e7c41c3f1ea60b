//! How the program begins and ends.

use std::panic::{catch_unwind, set_hook};
use std::process::ExitCode;

use clap::Parser;
use harness::output::say;

use crate::exit::{Done, Exit};
use crate::{bisect, output};

/// Does what the command line says. A panic is never an answer.
pub fn start<C: Parser>(run: impl Fn(C) -> Done + std::panic::UnwindSafe) -> ExitCode {
    vm::keep_others_from_writing();
    sys::signal::keep_children().expect("SIGCHLD can be set to its default");
    // What panics may have been said by a guest.
    set_hook(Box::new(|info| say(format!("{info}\nthis is a bug of nsproof"))));
    let ended = catch_unwind(|| parsed(run));
    ExitCode::from(end(ended, bisect::is_asked()) as u8)
}

fn end(ended: std::thread::Result<Exit>, bisecting: bool) -> Exit {
    if bisecting { bisect::end(ended.ok()) } else { ended.unwrap_or(Exit::Lost) }
}

fn parsed<C: Parser>(run: impl Fn(C) -> Done) -> Exit {
    match C::try_parse() {
        Ok(command) => run(command).unwrap_or_else(|early| early),
        Err(other) => {
            let text = other.render();
            // A closed terminal is no reason to end otherwise.
            if other.use_stderr() {
                say(text.to_string().trim_end());
                return Exit::Usage;
            }
            let _unheard = output::print(&text.to_string());
            Exit::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::step_of_a_bisection(true, Exit::CannotTell)]
    #[case::any_other(false, Exit::Lost)]
    fn a_panic_is_never_an_answer(#[case] bisecting: bool, #[case] exit: Exit) {
        assert_eq!(end(catch_unwind(|| panic!("a bug")), bisecting), exit);
        assert_eq!(end(Ok(Exit::Broken), bisecting), Exit::Broken);
    }
}
