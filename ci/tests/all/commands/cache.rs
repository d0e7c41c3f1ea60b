//! A cache that cannot be where it is said to be.

use crate::common::{command, said};

#[rstest::rstest]
#[case::a_file("NSPROOF_CACHE", "/etc/passwd", "/etc/passwd: ", "/etc/passwd is a file, and no folder")]
#[case::below_a_file(
    "NSPROOF_CACHE",
    "/etc/passwd/x",
    "/etc/passwd/x: ",
    "/etc/passwd is a file, and no folder"
)]
#[case::where_nobody_may("NSPROOF_CACHE", "/proc", "/proc: ", "No such file or directory")]
#[case::by_another_variable(
    "HOME",
    "/etc/passwd",
    "/etc/passwd/.cache/nsproof: ",
    "/etc/passwd is a file, and no folder"
)]
fn the_variable_the_path_and_the_way_out_are_told(
    #[case] variable: &str,
    #[case] value: &str,
    #[case] path: &str,
    #[case] reason: &str,
) {
    for arguments in [&["cache"][..], &["kernels"], &["vm-test", "uts/hostname"]] {
        let mut xtask = command(arguments);
        xtask.env_remove("NSPROOF_CACHE").env_remove("XDG_CACHE_HOME").env(variable, value);
        let told = said(&xtask.assert().code(3));
        let told =
            told.trim_end().strip_prefix(&format!("error: {path}")).unwrap_or_else(|| panic!("{told}"));
        assert!(
            told.starts_with(&format!("the cache cannot be there, as {variable} says: {reason}")),
            "{told}"
        );
        assert!(
            told.ends_with(
                "set NSPROOF_CACHE to a folder that you may write to; it is made if it is missing"
            ),
            "{told}"
        );
    }
}
