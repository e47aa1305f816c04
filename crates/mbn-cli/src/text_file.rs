//! Text files that users write: lists of paths and of class names.

use std::io;
use std::path::Path;

use mbn_files::{FileKind, whole_file};

/// The largest text file that is read whole, in bytes: class names of a million classes have less.
const MOST_BYTES: u64 = 64 << 20;

/// A text file that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is UTF-16, as some editors and PowerShell write.
    #[error("it is text in UTF-16, expected UTF-8")]
    Utf16,
    /// A line is not UTF-8.
    #[error("line {0} is not UTF-8")]
    NotUtf8(usize),
}

/// The bytes of a text file.
///
/// # Errors
/// It cannot be read, or has more than 64 MiB.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    whole_file::read(path, MOST_BYTES, |bytes| {
        io::Error::other(format!(
            "it has {bytes} bytes or more, expected a text file of at most {MOST_BYTES}"
        ))
    })
}

/// The bytes of a text file without the byte order mark of UTF-8, if it has one.
///
/// # Errors
/// [`TextError::Utf16`].
pub fn without_mark(bytes: &[u8]) -> Result<&[u8], TextError> {
    match is_utf16(bytes) {
        true => Err(TextError::Utf16),
        false => Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    }
}

/// The text of a file, without its byte order mark.
///
/// # Errors
/// It is not UTF-8.
pub fn text(bytes: &[u8]) -> Result<&str, TextError> {
    let bytes = without_mark(bytes)?;
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        TextError::NotUtf8(1 + before.iter().filter(|byte| **byte == b'\n').count())
    })
}

/// Whether text is UTF-16: by its byte order mark, or because every other byte at its start is zero, as in ASCII.
fn is_utf16(bytes: &[u8]) -> bool {
    let ascii = |first: usize| {
        let pairs = bytes.chunks_exact(2).take(16);
        let is_ascii = |pair: &[u8]| pair[first] != 0 && pair[1 - first] == 0;
        bytes.len() >= 4 && pairs.clone().all(is_ascii)
    };
    FileKind::recognise(bytes) == Some(FileKind::Utf16) || ascii(0) || ascii(1)
}

/// What a user can do about the text file that `quoted` names in a shell.
pub fn to_utf8(error: &TextError, quoted: &str) -> String {
    match error {
        TextError::Utf16 => format!("`iconv -f UTF-16 -t UTF-8 {quoted}` writes it as UTF-8 to stdout"),
        TextError::NotUtf8(_) => "save it as UTF-8".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        let utf16 = |text: &str, big: bool| {
            let bytes = |unit: u16| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            };
            text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()
        };
        for encoded in [
            utf16("\u{feff}a.png\n", false),
            utf16("\u{feff}a.png\n", true),
            utf16("a.png\nb.png\n", false),
            utf16("a.png\nb.png\n", true),
            utf16("\u{feff}日本.png", false),
        ] {
            assert_eq!(text(&encoded), Err(TextError::Utf16), "{encoded:?}");
        }
        assert_eq!(text(b"\xef\xbb\xbfa\n"), Ok("a\n"));
        assert_eq!(text(b"a\0"), Ok("a\0"));
        assert_eq!(text(b""), Ok(""));
        assert_eq!(text(b"a\nb\xe9\n"), Err(TextError::NotUtf8(2)));
        assert_eq!(without_mark(b"\xef\xbb\xbf\xe9"), Ok(&b"\xe9"[..]));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_no_text() {
        let error = read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert!(error.contains("expected a text file of at most"), "{error}");
    }
}
