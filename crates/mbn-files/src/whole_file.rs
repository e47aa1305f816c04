//! Reads a whole file into memory, unless it is larger than a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The content of a file of at most `limit` bytes.
///
/// # Errors
/// Any failure to read it; `too_large`, given the number of bytes found, for a larger file.
pub fn read<E: From<io::Error>>(path: &Path, limit: u64, too_large: impl Fn(u64) -> E) -> Result<Vec<u8>, E> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(size));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // A pipe has no size, and a file may grow while it is read.
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
        read(path, 10, |size| io::Error::other(format!("{size} bytes")))
    }

    #[test]
    fn a_file_larger_than_the_limit_is_refused() {
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
    fn reading_an_endless_file_ends_at_the_limit() {
        let error = read_ten(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "11 bytes");
    }
}
