//! Refuses to replace a file of another kind: a pattern that the shell expands gives an option the name of a photo.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_files::{FileKind, HEAD};

use crate::Hint;

/// What a program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Text of any kind: JSON, CSV, HTML.
    Text,
    /// Apache Parquet.
    Parquet,
    /// An ONNX model.
    Onnx,
    /// Weights in the safetensors format.
    Safetensors,
}

impl Written {
    /// Whether it may replace what begins with `head`.
    fn replaces(self, head: &[u8]) -> bool {
        let kind = FileKind::recognise(head);
        let is_text = || is_text(head, kind);
        match self {
            _ if kind == Some(FileKind::Empty) => true,
            // Results may be written anew in another format.
            Self::Text | Self::Parquet => kind == Some(FileKind::Parquet) || is_text(),
            Self::Onnx => kind == Some(FileKind::Onnx),
            Self::Safetensors => kind == Some(FileKind::Safetensors),
        }
    }

    /// It, for a message.
    fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Parquet => "a table",
            Self::Onnx => "a model",
            Self::Safetensors => "weights",
        }
    }
}

/// Whether a file is text, as far as its first bytes show. A format's short magic may be how a text begins.
fn is_text(head: &[u8], kind: Option<FileKind>) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte);
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character that the end cuts.
        Err(error) => error.error_len().is_none(),
    };
    match kind {
        Some(FileKind::Utf16) => true,
        _ if head.iter().any(is_control) => false,
        // Paths may be in another encoding.
        None => true,
        Some(_) => is_utf8,
    }
}

/// Refuses to write the file `path` of an option, which is empty for a positional argument, in place of a file of another kind. One
/// that cannot be read can be replaced all the same.
///
/// # Errors
/// There is such a file.
pub fn require_replaceable(option: &str, path: &Path, written: Written) -> Result<()> {
    // What is no file, or is missing, is checked where outputs are.
    let Some(head) = path.is_file().then(|| head(path)).flatten() else {
        return Ok(());
    };
    if written.replaces(&head) {
        return Ok(());
    }
    let shown = path.display();
    let name = match option {
        "" => format!("`{shown}`"),
        option => format!("`{option} {shown}`"),
    };
    let kind = FileKind::recognise(&head)
        .map_or_else(|| "a file of another kind".to_owned(), |kind| kind.to_string());
    Err(anyhow!("{name} is {kind}, which {} would replace", written.noun())).hint(|| {
        "give what is written another name, or remove that file first; where the shell expands a pattern, its first name goes to the \
         option before it"
            .to_owned()
    })
}

/// The first bytes of a file, if it can be read.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of files.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";
    const WEIGHTS: &[u8] =
        b"\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    const PARQUET: &[u8] = b"PAR1\x15\x04";
    const CSV: &[u8] = b"path,rank,label\n";
    const LATIN1: &[u8] = b"caf\xe9.jpg: tench 89.6 %\n";
    /// As a bitmap or a program begins, too.
    const BM: &[u8] = b"BM\xc3\xa4r.jpg: tench 89.6 %\n";
    const UTF16: &[u8] = b"\xff\xfep\0a\0t\0h\0";

    #[test]
    fn a_file_is_replaced_by_one_of_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("there");
        let all = [
            Written::Text,
            Written::Parquet,
            Written::Onnx,
            Written::Safetensors,
        ];
        for written in all {
            require_replaceable("", &path, written).unwrap();
            require_replaceable("", folder.path(), written).unwrap();
        }
        for (content, allowed) in [
            (b"".as_slice(), &all[..]),
            (PNG, &[]),
            (JPEG, &[]),
            (WEIGHTS, &[Written::Safetensors]),
            (PARQUET, &[Written::Text, Written::Parquet]),
            (CSV, &[Written::Text, Written::Parquet]),
            (LATIN1, &[Written::Text, Written::Parquet]),
            (BM, &[Written::Text, Written::Parquet]),
            (UTF16, &[Written::Text, Written::Parquet]),
            (b"<!DOCTYPE html>\n<html>", &[Written::Text, Written::Parquet]),
            (b"{\"images\": 3}", &[Written::Text, Written::Parquet]),
        ] {
            std::fs::write(&path, content).unwrap();
            for written in all {
                let found = require_replaceable("--html", &path, written);
                assert_eq!(
                    found.is_ok(),
                    allowed.contains(&written),
                    "{written:?} {:?}",
                    String::from_utf8_lossy(content)
                );
                if let Err(error) = found {
                    let message = error.to_string();
                    assert!(
                        message.starts_with("`--html ") && message.ends_with(" would replace"),
                        "{message}"
                    );
                }
            }
        }
    }
}
