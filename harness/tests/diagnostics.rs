//! What a writer of scenarios is told: one file a mistake, one snapshot a file.

use std::path::PathBuf;

use harness::diagnostic::Diagnostics;
use harness::scenario;
use rstest::rstest;

#[rstest]
fn a_mistake_is_told_with_its_place_and_the_way_out(#[files("tests/diagnostics/*.toml")] path: PathBuf) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(&path).unwrap();
    let problems =
        scenario::parse(&name, &format!("{name}.toml"), &text).expect_err("the file has a mistake");
    insta::assert_snapshot!(name, Diagnostics::from(problems).render(false));
}
