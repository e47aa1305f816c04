//! TIFF files: forms that are decoded, and forms that are refused by name.

use super::tiff_files::{Entry, tiff_of};
use super::*;

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// An uncompressed picture of one strip; `changes` replace or add tags.
fn picture_of(
    width: u8,
    height: u8,
    samples: u8,
    photometric: u8,
    pixels: &[u8],
    changes: &[Entry],
) -> Vec<u8> {
    let short = |tag, value: u8| Entry(tag, SHORT, 1, vec![value, 0]);
    let mut entries = vec![
        short(256, width),
        short(257, height),
        Entry(
            258,
            SHORT,
            u32::from(samples),
            [8, 0].repeat(usize::from(samples)),
        ),
        short(259, 1),
        short(262, photometric),
        Entry(273, LONG, 1, vec![0; 4]),
        short(277, samples),
        Entry(279, LONG, 1, (pixels.len() as u32).to_le_bytes().to_vec()),
    ];
    for change in changes {
        entries.retain(|entry| entry.0 != change.0);
        entries.push(change.clone());
    }
    entries.sort_by_key(|entry| entry.0);
    // The pixels follow the structure, whose length does not depend on where they are.
    let at = tiff_of(true, &entries).len() as u32;
    for entry in &mut entries {
        if entry.0 == 273 {
            entry.3 = at.to_le_bytes().to_vec();
        }
    }
    [tiff_of(true, &entries), pixels.to_vec()].concat()
}

fn rgb(changes: &[Entry]) -> Vec<u8> {
    let pixels: Vec<u8> = (0..4 * 3 * 3).map(|value| value * 7).collect();
    picture_of(4, 3, 3, 2, &pixels, changes)
}

#[test]
fn pixels_are_read_as_they_are_stored() {
    let found = decode_bytes(&rgb(&[])).unwrap();
    let expected: Vec<u8> = (0..4 * 3 * 3).map(|value| value * 7).collect();
    assert_eq!(found.into_raw(), expected);
}

#[test]
fn colours_multiplied_by_alpha_are_divided_before_alpha_is_dropped() {
    let pixels = [100, 50, 25, 128, 9, 8, 7, 0, 60, 120, 240, 255, 200, 3, 4, 100];
    let extra = |kind| Entry(338, SHORT, 1, vec![kind, 0]);
    let found = decode_bytes(&picture_of(2, 2, 4, 2, &pixels, &[extra(1)])).unwrap();
    // 255 x 100 / 128 and so on, rounded down; more than all of it is all of it, and of nothing remains what is stored.
    assert_eq!(found.into_raw(), [199, 99, 49, 9, 8, 7, 60, 120, 240, 255, 7, 10]);
    let found = decode_bytes(&picture_of(2, 2, 4, 2, &pixels, &[extra(2)])).unwrap();
    assert_eq!(found.into_raw(), [100, 50, 25, 9, 8, 7, 60, 120, 240, 200, 3, 4]);
}

#[test]
fn what_the_decoder_would_read_wrongly_is_refused_by_name() {
    let short = |tag, value: u16| Entry(tag, SHORT, 1, value.to_le_bytes().to_vec());
    let colour_map = Entry(320, SHORT, 768, vec![0; 1536]);
    let palette = [short(262, 3), colour_map];
    let deflated = [short(259, 8), short(317, 2)];
    let cases: [(Vec<u8>, &str); 8] = [
        (rgb(&[short(266, 2)]), "bits in reverse order"),
        (rgb(&[short(317, 2)]), "no compression with a predictor"),
        (
            picture_of(1, 1, 4, 2, &[0; 4], &[&deflated[..], &[short(338, 0)]].concat()),
            "deflate compression with a predictor",
        ),
        (
            picture_of(1, 1, 1, 0, &[0; 2], &[short(258, 16)]),
            "grey where 0 is white, integers of 16 bits",
        ),
        (rgb(&[short(262, 6)]), "YCbCr colours"),
        (rgb(&[short(259, 34925)]), "LZMA compression"),
        (picture_of(4, 1, 1, 3, &[0, 1, 2, 3], &palette), "palette colours"),
        (
            picture_of(1, 1, 1, 1, &[0; 4], &[short(258, 32), short(339, 3)]),
            "grey, floating point of 32 bits",
        ),
    ];
    for (file, form) in cases {
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            let message = error.to_string();
            let is_refused = matches!(error, DecodeErrorKind::Unsupported { .. });
            assert!(is_refused && message.contains(form), "{form}: {message}");
        }
    }
}

/// JPEG data of another size would fill the picture with pixels of other places, and may be a thousand times larger.
#[test]
fn jpeg_data_of_another_size_are_refused() {
    let with_jpeg = |width: u32, height: u32| {
        let mut data = Vec::new();
        let grey = image::GrayImage::from_fn(width, height, |x, y| image::Luma([(20 * x + y) as u8]));
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut data, 100);
        grey.write_with_encoder(encoder).unwrap();
        let jpeg = Entry(259, SHORT, 1, vec![7, 0]);
        picture_of(12, 10, 1, 1, &data, &[jpeg])
    };
    let found = decode_bytes(&with_jpeg(12, 10)).unwrap();
    for (x, y, pixel) in found.enumerate_pixels() {
        assert!(
            pixel.0[0].abs_diff((20 * x + y) as u8) <= 2,
            "{x}, {y}: {pixel:?}"
        );
    }
    for (width, height) in [(13, 10), (11, 10), (12, 11), (24, 5)] {
        let file = with_jpeg(width, height);
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            assert!(
                error.to_string().contains("JPEG compression"),
                "{width} x {height}: {error}"
            );
        }
    }
}

#[test]
fn a_strip_beyond_the_end_is_found_without_decoding() {
    let file = rgb(&[]);
    for end in [file.len() - 1, file.len() - 36] {
        let error = check_bytes(&file[..end]).unwrap_err();
        assert!(matches!(error, DecodeErrorKind::Truncated { .. }), "{error}");
    }
}

#[test]
fn a_cameras_raw_file_is_not_taken_for_its_preview() {
    let reduced = rgb(&[Entry(254, LONG, 1, vec![1, 0, 0, 0])]);
    let dng = rgb(&[Entry(50706, 1, 4, vec![1, 4, 0, 0])]);
    for file in [reduced, dng] {
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            assert!(error.to_string().contains("RAW format"), "{error}");
        }
    }
    // One page of several is a picture.
    assert!(decode_bytes(&rgb(&[Entry(254, LONG, 1, vec![2, 0, 0, 0])])).is_ok());
}
