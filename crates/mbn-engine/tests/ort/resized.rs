//! Graphs that resize whole pictures. Pictures whose shorter side has the wanted length already are only cropped, so a crop that
//! is off by one pixel shows.

use mbn_engine::EngineError;
use mbn_engine::engine::{Engine, OrtEngine};
use mbn_engine::images::{Picture, PixelType, Pixels};
use mbn_onnx::{ANTIALIASED_RESIZE, ExportOptions, InputKind, InputSize, export};
use mbn_spec::{Centre, Interpolation, Metadata, Preprocess, Resize};

use crate::common::{SAME_NETWORK, SIZE, assert_same, noise, runtime, weights};

const SHORTER: usize = SIZE + 3;

fn picture(height: usize, width: usize) -> Picture {
    Picture {
        height,
        width,
        bytes: (0..3 * height * width).map(noise).collect(),
    }
}

/// The pixels of `SIZE` x `SIZE` that begin at a row and a column.
fn part(picture: &Picture, top: usize, left: usize) -> Vec<u8> {
    let row = |y: usize| {
        let start = 3 * (y * picture.width + left);
        &picture.bytes[start..start + 3 * SIZE]
    };
    (top..top + SIZE).flat_map(row).copied().collect()
}

#[test]
fn the_crop_is_where_the_preprocessing_says() {
    let Some(runtime) = runtime() else { return };
    let engine = |preprocess: Preprocess, size| {
        let metadata = Metadata {
            preprocess: Some(preprocess),
            ..weights().metadata().clone()
        };
        let options = ExportOptions {
            opset: ANTIALIASED_RESIZE,
            input: InputKind::Uint8,
            size,
            ..ExportOptions::default()
        };
        let bytes = export(&weights().with_metadata(metadata).unwrap(), &options)
            .unwrap()
            .to_bytes();
        OrtEngine::from_bytes(&runtime, &bytes, 1).unwrap()
    };
    for centre in [Centre::Even, Centre::Down] {
        let preprocess = Preprocess {
            size: SIZE,
            resize: Resize::Crop,
            shorter: Some(SHORTER),
            interpolation: Interpolation::Bicubic,
            centre,
            ..Preprocess::default()
        };
        let mut inside = engine(preprocess, InputSize::Resized);
        assert_eq!(inside.pixel_type(), PixelType::Pictures);
        let mut outside = engine(preprocess, InputSize::Fixed);
        for longer in SHORTER..SHORTER + 9 {
            let offset = |length: usize| {
                let half = (length - SIZE) as f64 / 2.0;
                match centre {
                    Centre::Even => half.round_ties_even() as usize,
                    Centre::Down => half as usize,
                }
            };
            for (height, width) in [(SHORTER, longer), (longer, SHORTER)] {
                let picture = picture(height, width);
                let cropped = part(&picture, offset(height), offset(width));
                let pictures = [picture];
                for n in [2, 3] {
                    let error = inside.logits(Pixels::Pictures(&pictures), n).unwrap_err();
                    assert!(matches!(error, EngineError::Images { .. }), "{error}");
                }
                let found = inside.logits(Pixels::Pictures(&pictures), 1).unwrap();
                let expected = outside.logits(Pixels::Uint8(&cropped), 1).unwrap();
                assert_same(&found, &expected, SAME_NETWORK);
            }
        }
    }
}
