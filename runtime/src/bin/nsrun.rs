//! `nsrun`: runs one container.
#![forbid(unsafe_code)]

fn main() {
    std::process::exit(runtime::cli::main(std::env::args_os()));
}
