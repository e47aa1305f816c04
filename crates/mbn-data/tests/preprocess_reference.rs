//! Compares decoding and resizing with Pillow's results for the same files (`shared/reference/preprocess`).

use mbn_spec::{Preprocess, Resize};
use mbn_testing::{Tensors, reference_dir};

/// Pillow rounds to bytes after the horizontal pass, this after the vertical one: half a level each way.
const LEVELS: u8 = 1;

#[test]
fn pictures_become_what_pillow_makes_of_them() {
    let Some(folder) = reference_dir("pictures_become_what_pillow_makes_of_them", "preprocess") else {
        return;
    };
    let expected = Tensors::read(&folder.join("expected.safetensors"));
    let mut compared = 0;
    for tensor in expected.names() {
        let (name, resize) = match tensor.rsplit_once('.') {
            Some((name, "square")) => (name, Resize::Square),
            Some((name, "crop")) => (name, Resize::Crop),
            _ => panic!("unexpected tensor `{tensor}`"),
        };
        let image = mbn_data::decode_file(&folder.join(format!("{name}.png"))).unwrap();
        let preprocess = Preprocess {
            resize,
            ..Preprocess::default()
        };
        let found = mbn_data::resize(&image, &preprocess).unwrap();
        let (shape, _, bytes) = expected.raw(&tensor);
        assert_eq!(shape, [224, 224, 3]);
        let differences = found.iter().zip(bytes).map(|(a, b)| a.abs_diff(*b));
        let largest = differences.max().unwrap();
        assert!(largest <= LEVELS, "{tensor}: {largest} levels apart");
        compared += 1;
    }
    assert!(compared >= 18, "only {compared} tensors");
}
