//! Compares decoding and resizing with Pillow's results for the same files (`tests/reference/preprocess`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mbn_spec::{Preprocess, Resize};
use mbn_testing::{Tensors, reference_path};

/// Pillow rounds to bytes after the horizontal pass, this crate's bilinear resize after the vertical pass: half a level each.
const BILINEAR_LEVELS: u8 = 1;

/// Ten pictures in both kinds of resizing.
#[test]
fn pictures_equal_pillows_to_one_level() {
    let folder = reference_path("preprocess");
    let expected = Tensors::read(&folder.join("expected.safetensors"));
    let names = expected.names();
    assert_eq!(names.len(), 20);
    for tensor in names {
        let (name, resize) = match tensor.split_once('.') {
            Some((name, "square")) => (name, Resize::Square),
            Some((name, "crop")) => (name, Resize::Crop),
            _ => panic!("unexpected tensor `{tensor}`"),
        };
        let image = mbn_data::decode_file(&folder.join(format!("{name}.png"))).unwrap();
        let (shape, bytes) = expected.bytes(&tensor);
        let preprocess = Preprocess {
            resize,
            ..Preprocess::default().with_size(shape[0])
        };
        let found = mbn_data::resize(&image, &preprocess).unwrap();
        assert_eq!(shape, [preprocess.size, preprocess.size, 3]);
        assert_eq!(found.len(), bytes.len());
        let differences = found.iter().zip(bytes).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        assert!(largest <= BILINEAR_LEVELS, "{tensor}: {largest} levels apart");
    }
}
