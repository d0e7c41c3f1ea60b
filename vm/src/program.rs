//! What people type to call the program that this is a part of: for words that tell them what to type.

use std::sync::OnceLock;

static NAME: OnceLock<&str> = OnceLock::new();

/// Says what it is called, once, when it begins.
pub fn is_called(name: &'static str) {
    // Whoever said so first knows.
    let _ = NAME.set(name);
}

/// Returns what it is called: `cargo xtask`, unless it is another program.
pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("cargo xtask")
}
