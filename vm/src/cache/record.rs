//! A record's text: JSON behind a line with its checksum. A disk that loses a bit would otherwise change a fact, and with it a
//! verdict, without a word.

use serde::{Deserialize, Serialize};

use super::sha256_of;

/// Characters of SHA-256 in hexadecimal.
const DIGITS: usize = 64;

/// The text of a record.
pub(super) fn text<T: Serialize>(record: &T) -> serde_json::Result<Vec<u8>> {
    let json = serde_json::to_vec_pretty(record)?;
    Ok([sha256_of(&json).as_bytes(), b"\n", &json].concat())
}

/// The record of a text; `None` if the text is not what was written.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(text: &[u8]) -> Option<T> {
    let json = match text.split_at_checked(DIGITS) {
        Some((sum, [b'\n', json @ ..])) if sum.iter().all(u8::is_ascii_hexdigit) => {
            (sha256_of(json).as_bytes() == sum).then_some(json)?
        }
        // Without the line, as versions before 0.2 wrote it. What is left of a damaged line is no JSON.
        _ => text,
    };
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_lost_a_bit_is_none() {
        let text = text(&("6.1.0-9-amd64", 7)).unwrap();
        let read = |text: &[u8]| parse::<(String, u8)>(text);
        assert_eq!(read(&text), Some(("6.1.0-9-amd64".into(), 7)));
        for place in 0..text.len() {
            for bit in 0..8 {
                let mut damaged = text.clone();
                damaged[place] ^= 1 << bit;
                assert_eq!(read(&damaged), None, "{}", String::from_utf8_lossy(&damaged));
            }
        }
        assert_eq!(read(&text[..text.len() - 1]), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn what_an_older_version_wrote_is_read() {
        assert_eq!(parse::<Vec<u8>>(b"[1, 2]"), Some(vec![1, 2]));
    }
}
