//! Which pictures of one name lie in a folder, so that the next one need not look at all of them again.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mbn_files::content_hash;

/// The numbers of a name up to the first that was not looked at yet, and what was found or put there.
#[derive(Debug)]
pub(super) struct Namesakes {
    /// The first number that was not looked at.
    pub(super) next: usize,
    /// Links, by what they lead to.
    links: HashMap<PathBuf, usize>,
    /// Copies, by their length.
    copies: HashMap<u64, Copies>,
}

/// Copies of one length.
#[derive(Debug, Default)]
struct Copies {
    /// Those whose content was not needed yet.
    unread: Vec<(PathBuf, usize)>,
    /// The others, by the hash of their content.
    read: HashMap<[u8; 32], usize>,
}

impl Default for Namesakes {
    fn default() -> Self {
        Self {
            next: 1,
            links: HashMap::new(),
            copies: HashMap::new(),
        }
    }
}

impl Namesakes {
    /// Notes what lies at `target`, which has the next number.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn note(&mut self, target: PathBuf) -> io::Result<()> {
        let number = self.next;
        self.next += 1;
        let found = target.symlink_metadata()?;
        if found.is_symlink() {
            self.links.entry(fs::read_link(&target)?).or_insert(number);
        } else if found.is_file() {
            let copies = self.copies.entry(found.len()).or_default();
            copies.unread.push((target, number));
        }
        Ok(())
    }

    /// The number of the link to `source`.
    pub(super) fn link_to(&self, source: &Path) -> Option<usize> {
        self.links.get(source).copied()
    }

    /// The number of a copy that had the content of `source`. Each copy is read at most once.
    ///
    /// # Errors
    /// The source cannot be read.
    pub(super) fn copy_of(&mut self, source: &Path) -> io::Result<Option<usize>> {
        let Some(copies) = self.copies.get_mut(&source.metadata()?.len()) else {
            return Ok(None);
        };
        for (copy, number) in copies.unread.drain(..) {
            // One that was removed since is no copy any more.
            if let Ok(hash) = content_hash(&copy) {
                copies.read.entry(hash).or_insert(number);
            }
        }
        Ok(copies.read.get(&content_hash(source)?).copied())
    }
}
