//! STL-10's files. The data set is a folder: opening it compares the sizes of its files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use mbn_data::{Splits, open_fold};

/// The files of the data set, in the order of the input's parts.
const FILES: [&str; 6] = [
    "class_names.txt",
    "fold_indices.txt",
    "train_y.bin",
    "test_y.bin",
    "train_X.bin",
    "test_X.bin",
];
/// Bytes of a picture.
const PICTURE: u64 = 3 * 96 * 96;

/// Writes the files of a data set, opens it with and without a fold, and loads its pictures. Input: a byte that chooses the
/// fold, then the files, each after its length in two bytes. A file of pictures also has two bytes after its length that
/// say how much longer or shorter it is than its labels demand; what the input does not have of it is zero.
///
/// # Panics
/// If a data set that was opened has a label without a class, or its pictures cannot be loaded.
pub fn stl10(input: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fold = write(folder.path(), input).expect("files in the temporary folder");
    for fold in [None, Some(fold)] {
        match open_fold(folder.path(), fold) {
            Ok(data) => load(&data),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Writes the files and returns the fold. The last files may be missing.
fn write(folder: &Path, input: &[u8]) -> io::Result<usize> {
    let Some((&fold, mut rest)) = input.split_first() else {
        return Ok(0);
    };
    let mut labels = Vec::new();
    for name in FILES {
        let Some(length) = number(&mut rest) else {
            break;
        };
        let pictures = name.ends_with("X.bin");
        let change = if pictures { number(&mut rest) } else { None };
        let (content, after) = rest.split_at(rest.len().min(length.into()));
        rest = after;
        let path = folder.join(name);
        if pictures {
            let count = if name.starts_with("train") {
                labels[0]
            } else {
                labels[1]
            };
            let mut file = File::create(path)?;
            file.write_all(content)?;
            let change = i64::from(change.unwrap_or_default().cast_signed());
            file.set_len((PICTURE * count as u64).saturating_add_signed(change))?;
        } else {
            labels.extend(name.ends_with("y.bin").then_some(content.len()));
            fs::write(path, content)?;
        }
    }
    Ok(fold.into())
}

/// The next two bytes.
fn number(rest: &mut &[u8]) -> Option<u16> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_le_bytes(*bytes))
}

/// Loads the first and the last picture of each part, and looks at every label.
fn load(data: &Splits) {
    for part in [&data.train, &data.test] {
        assert_eq!(part.class_names(), data.class_names);
        assert!(!part.is_empty());
        for index in 0..part.len() {
            assert!((part.label(index) as usize) < data.class_names.len());
        }
        for index in [0, part.len() - 1] {
            let image = part.load(index).expect("a picture within the file");
            assert_eq!(image.dimensions(), (96, 96));
        }
    }
}
