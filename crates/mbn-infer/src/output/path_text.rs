//! A path as text that no other path has, although text is Unicode and a path may be any bytes.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// Stands before the two hexadecimal digits of a byte that is not part of any UTF-8 character.
const MARK: char = char::REPLACEMENT_CHARACTER;

/// The path as it is, if it is UTF-8. A byte that is not is written as U+FFFD and two hexadecimal digits: `n\u{fffd}E9.png`.
/// To keep this unambiguous, so are the three bytes of a U+FFFD in the path itself. Replacing each U+FFFD with its digits by
/// that byte gives the path back.
pub fn path_text(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(text) if !text.contains(MARK) => text.into(),
        _ => escaped(path.as_os_str().as_encoded_bytes()).into(),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let escape = |text: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a string does not fail.
            let _ = write!(text, "{MARK}{byte:02X}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                MARK => escape(&mut text, MARK.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::HashSet;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        path_text(Path::new(OsStr::from_bytes(bytes))).into_owned()
    }

    /// The path's bytes, as the documentation says to get them.
    fn bytes(text: &str) -> Vec<u8> {
        let mut parts = text.split(MARK);
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(&part.as_bytes()[2..]);
        }
        bytes
    }

    #[test]
    fn every_path_has_a_text_of_its_own() {
        let paths = [
            &b"n.png"[..],
            b"n\xe9.png",
            b"n\xe8.png",
            b"n\xc3\xa9.png",
            "n\u{fffd}.png".as_bytes(),
            "n\u{fffd}E9.png".as_bytes(),
            br"n\xe9.png",
            b"n%E9.png",
            b"\xff\xfe\xf0\x9f",
        ];
        let texts: HashSet<_> = paths.iter().map(|path| text(path)).collect();
        assert_eq!(texts.len(), paths.len());
        for path in paths {
            assert_eq!(bytes(&text(path)), path);
        }
        assert_eq!(text(b"n\xe9.png"), "n\u{fffd}E9.png");
        assert_eq!(text("äö/日.png".as_bytes()), "äö/日.png");
    }
}
