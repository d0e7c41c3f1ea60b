//! What several tests need.

use tempfile::TempDir;
use vm::Cache;

/// A cache that nobody else uses, but for the kernels in it: what is left in there was left by this test.
pub(crate) fn own_cache() -> TempDir {
    let everybodys = Cache::open().unwrap();
    // On the same file system: what is made is renamed into its place.
    let own = TempDir::new_in(everybodys.root().parent().expect("the cache is a folder in another")).unwrap();
    for part in ["kernels", "apt", "names"] {
        let target = everybodys.root().join(part);
        if target.exists() {
            std::os::unix::fs::symlink(target, own.path().join(part)).unwrap();
        }
    }
    own
}
