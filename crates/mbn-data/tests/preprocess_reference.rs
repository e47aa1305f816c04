//! Compares decoding and resizing with Pillow's results for the same files (`tests/reference/preprocess`).

use mbn_spec::{Preprocess, Resize};
use mbn_testing::{Tensors, reference_path};

/// Pillow rounds to bytes after the horizontal pass, this crate after the vertical pass: half a level each.
const LEVELS: u8 = 1;
/// Ten pictures in both kinds of resizing, and three of these results again at the network's usual size.
const TENSORS: usize = 23;

#[test]
fn pictures_equal_pillows_to_one_level() {
    let folder = reference_path("preprocess");
    let expected = Tensors::read(&folder.join("expected.safetensors"));
    let names = expected.names();
    assert_eq!(names.len(), TENSORS);
    for tensor in names {
        // PICTURE.RESIZE or PICTURE.RESIZE.SIZE
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
            size: shape[0],
            ..Preprocess::default()
        };
        let found = mbn_data::resize(&image, &preprocess).unwrap();
        assert_eq!(shape, [preprocess.size, preprocess.size, 3]);
        assert_eq!(found.len(), bytes.len());
        let differences = found.iter().zip(bytes).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        assert!(largest <= LEVELS, "{tensor}: {largest} levels apart");
    }
}
