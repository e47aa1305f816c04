//! Tries whether the disk has room for a run.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Result;
use mbn_files::atomic::AtomicFile;

use super::STATE;

/// Bytes that are written at a time.
const BLOCK: usize = 1 << 20;

/// What a run needs on disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// All files together.
    pub total: usize,
    /// The largest file.
    pub largest: usize,
}

impl Space {
    /// Writes as much to temporary files in `folder`, none larger than the largest, and removes them.
    ///
    /// # Errors
    /// The disk, or a limit on the size of files, does not allow that.
    pub fn try_in(self, folder: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let (mut noise, mut block) = (Noise(1), vec![0; BLOCK]);
            let (mut files, mut left) = (Vec::new(), self.total);
            // Dropping the files deletes them.
            while left > 0 {
                let bytes = left.min(self.largest.max(1));
                let mut file = AtomicFile::create(&folder.join(STATE))?;
                for start in (0..bytes).step_by(BLOCK) {
                    noise.fill(&mut block);
                    file.write_all(&block[..BLOCK.min(bytes - start)])?;
                }
                // Many a full disk refuses the bytes before. One on the network may do so only now.
                file.sync()?;
                files.push(file);
                left -= bytes;
            }
            Ok(())
        };
        write().map_err(|error| {
            let (folder, mebibytes) = (folder.display(), |bytes: usize| bytes.div_ceil(1 << 20));
            let what = match error.kind() {
                ErrorKind::FileTooLarge => format!("a file of {} MiB that", mebibytes(self.largest)),
                _ => format!("the {} MiB that", mebibytes(self.total)),
            };
            let message = format!("cannot write to run folder `{folder}` {what} the run needs");
            anyhow::Error::from(error).context(message)
        })
    }
}

/// Bytes that no file system makes smaller, as weights are: some store zeros, and blocks that are equal, in no space. The numbers are
/// those of SplitMix64 (Steele et al. 2014).
struct Noise(u64);

impl Noise {
    fn fill(&mut self, block: &mut [u8]) {
        for bytes in block.as_chunks_mut().0 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *bytes = (z ^ (z >> 31)).to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    #[test]
    fn what_is_written_does_not_compress() {
        let (mut noise, mut blocks) = (Noise(1), vec![vec![0; BLOCK]; 2]);
        blocks.iter_mut().for_each(|block| noise.fill(block));
        assert!(blocks[0] != blocks[1]);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&blocks.concat()).unwrap();
        assert!(encoder.finish().unwrap().len() > 2 * BLOCK);
    }

    #[test]
    fn nothing_of_the_trial_stays() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space {
            total: 2 * BLOCK + 7,
            largest: BLOCK + 1,
        };
        space.try_in(folder.path()).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let error = space.try_in(&folder.path().join("missing")).unwrap_err();
        assert!(
            error.to_string().contains("the 3 MiB that the run needs"),
            "{error}"
        );
    }
}
