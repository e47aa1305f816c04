//! JPEG data in a TIFF file (TIFF Technical Note 2).

use super::jpeg;
use super::tiff_fields::{
    Directory, IMAGE_LENGTH, IMAGE_WIDTH, ROWS_PER_STRIP, STRIP_BYTE_COUNTS, STRIP_OFFSETS, TILE_BYTE_COUNTS,
    TILE_LENGTH, TILE_OFFSETS, TILE_WIDTH,
};

/// Whether each strip or tile is a JPEG picture of the right size in a form that decoders agree about. The decoder takes
/// whatever size the JPEG data have: their pixels end up in wrong places, and a small file can ask for much memory.
pub(super) fn has_plain_parts(directory: Directory) -> bool {
    parts(directory).is_some()
}

/// `None` if a part is wrong or missing.
fn parts(directory: Directory) -> Option<()> {
    let height = directory.integer(IMAGE_LENGTH)?;
    let (width, rows, offsets, counts) = match directory.find(TILE_OFFSETS) {
        Some(offsets) => {
            let sides = (directory.integer(TILE_WIDTH)?, directory.integer(TILE_LENGTH)?);
            (sides.0, sides.1, offsets, directory.find(TILE_BYTE_COUNTS)?)
        }
        None => {
            let rows = directory.integer(ROWS_PER_STRIP).unwrap_or(height).min(height);
            let counts = directory.find(STRIP_BYTE_COUNTS)?;
            (
                directory.integer(IMAGE_WIDTH)?,
                rows,
                directory.find(STRIP_OFFSETS)?,
                counts,
            )
        }
    };
    for index in 0..offsets.len() {
        let start = usize::try_from(offsets.integer(index)?).ok()?;
        let length = usize::try_from(counts.integer(index)?).ok()?;
        let data = directory.structure().get(start..start.checked_add(length)?)?;
        let (found_width, found_rows) = jpeg::plain_size(data)?;
        // The last strip may be lower.
        let is_last = index + 1 == offsets.len() && directory.find(TILE_OFFSETS).is_none();
        let is_right = u64::from(found_rows) == rows || is_last && u64::from(found_rows) < rows;
        if u64::from(found_width) != width || !is_right {
            return None;
        }
    }
    Some(())
}
