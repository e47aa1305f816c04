//! JPEG files through both decoders.

use mbn_data::{DecodeOptions, decode_bytes_with, decode_with_libjpeg};
use mbn_spec::Preprocess;

/// Most pixels of a picture that is decoded again: a larger one finds nothing more, and takes long.
const MOST_PIXELS: u32 = 1 << 20;
/// Height and width of the network's input.
const SIDE: usize = 8;

/// Decodes in full and at a fraction of the size, with the usual decoders and with libjpeg alone. Damaged data that both
/// accept may stand for samples far out of range, which each cuts off in its own way, so the pixels are not compared.
///
/// # Panics
/// If only libjpeg finds the file damaged, or the sizes differ.
pub fn jpeg(file: &[u8]) {
    // A fuzzer takes every panic that reaches its hook for a finding.
    mbn_data::hide_caught_panics();
    let preprocess = Preprocess {
        size: SIDE,
        ..Preprocess::default()
    };
    for options in [DecodeOptions::default(), DecodeOptions::reduced_for(&preprocess)] {
        // A file that is refused has been to libjpeg.
        let Ok(decoded) = decode_bytes_with(file, &options) else {
            continue;
        };
        let image = decoded.image;
        if image.width().saturating_mul(image.height()) > MOST_PIXELS {
            continue;
        }
        match decode_with_libjpeg(file, &options) {
            Ok(expected) => assert_eq!(image.dimensions(), expected.image.dimensions()),
            Err(error) => panic!("decoded, but libjpeg finds: {error}"),
        }
    }
}
