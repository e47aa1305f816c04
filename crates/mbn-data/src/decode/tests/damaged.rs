//! Truncated and damaged files.

use proptest::prelude::*;

use super::*;

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for (name, file) in files() {
        decode_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_bytes(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        for end in 0..file.len() {
            let error = match decode_bytes(&file[..end]) {
                Err(error) => error,
                Ok(_) => panic!("{name}: decoded from {end} of {} bytes", file.len()),
            };
            assert!(
                !matches!(error, DecodeErrorKind::Panicked { .. }),
                "{name}, {end}: {error}"
            );
        }
        let half = &file[..file.len() / 2];
        for error in [decode_bytes(half).unwrap_err(), check_bytes(half).unwrap_err()] {
            assert!(
                matches!(error, DecodeErrorKind::Truncated { .. }),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn bytes_after_the_end_are_ignored() {
    for (name, mut file) in files() {
        let expected = decode_bytes(&file).unwrap();
        file.extend([0, 0xff, 0xd8, 7]);
        assert_eq!(decode_bytes(&file).unwrap(), expected, "{name}");
    }
}

#[test]
fn damaged_scans_are_not_filled_with_grey() {
    let image = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, x as u8, y as u8]));
    let mut file = file_of(PictureFormat::Jpeg, image);
    // No Huffman code has sixteen ones in a row.
    let middle = file.len() / 2;
    for pair in file[middle..middle + 40].as_chunks_mut().0 {
        *pair = [0xff, 0x00];
    }
    let error = decode_bytes(&file).unwrap_err();
    assert!(matches!(error, DecodeErrorKind::Malformed { .. }), "{error}");
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(which in 0usize..15, changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..6)) {
        let (_, mut file) = files().swap_remove(which);
        for (at, value) in changes {
            let at = at % file.len();
            file[at] = value;
        }
        let (decoded, checked) = (decode_bytes(&file), check_bytes(&file));
        prop_assert!(decoded.is_err() || checked.is_ok());
    }
}
