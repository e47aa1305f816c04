//! Describes a file of no supported format.

use mbn_files::FileKind;

use super::error::DecodeErrorKind;
use crate::file_kind;

/// The error for a file that is a picture of another format, or none.
pub(super) fn refuse(bytes: &[u8]) -> DecodeErrorKind {
    match file_kind::FileKind::of_bytes(bytes) {
        Some(kind) if kind.is_picture() => DecodeErrorKind::OtherFormat(kind.to_string()),
        _ => DecodeErrorKind::NotAnImage(describe(bytes)),
    }
}

/// Whether the first bytes are those of a camera's RAW file, which may begin like TIFF.
pub(super) fn is_raw(bytes: &[u8]) -> bool {
    file_kind::FileKind::of_bytes(bytes).is_some_and(|kind| kind.is_raw())
}

/// What the file is, by its first bytes, or what they look like, for a message.
fn describe(bytes: &[u8]) -> String {
    match FileKind::recognise(bytes) {
        None | Some(FileKind::Picture(_)) => {}
        Some(kind) => return format!("it is {kind}"),
    }
    let start = &bytes[..bytes.len().min(64)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may have split a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        Some(text)
            if !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) =>
        {
            let line: String = text.lines().next().unwrap_or_default().chars().take(24).collect();
            format!("it starts with the text `{line}`")
        }
        _ => {
            let hex: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("it starts with the bytes {}", hex.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_are_named_and_others_shown() {
        for (bytes, expected) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\noid"[..],
                "it is a Git LFS pointer",
            ),
            (b"<!DOCTYPE html><html>", "it is a web page"),
            (b"PK\x03\x04", "it is a zip archive"),
            (b"some words", "it starts with the text `some words`"),
            (b"\x01\x02", "it starts with the bytes 01 02"),
        ] {
            assert!(describe(bytes).starts_with(expected), "{}", describe(bytes));
        }
    }
}
