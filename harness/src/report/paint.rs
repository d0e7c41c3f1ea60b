//! How text stands out on a terminal.

use crate::judge::Status;

/// Longest value that is shown on one line, in characters.
const VALUE: usize = 200;

/// Colours, or none.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(crate) fn status(self, status: Status, text: &str) -> String {
        self.with(
            match status {
                Status::Pass => "32",
                Status::Fail => "31",
                Status::Skip => "33",
                Status::Error | Status::Miss => "35",
            },
            text,
        )
    }
}

/// No longer than a line should be.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}
