//! What is compressed is known by how it begins: names lie, and members of packages and payloads of images have none.

use std::io::{self, BufRead, Read};

/// How a format begins.
const GZIP: &[u8] = b"\x1f\x8b";
const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// Reads what was compressed with gzip, xz or zstd; what begins otherwise is read as it is.
pub(crate) fn reader<'a>(mut packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let head = packed.fill_buf()?;
    let is = |magic: &[u8]| head.starts_with(magic);
    Ok(if is(GZIP) {
        Box::new(flate2::read::GzDecoder::new(packed))
    } else if is(XZ) {
        Box::new(liblzma::read::XzDecoder::new(packed))
    } else if is(ZSTD) {
        Box::new(ruzstd::decoding::StreamingDecoder::new(packed).map_err(io::Error::other)?)
    } else {
        Box::new(packed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_known_by_its_beginning() {
        let plain = b"module".repeat(100);
        let mut gzip = Vec::new();
        flate2::read::GzEncoder::new(&*plain, flate2::Compression::fast()).read_to_end(&mut gzip).unwrap();
        let mut xz = Vec::new();
        liblzma::read::XzEncoder::new(&*plain, 1).read_to_end(&mut xz).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(&*plain, ruzstd::encoding::CompressionLevel::Fastest);
        for packed in [plain.clone(), gzip, xz, zstd] {
            let mut bytes = Vec::new();
            reader(&*packed).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, plain);
            let cut = &packed[..packed.len() - 1];
            let whole = reader(cut).and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
            assert!(whole.is_err() || cut == &plain[..plain.len() - 1], "what is cut is told");
        }
    }
}
