//! Reading a weight or model file at once, unless it is too large to be one.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest file that is read: far above any MobileNetV1, far below what exhausts memory.
pub const MAX_FILE_BYTES: u64 = 1 << 30;

/// The content of a file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// Any failure to read it; `too_large`, given the number of bytes that it has or that were read, of a larger one.
pub fn read<E: From<io::Error>>(path: &Path, too_large: impl Fn(u64) -> E) -> Result<Vec<u8>, E> {
    read_up_to(MAX_FILE_BYTES, path, too_large)
}

fn read_up_to<E: From<io::Error>>(
    limit: u64,
    path: &Path,
    too_large: impl Fn(u64) -> E,
) -> Result<Vec<u8>, E> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // A pipe or a file that grows has another size than was said.
    let read = file.take(limit + 1).read_to_end(&mut bytes)? as u64;
    if read > limit {
        return Err(too_large(read));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_ten(path: &Path) -> io::Result<Vec<u8>> {
        read_up_to(10, path, |size| io::Error::other(format!("{size} bytes")))
    }

    #[test]
    fn what_is_larger_than_the_limit_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read_ten(&path).unwrap(), [7; 10]);
        std::fs::write(&path, [7; 12]).unwrap();
        assert_eq!(read_ten(&path).unwrap_err().to_string(), "12 bytes");
        assert!(read_ten(&folder.path().join("none")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_does_not_end_is_not_read_for_ever() {
        let error = read_ten(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "11 bytes");
    }
}
