//! Strips and tiles of JPEG data (TIFF Technical Note 2).

use super::geometry::{Chunk, Geometry};
use super::{contradictory, malformed};
use crate::decode::error::DecodeErrorKind;
use crate::decode::jpeg::{MOST_BLOCKS, Part};
use crate::decode::limits::{Limits, MAX_FILE_BYTES};
use crate::decode::picture_format::PictureFormat;
use crate::decode::tiff;
use crate::decode::tiff_fields::{COMPRESSION, Directory, JPEG};
use crate::decode::warning::DecodeWarning;

/// Checks that each strip or tile is a JPEG picture of the right size, in a form that decoders agree about. Decodes no pixels.
/// Does nothing for a file of another compression.
pub(in crate::decode) fn check(bytes: &[u8], limits: Limits) -> Result<(), DecodeErrorKind> {
    if Directory::new(bytes).and_then(|directory| directory.integer(COMPRESSION)) != Some(JPEG) {
        return Ok(());
    }
    let geometry = Geometry::of(bytes).ok_or_else(contradictory)?;
    // Strips or tiles that share their data make a small file take long.
    let (mut all_bytes, mut all_blocks) = (0u64, 0u64);
    for chunk in geometry.chunks() {
        let part = part(&geometry, &chunk, limits)?;
        all_bytes = all_bytes.saturating_add(part.bytes());
        all_blocks = all_blocks.saturating_add(part.blocks());
        for (found, most, of) in [
            (all_bytes, MAX_FILE_BYTES, "bytes of JPEG data"),
            (all_blocks, MOST_BLOCKS, "blocks of pixels"),
        ] {
            if found > most {
                return Err(malformed(&format!(
                    "its strips or tiles share their data, and have more than {most} {of} together"
                )));
            }
        }
    }
    Ok(())
}

/// The levels of a strip or tile, with those that lie outside the picture.
pub(super) fn levels(geometry: &Geometry, chunk: &Chunk, limits: Limits) -> Result<Vec<u8>, DecodeErrorKind> {
    part(geometry, chunk, limits)?
        .levels()
        .map_err(|error| of_part(geometry, chunk, error))
}

/// Bytes that decoding takes for the largest strip or tile: its levels, and the decoder's before them.
pub(in crate::decode) fn working_bytes(bytes: &[u8]) -> u64 {
    let Some(geometry) = Geometry::of(bytes).filter(Geometry::is_jpeg) else {
        return 0;
    };
    [geometry.chunk.0, geometry.chunk.1, geometry.interleaved]
        .into_iter()
        .fold(2, |bytes, count| bytes.saturating_mul(count as u64))
}

/// Says that data which pass the [`check`] lack their end.
pub(in crate::decode) fn warning(bytes: &[u8], limits: Limits) -> Option<DecodeWarning> {
    const MISSING: &str = "end-of-image marker in a strip or tile";
    let geometry = Geometry::of(bytes).filter(Geometry::is_jpeg)?;
    let has_no_end = |chunk| part(&geometry, &chunk, limits).is_ok_and(|part| !part.has_end());
    let is_odd = geometry.chunks().any(has_no_end);
    is_odd.then(|| DecodeWarning::no_end(PictureFormat::Tiff, MISSING))
}

/// Reads the markers of a strip or tile. The decoder would take whatever size and channels they say.
fn part(geometry: &Geometry, chunk: &Chunk, limits: Limits) -> Result<Part, DecodeErrorKind> {
    let (data, count) = geometry.data(chunk)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let part = Part::read(geometry.jpeg_tables, &data[..count.min(data.len())], limits)
        .map_err(|error| of_part(geometry, chunk, error))?;
    let wrong = |what: String| Err(malformed(&format!("{} has {what}", name(geometry, chunk))));
    let (width, rows) = part.size();
    // The last strip may reach beyond the picture or end with it.
    let least_rows = if geometry.is_tiled {
        geometry.chunk.1
    } else {
        chunk.rows
    };
    if width != geometry.chunk.0 || rows < least_rows || rows > geometry.chunk.1 {
        return wrong(format!(
            "{width} x {rows} pixels, expected {} x {least_rows}",
            geometry.chunk.0
        ));
    }
    if part.channels() != geometry.interleaved {
        return wrong(format!(
            "another number of channels ({}) than the file says ({})",
            part.channels(),
            geometry.interleaved
        ));
    }
    Ok(part)
}

fn name(geometry: &Geometry, chunk: &Chunk) -> String {
    let kind = if geometry.is_tiled { "tile" } else { "strip" };
    format!("{kind} {}", chunk.index + 1)
}

/// What is wrong with a strip or tile, as what is wrong with the file.
fn of_part(geometry: &Geometry, chunk: &Chunk, error: DecodeErrorKind) -> DecodeErrorKind {
    let name = name(geometry, chunk);
    match error {
        DecodeErrorKind::Malformed { reason, .. } | DecodeErrorKind::Truncated { missing: reason, .. } => {
            malformed(&format!("{name}: {reason}"))
        }
        DecodeErrorKind::Unsupported { form, .. } => DecodeErrorKind::Unsupported {
            format: PictureFormat::Tiff,
            form: match tiff::describe_form(geometry.file) {
                Some(whole) => format!("{whole} ({name}: {form})"),
                None => format!("{name}: {form}"),
            },
        },
        other => other,
    }
}
