//! Resizing takes little memory whatever the shape of the picture. It is one test, because the peak is the whole process's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use image::{Rgb, RgbImage};
use mbn_data::{resize, resize_exactly};
use mbn_spec::{Interpolation, Preprocess, Resize};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most bytes that a resize may take beside the picture: weights for a million pixels, four for each at the bicubic filter,
/// and the picture between the two passes.
const MOST_BYTES: usize = 40 << 20;
/// The most that may stay when it is done.
const MOST_KEPT: usize = 17 << 20;

const COLOUR: Rgb<u8> = Rgb([10, 100, 200]);

#[test]
fn long_pictures_are_resized_in_little_memory() {
    for (width, height) in [
        (1_000_000, 1),
        (1_000_000, 20),
        (20, 1_000_000),
        (1, 1_000_000),
        (100_000, 250),
        (250, 100_000),
        (4000, 3000),
    ] {
        let image = RgbImage::from_pixel(width, height, COLOUR);
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            for resize_as in [Resize::Square, Resize::Crop] {
                let preprocess = Preprocess {
                    resize: resize_as,
                    interpolation,
                    ..Preprocess::default()
                };
                for resize in [resize, resize_exactly] {
                    let before = MEMORY.current_usage();
                    MEMORY.reset_peak_usage();
                    let resized = resize(&image, &preprocess).unwrap();
                    let shape = format!("{width} x {height}, {preprocess:?}");
                    assert!(resized.pixels().all(|pixel| *pixel == COLOUR), "{shape}");
                    drop(resized);
                    let taken = MEMORY.peak_usage() - before;
                    assert!(taken <= MOST_BYTES, "{shape}: {} MiB", taken >> 20);
                    let kept = MEMORY.current_usage().saturating_sub(before);
                    assert!(kept <= MOST_KEPT, "{shape}: {} MiB stay", kept >> 20);
                }
            }
        }
    }
}
