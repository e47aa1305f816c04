//! Compares decoding and resizing with Pillow's results for the same files (`tests/reference/preprocess`).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mbn_spec::{Preprocess, Resize};
use mbn_testing::{Tensors, reference_path};

/// Pillow rounds to bytes after the horizontal pass, this crate's bilinear resize after the vertical pass: half a level each.
const BILINEAR_LEVELS: u8 = 1;

/// Compares every tensor of a file, `PICTURE.RESIZE` or `PICTURE.RESIZE.SIZE`.
fn compare(file: &str, tensors: usize, levels: u8, preprocess: impl Fn(usize) -> Preprocess) {
    let folder = reference_path("preprocess");
    let expected = Tensors::read(&folder.join(file));
    let names = expected.names();
    assert_eq!(names.len(), tensors);
    for tensor in names {
        let mut parts = tensor.split('.');
        let name = parts.next().unwrap_or_default();
        let resize = match parts.next() {
            Some("square") => Resize::Square,
            Some("crop") => Resize::Crop,
            _ => panic!("unexpected tensor `{tensor}`"),
        };
        let image = mbn_data::decode_file(&folder.join(format!("{name}.png"))).unwrap();
        let (shape, bytes) = expected.bytes(&tensor);
        let preprocess = Preprocess {
            resize,
            ..preprocess(shape[0])
        };
        let found = mbn_data::resize(&image, &preprocess).unwrap();
        assert_eq!(shape, [preprocess.size, preprocess.size, 3]);
        assert_eq!(found.len(), bytes.len());
        let differences = found.iter().zip(bytes).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        assert!(largest <= levels, "{tensor}: {largest} levels apart");
    }
}

/// Ten pictures in both kinds of resizing, and three of these results again at the network's usual size.
#[test]
fn pictures_equal_pillows_to_one_level() {
    compare("expected.safetensors", 23, BILINEAR_LEVELS, |size| {
        Preprocess::default().with_size(size)
    });
}
