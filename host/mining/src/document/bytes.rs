//! From a file's bytes to text: decompressed where it is compressed, decoded where it is not UTF-8.

use std::borrow::Cow;
use std::io::Read as _;

use encoding_rs::{Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

/// The most bytes that a log may have after decompression: 16 GiB.
pub const MOST_BYTES: u64 = 16 << 30;

/// Why bytes are no text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BytesError {
    /// The file is compressed, and damaged or cut off.
    #[error("the compressed file is damaged or cut off, after {bytes} bytes of text")]
    Gzip {
        /// How much could be decompressed.
        bytes: u64,
        /// What is wrong.
        source: std::io::Error,
    },
    /// It is longer than anybody's log.
    #[error("the file has more than {most} bytes when decompressed")]
    TooLong {
        /// The bound.
        most: u64,
    },
    /// Its encoding is not known here.
    #[error("the file says that its encoding is `{found}`, which is not known; UTF-8 is best")]
    Encoding {
        /// What it says.
        found: String,
    },
    /// It has bytes that its encoding does not have.
    #[error("line {line}: bytes that are no {encoding}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// The encoding.
        encoding: &'static str,
    },
}

/// The text of a file. `most` bounds what a compressed file may grow to.
///
/// The encoding is that of a byte order mark, else that of an XML declaration, else UTF-8.
///
/// # Errors
/// See [`BytesError`].
pub fn text_of(bytes: &[u8], most: u64) -> Result<Cow<'_, str>, BytesError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return decode(bytes);
    }
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(bytes)
        .take(most.saturating_add(1))
        .read_to_end(&mut plain);
    if let Err(source) = read {
        let bytes = plain.len() as u64;
        return Err(BytesError::Gzip { bytes, source });
    }
    if plain.len() as u64 > most {
        return Err(BytesError::TooLong { most });
    }
    match decode(&plain)? {
        Cow::Owned(text) => Ok(Cow::Owned(text)),
        Cow::Borrowed(text) => {
            // What was borrowed is a suffix of what was decompressed: without the mark, if there is one.
            let mark = plain.len() - text.len();
            plain.drain(..mark);
            String::from_utf8(plain).map(Cow::Owned).map_err(|error| {
                malformed(error.as_bytes(), error.utf8_error().valid_up_to(), UTF_8)
            })
        }
    }
}

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, BytesError> {
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => (declared(bytes)?, 0),
    };
    let bytes = &bytes[mark..];
    if encoding == UTF_8 {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(malformed(bytes, error.valid_up_to(), UTF_8)),
        };
    }
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(text),
        None => Err(malformed(bytes, 0, encoding)),
    }
}

fn malformed(bytes: &[u8], valid: usize, encoding: &'static Encoding) -> BytesError {
    let lines = bytes[..valid].iter().filter(|byte| **byte == b'\n').count();
    BytesError::Malformed {
        line: lines as u64 + 1,
        encoding: encoding.name(),
    }
}

/// The encoding that an XML declaration names; UTF-8 without one.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, BytesError> {
    // A declaration in UTF-16 without a mark begins with these.
    if bytes.starts_with(b"<\0?\0") {
        return Ok(encoding_rs::UTF_16LE);
    }
    if bytes.starts_with(b"\0<\0?") {
        return Ok(encoding_rs::UTF_16BE);
    }
    let head = &bytes[..bytes.len().min(200)];
    if !head.starts_with(b"<?xml") {
        return Ok(UTF_8);
    }
    let head = String::from_utf8_lossy(head);
    let declaration = head.split("?>").next().unwrap_or_default();
    let Some((_, after)) = declaration.split_once("encoding") else {
        return Ok(UTF_8);
    };
    let quoted = after.trim_start().trim_start_matches('=').trim_start();
    let name = quoted.get(1..).unwrap_or_default();
    let name = name.split(['"', '\'']).next().unwrap_or_default();
    match Encoding::for_label(name.as_bytes()) {
        // A declaration that could be read so far cannot be in an encoding of two bytes.
        Some(found) if found == encoding_rs::UTF_16LE || found == encoding_rs::UTF_16BE => {
            Ok(UTF_8)
        }
        Some(found) => Ok(found),
        None => Err(BytesError::Encoding {
            found: name.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]

    use std::io::Write as _;

    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn text_comes_out_of_every_wrapping() {
        let text = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><log>é</log>";
        let latin: Vec<u8> = text.chars().map(|character| character as u8).collect();
        assert_eq!(text_of(&latin, MOST_BYTES).unwrap(), text);
        assert_eq!(text_of(&compressed(&latin), MOST_BYTES).unwrap(), text);
        let wide: Vec<u8> = "\u{feff}<log>é</log>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(text_of(&wide, MOST_BYTES).unwrap(), "<log>é</log>");
        let marked = "\u{feff}<log>é</log>".as_bytes();
        assert_eq!(text_of(marked, MOST_BYTES).unwrap(), "<log>é</log>");
        assert_eq!(
            text_of(&compressed(marked), MOST_BYTES).unwrap(),
            "<log>é</log>"
        );
        let twice = [compressed(b"one "), compressed(b"two")].concat();
        assert_eq!(text_of(&twice, MOST_BYTES).unwrap(), "one two");
    }

    #[test]
    fn what_is_no_text_says_where() {
        let error = text_of(b"one\ntwo \xff", MOST_BYTES).unwrap_err();
        assert_eq!(error.to_string(), "line 2: bytes that are no UTF-8");
        let mut cut = compressed(&[b'a'; 100_000]);
        cut.truncate(cut.len() - 9);
        assert!(matches!(
            text_of(&cut, MOST_BYTES),
            Err(BytesError::Gzip { .. })
        ));
        let bomb = compressed(&vec![b' '; 1 << 20]);
        assert!(matches!(
            text_of(&bomb, 1 << 16),
            Err(BytesError::TooLong { most: 65536 })
        ));
        let unknown = text_of(b"<?xml version='1.0' encoding='klingon'?>", MOST_BYTES).unwrap_err();
        assert!(unknown.to_string().contains("`klingon`"));
    }
}
