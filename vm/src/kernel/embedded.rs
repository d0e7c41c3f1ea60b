//! The configuration that a kernel carries in itself (CONFIG_IKCONFIG): between two marks, compressed with gzip
//! (kernel/configs.c, scripts/extract-ikconfig). In a bzImage the kernel itself is compressed, too: unpacked once, and
//! remembered by the image's checksum.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::settings::Settings;
use crate::{Cache, Error, Result, compression};

const BEGIN: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";
/// Bytes of a kernel, unpacked: one with debug information is no payload of a bzImage.
const MOST: u64 = 1 << 30;

/// What an image tells of its configuration, of which this is the SHA-256; `None` if it tells nothing, or is compressed in a way
/// that is not known here: then the running kernel may tell.
///
/// # Errors
/// It cannot be read, or the cache cannot be written.
pub(super) fn settings(image: &Path, sha256: &str, cache: &Cache) -> Result<Option<Settings>> {
    let memory = cache.folder("configs")?.join(format!("{sha256}.json"));
    let text: Option<String> = match cache.get(&memory) {
        Some(known) => known,
        None => {
            let found = config_in(&fs::read(image).map_err(Error::io("read", image))?);
            cache.put(&memory, &found)?;
            found
        }
    };
    Ok(text.as_deref().map(Settings::parse))
}

fn config_in(image: &[u8]) -> Option<String> {
    let unpacked;
    let kernel = match payload(image) {
        Some(payload) => {
            unpacked = unpack(payload).ok()?;
            &unpacked
        }
        None => image,
    };
    let begin = find(kernel, BEGIN)? + BEGIN.len();
    let end = begin + find(&kernel[begin..], END)?;
    String::from_utf8(unpack(&kernel[begin..end]).ok()?).ok()
}

/// The compressed kernel in a bzImage (Documentation/arch/x86/boot.rst: payload_offset and payload_length, protocol 2.08).
fn payload(image: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    if image.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    // Zero stands for four sectors.
    let sectors = match *image.get(0x1f1)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let begin = (sectors + 1) * 512 + number(0x248)?;
    image.get(begin..begin.checked_add(number(0x24c)?)?)
}

fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    compression::reader(packed)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    // Windows are slow where tests are built without optimisation; the first letter seldom comes.
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == word[0]) {
        if text[from + at..].starts_with(word) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::read::GzEncoder;

    use super::*;
    use crate::kernel::Setting;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut packed).unwrap();
        packed
    }

    fn kernel(config: &str) -> Vec<u8> {
        [&b"code IKCFG of "[..], BEGIN, &packed(config.as_bytes()), END, b" more"].concat()
    }

    /// Two sectors of set-up code before the kernel.
    fn bzimage(kernel: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 3 * 512 + 16];
        image[0x1f1] = 2;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        let payload = packed(kernel);
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        [image, payload, vec![0; 4]].concat()
    }

    #[test]
    fn a_configuration_is_found_and_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        let image = folder.path().join("image");
        let kernel = kernel("CONFIG_VETH=y\nCONFIG_TUN=m\n");
        for (name, content) in [("bzImage", bzimage(&kernel)), ("vmlinux", kernel)] {
            fs::write(&image, content).unwrap();
            let settings = settings(&image, name, &cache).unwrap().unwrap();
            assert_eq!(
                (settings.get("CONFIG_VETH"), settings.get("CONFIG_TUN")),
                (Setting::Yes, Setting::Module)
            );
        }
        fs::remove_file(&image).unwrap();
        assert!(settings(&image, "bzImage", &cache).unwrap().is_some(), "it is remembered");
    }

    #[test]
    fn one_that_carries_none_or_is_damaged_tells_nothing() {
        assert_eq!(config_in(&bzimage(b"a kernel without")), None);
        let mut image = bzimage(&kernel("CONFIG_VETH=y\n"));
        let middle = image.len() - 20;
        image[middle] ^= 0xff;
        assert_eq!(config_in(&image), None);
        image.truncate(700);
        assert_eq!(config_in(&image), None);
        assert_eq!(config_in(b""), None);
    }
}
