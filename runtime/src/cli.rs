//! The command line of `nsrun`, as a library: another binary can offer it as an applet.

mod exec;
mod explain;
mod flags;
mod message;
mod protect;
mod run;
mod supervise;
mod terminal;
mod words;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::output;

/// The exit code for a container that could not be built; the program's own codes are below, as in env(1).
pub const FAILED: i32 = 125;

/// Runs one Linux container, built step by step.
#[derive(Parser)]
#[command(name = "nsrun", bin_name = "nsrun", version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit code: the program's own; 128 and its number if a signal killed it; 125 if the container could \
                          not be built, 126 if the program could not be executed, 127 if there is none.";

/// What a subcommand takes is put together for the one alone that is called: all of them take as long as some namespaces.
#[derive(Subcommand)]
#[command(defer = true)]
enum Command {
    /// Build a container and run a program in it.
    Run(run::Run),
    /// Run a program in the container of a process.
    Exec(exec::ExecCommand),
    /// Print the steps that would build the container, each with the shell command that does the same.
    Explain(explain::Explain),
}

/// Does what the arguments say, the first of which is the program's own name, and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&args, error),
    };
    let done = match cli.command {
        Command::Run(run) => run.run(),
        Command::Exec(exec) => exec.run(),
        Command::Explain(explain) => explain.run(),
    };
    done.unwrap_or_else(|message| message.print())
}

/// Prints what is wrong with the arguments, or the help that they ask for, and returns the exit code. The words are those for the
/// same arguments with nothing in them that acts on a terminal.
fn refuse(args: &[OsString], error: clap::Error) -> i32 {
    let shown = args.iter().map(|arg| output::one_line(&arg.to_string_lossy()));
    match Cli::try_parse_from(shown) {
        // Without anywhere to print to, the code still tells.
        Err(same) => drop(same.print()),
        // Only what cannot be told as a text was wrong.
        Ok(_) => {
            let wrong = args.iter().filter(|arg| arg.to_str().is_none());
            wrong.for_each(|arg| {
                output::say(format!("nsrun: not UTF-8: {}", output::one_line(&arg.to_string_lossy())))
            });
            error.to_string().lines().for_each(|line| output::say(output::one_line(line)));
        }
    }
    if error.use_stderr() { FAILED } else { 0 }
}
