//! Undoes the filters of rows (PNG specification, third edition, 9.2).

use std::array;
use std::mem;

use super::wave::{Filter, Lanes, undo};

/// The filters whose rows are undone together if they follow each other.
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;
/// Most rows that are undone together.
pub(super) const TOGETHER: usize = 4;

/// Undoes the filters of rows of `N` bytes a pixel, each of which begins with the number of its filter. `above` is the row
/// before the first. `None` if a filter does not exist.
pub(super) fn unfilter<'a, const N: usize>(
    mut above: &'a [u8],
    mut filtered: &[u8],
    mut pixels: &'a mut [u8],
) -> Option<()> {
    let row = above.len();
    while let Some(&filter) = filtered.first() {
        let rows = filtered.iter().step_by(row + 1).take(TOGETHER);
        let alike = rows.take_while(|&&other| other == filter).count();
        let count = match filter {
            // 4, 2 or 1.
            AVERAGE | PAETH => 1 << alike.ilog2(),
            _ => 1,
        };
        let (these, filtered_after) = filtered.split_at_checked(count * (row + 1))?;
        let (undone, pixels_after) = mem::take(&mut pixels).split_at_mut_checked(count * row)?;
        match (filter, count) {
            (0, _) => undone.copy_from_slice(&these[1..]),
            (1, _) => undo_left::<N>(&these[1..], undone),
            (2, _) => undo_up(above, &these[1..], undone),
            (AVERAGE, 1) => undo_together::<Average, N, 1>(above, these, undone),
            (AVERAGE, 2) => undo_together::<Average, N, 2>(above, these, undone),
            (AVERAGE, _) => undo_together::<Average, N, 4>(above, these, undone),
            (PAETH, 1) => undo_together::<Paeth, N, 1>(above, these, undone),
            (PAETH, 2) => undo_together::<Paeth, N, 2>(above, these, undone),
            (PAETH, _) => undo_together::<Paeth, N, 4>(above, these, undone),
            _ => return None,
        }
        above = &undone[(count - 1) * row..];
        (filtered, pixels) = (filtered_after, pixels_after);
    }
    Some(())
}

fn undo_left<const N: usize>(filtered: &[u8], pixels: &mut [u8]) {
    let mut left = [0u8; N];
    let pixels = pixels.as_chunks_mut::<N>().0.iter_mut();
    for (pixel, filtered) in pixels.zip(filtered.as_chunks::<N>().0) {
        for (left, filtered) in left.iter_mut().zip(filtered) {
            *left = left.wrapping_add(*filtered);
        }
        *pixel = left;
    }
}

fn undo_up(above: &[u8], filtered: &[u8], pixels: &mut [u8]) {
    for ((pixel, filtered), above) in pixels.iter_mut().zip(filtered).zip(above) {
        *pixel = filtered.wrapping_add(*above);
    }
}

fn undo_together<F: Filter, const N: usize, const R: usize>(
    above: &[u8],
    filtered: &[u8],
    pixels: &mut [u8],
) {
    let stride = above.len() + 1;
    let mut rows = pixels.chunks_exact_mut(above.len());
    undo::<F, N, R>(
        above,
        array::from_fn(|row| &filtered[row * stride + 1..(row + 1) * stride]),
        array::from_fn(|_| rows.next().unwrap_or_default()),
    );
}

/// Adds half the sum of the pixels to the left and above.
struct Average;

impl Filter for Average {
    #[inline(always)]
    fn undo(filtered: Lanes, left: Lanes, above: Lanes, _: Lanes) -> Lanes {
        let word = |lanes: &Lanes, at: usize| u32::from_le_bytes(lanes.as_chunks().0[at]);
        let mut means = [0; 16];
        for (at, mean) in means.as_chunks_mut().0.iter_mut().enumerate() {
            let (left, above) = (word(&left, at), word(&above, at));
            // Four bytes at once: no sum overflows, and the lowest bit of a byte is not shifted into the next.
            let half = ((left ^ above) >> 1) & 0x7f7f_7f7f;
            *mean = ((left & above) + half).to_le_bytes();
        }
        let mut pixels = [0; 16];
        for (lane, pixel) in pixels.iter_mut().enumerate() {
            *pixel = filtered[lane].wrapping_add(means[lane]);
        }
        pixels
    }
}

/// Adds whichever of the pixels to the left, above and at the corner between them is nearest to `left + above - corner`; of
/// some as near, the first.
///
/// Let the higher of the first two be `up` above the corner and the lower one `down` below it, each zero if it is on the other
/// side. Then that is the higher one if `up` is at least twice `down`, the lower one if the reverse holds, else the corner.
/// So bytes suffice, and no value depends on a branch.
struct Paeth;

impl Filter for Paeth {
    #[inline(always)]
    fn undo(filtered: Lanes, left: Lanes, above: Lanes, corner: Lanes) -> Lanes {
        let mut pixels = [0; 16];
        for (lane, pixel) in pixels.iter_mut().enumerate() {
            let (left, above, corner) = (left[lane], above[lane], corner[lane]);
            let up = left.max(above).saturating_sub(corner);
            let down = corner.saturating_sub(left.min(above));
            let is_higher = up >= down.saturating_add(down);
            let is_lower = down >= up.saturating_add(up);
            *pixel = filtered[lane]
                .wrapping_add(corner)
                .wrapping_add(if is_higher { up } else { 0 })
                .wrapping_sub(if is_lower { down } else { 0 });
        }
        pixels
    }
}
