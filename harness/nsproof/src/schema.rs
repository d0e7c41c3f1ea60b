//! `nsproof schema`: what editors know of scenario files.

use crate::exit::{Done, Exit};
use crate::output;

pub(crate) fn run() -> Done {
    let schema = serde_json::to_string_pretty(&harness::scenario::schema()).expect("a schema is JSON");
    output::print(&format!("{schema}\n"))?;
    Ok(Exit::Passed)
}
