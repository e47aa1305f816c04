//! Picture files of every format, from bytes to the network's input.

use mbn_data::{
    DecodeErrorKind, DecodeOptions, Decoded, PictureFormat, check_bytes, decode_bytes_with, normalize_into,
    resize,
};
use mbn_spec::{Preprocess, Resize};

use crate::png::png;

/// Height and width of the network's input. Small, so that small pictures are decoded at a fraction of their size too.
const SIDE: usize = 8;

/// Checks, decodes in full and at a fraction of the size, resizes and normalises. Decodes a PNG file with both decoders.
///
/// # Panics
/// If a decoder panics, a picture that is decoded fails the check of its header, only one way of decoding succeeds, or the
/// decoders of PNG give other pixels.
pub fn pictures(file: &[u8]) {
    // A fuzzer takes every panic that reaches its hook for a finding.
    mbn_data::hide_caught_panics();
    if PictureFormat::recognise(file) == Some(PictureFormat::Png) {
        png(file);
    }
    let checked = check_bytes(file);
    let full = decoded(file, &DecodeOptions::default());
    if let Err(error) = &checked {
        assert!(full.is_err(), "decoded what the check refuses: {error}");
    }
    if let Ok(decoded) = &full {
        to_input(decoded, Resize::Square);
        to_input(decoded, Resize::Crop);
    }
    if PictureFormat::recognise(file) == Some(PictureFormat::Jpeg) {
        let options = DecodeOptions::reduced_for(&preprocess(Resize::Square));
        let reduced = decoded(file, &options);
        // A picture that is too large in full may be small enough at a fraction of its size.
        if let Ok(full) = &full {
            let reduced = reduced.expect("decoded in full, but not at a fraction");
            let is_fraction = |full: u32, reduced: u32| [1, 2, 4, 8].contains(&(full / reduced));
            assert!(is_fraction(full.image.width(), reduced.image.width()));
            assert!(is_fraction(full.image.height(), reduced.image.height()));
            to_input(&reduced, Resize::Square);
        }
    }
}

fn decoded(file: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeErrorKind> {
    let decoded = decode_bytes_with(file, options);
    match &decoded {
        Ok(decoded) => {
            let (width, height) = decoded.image.dimensions();
            assert!(width > 0 && height > 0, "a picture without pixels");
        }
        Err(error) => {
            let is_panic = matches!(error, DecodeErrorKind::Panicked { .. });
            assert!(!is_panic && !error.to_string().is_empty(), "{error}");
        }
    }
    decoded
}

fn preprocess(resize: Resize) -> Preprocess {
    Preprocess {
        size: SIDE,
        resize,
        ..Preprocess::default()
    }
}

/// The network's input. A picture may be too narrow to be resized, which is an error.
fn to_input(decoded: &Decoded, kind: Resize) {
    let preprocess = preprocess(kind);
    if let Ok(image) = resize(&decoded.image, &preprocess) {
        let mut input = vec![f32::NAN; 3 * SIDE * SIDE];
        normalize_into(&image, &preprocess, &mut input);
        assert!(input.iter().all(|value| value.is_finite()));
    }
}
