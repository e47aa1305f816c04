//! PNG's usual form, decoded faster than by the png crate where rows have the filter Paeth, as in photos: 8 bits a channel,
//! without palette, transparent colour, interlacing or animation, in a file without a flaw. The inflater is the png crate's
//! own, so that both accept the same data; what is faster is how filters are undone, several rows at a time.

mod chunks;
mod inflate;
mod rows;
mod wave;

use std::mem;

use ::png::{BitDepth, ColorType, Info};

use inflate::Inflate;

/// Most bytes of a row. Some rows are kept beside the picture, and their memory is not counted.
const MOST_ROW_BYTES: usize = 1 << 16;
/// Bytes that are inflated at once, before their filters are undone: they stay in the second-level cache.
const BATCH: usize = 1 << 17;

/// The pixels of a file of the usual form, whose header `info` describes, in the layout of the file. `None` if anything in
/// the file is unusual or wrong: the png crate decides about it.
pub(super) fn pixels(bytes: &[u8], info: &Info) -> Option<Vec<u8>> {
    let channels = channels(info)?;
    let width = usize::try_from(info.width).ok()?;
    let row_bytes = width.checked_mul(channels)?;
    if row_bytes > MOST_ROW_BYTES {
        return None;
    }
    let data = chunks::image_data(bytes)?;
    let mut pixels = vec![0; row_bytes.checked_mul(usize::try_from(info.height).ok()?)?];
    match channels {
        1 => fill::<1>(&mut pixels, row_bytes, &data)?,
        2 => fill::<2>(&mut pixels, row_bytes, &data)?,
        3 => fill::<3>(&mut pixels, row_bytes, &data)?,
        _ => fill::<4>(&mut pixels, row_bytes, &data)?,
    }
    Some(pixels)
}

/// The channels of the usual form.
fn channels(info: &Info) -> Option<usize> {
    let is_usual = info.bit_depth == BitDepth::Eight
        && info.palette.is_none()
        && info.trns.is_none()
        && !info.interlaced
        && info.animation_control.is_none()
        && info.frame_control.is_none();
    (is_usual && info.color_type != ColorType::Indexed).then(|| info.color_type.samples())
}

/// Inflates and undoes the filters of some rows at a time, `N` channels a pixel.
fn fill<const N: usize>(mut pixels: &mut [u8], row_bytes: usize, data: &[&[u8]]) -> Option<()> {
    // A byte before each row names its filter.
    let stride = row_bytes + 1;
    let most_rows = (BATCH / stride)
        .next_multiple_of(rows::TOGETHER)
        .max(rows::TOGETHER);
    let mut inflate = Inflate::new(data, most_rows * stride);
    let zeros = vec![0; row_bytes];
    let mut above: &[u8] = &zeros;
    while !pixels.is_empty() {
        let count = most_rows.min(pixels.len() / row_bytes);
        let (these, rest) = mem::take(&mut pixels).split_at_mut_checked(count * row_bytes)?;
        rows::unfilter::<N>(above, inflate.next(count * stride)?, these)?;
        above = &these[(count - 1) * row_bytes..];
        pixels = rest;
    }
    inflate.ends_here().then_some(())
}

#[cfg(test)]
mod tests;
