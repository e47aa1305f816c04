//! Truncated and damaged files.

use proptest::prelude::*;

use super::*;

#[test]
fn a_file_that_lacks_pixels_is_an_error_wherever_it_ends() {
    for (name, file) in files() {
        let whole = decode_bytes_with(&file, &DecodeOptions::default()).unwrap();
        assert_eq!(whole.warning, None, "{name}");
        assert_eq!(check_bytes(&file).unwrap(), None, "{name}");
        for end in 0..file.len() {
            match decode_bytes_with(&file[..end], &DecodeOptions::default()) {
                Err(DecodeErrorKind::Panicked { .. }) => panic!("{name}: panic at {end}"),
                Err(_) => {}
                Ok(decoded) => {
                    let warning = decoded.warning;
                    assert!(
                        matches!(warning, Some(DecodeWarning::NoEnd { .. })),
                        "{name}: {end} bytes"
                    );
                    assert_eq!(
                        decoded.image,
                        whole.image,
                        "{name}: {end} of {} bytes",
                        file.len()
                    );
                    assert_eq!(check_bytes(&file[..end]).unwrap(), warning, "{name}: {end} bytes");
                }
            }
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
    fn damaged_bytes_never_panic(which in 0usize..30, changes in prop::collection::vec((0usize..4000, any::<u8>()), 1..6)) {
        let (_, mut file) = files().swap_remove(which);
        for (at, value) in changes {
            let at = at % file.len();
            file[at] = value;
        }
        let (decoded, checked) = (decode_bytes(&file), check_bytes(&file));
        prop_assert!(decoded.is_err() || checked.is_ok());
        for found in [decoded.map(drop), checked.map(drop)] {
            let has_panicked = matches!(found, Err(DecodeErrorKind::Panicked { .. }));
            prop_assert!(!has_panicked);
        }
    }
}
