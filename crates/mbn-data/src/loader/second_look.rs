//! A second look at a source when files of a batch cannot be read: is it these files, or all of them?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::image_source::ImageSource;

/// Most files that are tried. They are spread over the epoch, so that files which went missing together, as a folder that was
/// deleted, do not stand for all others.
const TRIED: usize = 16;

/// Whether a file can be read of some pictures of `order` that are not among the `known` ones. Pictures in memory do not count, whose
/// files may be gone with the others.
pub(super) fn can_read_others(source: &dyn ImageSource, order: &[usize], known: &BTreeSet<usize>) -> bool {
    let others: Vec<usize> = order
        .iter()
        .copied()
        .filter(|index| !known.contains(index))
        .collect();
    let mut tried = others.iter().step_by(others.len().div_ceil(TRIED).max(1));
    tried.any(|&index| can_read(source.path(index)))
}

fn can_read(path: &Path) -> bool {
    // Opening may succeed on a disk that fails.
    File::open(path).and_then(|mut file| file.read(&mut [0])).is_ok()
}
