//! The hash of a whole file, in little memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// SHA-256 of a file's content.
///
/// # Errors
/// It cannot be read.
pub fn content_hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(bytes) => hash.update(&chunk[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_make_the_hash_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [0, 1, CHUNK, 3 * CHUNK + 1] {
            let content: Vec<u8> = (0..bytes).map(|i| (i % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let expected: [u8; 32] = Sha256::digest(&content).into();
            assert_eq!(content_hash(&path).unwrap(), expected, "{bytes}");
        }
        assert!(content_hash(&folder.path().join("gone")).is_err());
    }
}
