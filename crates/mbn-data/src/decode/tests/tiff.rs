//! TIFF files: forms that are decoded, and forms that are refused by name.

use super::tiff_files::{Entry, Form, tiff_in};
use super::*;

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// A tag with one value.
#[derive(Clone, Copy)]
struct Tag(u16, u16, u64);

/// A tag with one SHORT value.
fn short(tag: u16, value: u64) -> Tag {
    Tag(tag, SHORT, value)
}

impl Tag {
    fn entry(self, form: Form) -> Entry {
        let content = match self.1 {
            SHORT => form.number::<2>(self.2).to_vec(),
            _ => form.number::<4>(self.2).to_vec(),
        };
        Entry(self.0, self.1, 1, content)
    }
}

/// An uncompressed picture of one strip; `changes` replace or add tags.
fn picture_of(
    form: Form,
    [width, height, samples, photometric]: [u64; 4],
    pixels: &[u8],
    changes: &[Tag],
) -> Vec<u8> {
    const BITS: u16 = 258;
    const STRIP_OFFSETS: u16 = 273;
    const COLOUR_MAP: u16 = 320;
    let mut tags = vec![
        short(256, width),
        short(257, height),
        short(BITS, 8),
        short(259, 1),
        short(262, photometric),
        Tag(STRIP_OFFSETS, LONG, 0),
        short(277, samples),
        Tag(279, LONG, pixels.len() as u64),
    ];
    for change in changes {
        tags.retain(|tag| tag.0 != change.0);
        tags.push(*change);
    }
    tags.sort_by_key(|tag| tag.0);
    let structure = |at| {
        let entries = tags.iter().map(|&tag| match tag.0 {
            STRIP_OFFSETS => Tag(STRIP_OFFSETS, LONG, at).entry(form),
            BITS => Entry(
                BITS,
                SHORT,
                samples as u32,
                form.number::<2>(tag.2).repeat(samples as usize),
            ),
            COLOUR_MAP => Entry(COLOUR_MAP, SHORT, 768, vec![0; 1536]),
            _ => tag.entry(form),
        });
        tiff_in(form, &entries.collect::<Vec<_>>())
    };
    // The pixels follow the structure, whose length does not depend on where they are.
    let at = structure(0).len() as u64;
    [structure(at), pixels.to_vec()].concat()
}

fn rgb(form: Form, changes: &[Tag]) -> Vec<u8> {
    let pixels: Vec<u8> = (0..4 * 3 * 3).map(|value| value * 7).collect();
    picture_of(form, [4, 3, 3, 2], &pixels, changes)
}

#[test]
fn pixels_are_read_as_they_are_stored() {
    let expected: Vec<u8> = (0..4 * 3 * 3).map(|value| value * 7).collect();
    for form in Form::all() {
        let found = decode_bytes(&rgb(form, &[])).unwrap();
        assert_eq!(found.into_raw(), expected, "{form:?}");
    }
}

#[test]
fn colours_multiplied_by_alpha_are_divided_before_alpha_is_dropped() {
    let pixels = [100, 50, 25, 128, 9, 8, 7, 0, 60, 120, 240, 255, 200, 3, 4, 100];
    for form in Form::all() {
        let with_alpha = |kind| picture_of(form, [2, 2, 4, 2], &pixels, &[short(338, kind)]);
        let found = decode_bytes(&with_alpha(1)).unwrap();
        // 255 x 100 / 128 and so on, rounded down; more than all of it is all of it, and of nothing remains what is stored.
        assert_eq!(found.into_raw(), [199, 99, 49, 9, 8, 7, 60, 120, 240, 255, 7, 10]);
        let found = decode_bytes(&with_alpha(2)).unwrap();
        assert_eq!(found.into_raw(), [100, 50, 25, 9, 8, 7, 60, 120, 240, 200, 3, 4]);
    }
}

#[test]
fn what_the_decoder_would_read_wrongly_is_refused_by_name() {
    for form in Form::all() {
        let grey = |photometric, bytes, changes: &[Tag]| {
            picture_of(form, [1, 1, 1, photometric], &vec![0; bytes], changes)
        };
        let palette = [short(262, 3), short(320, 0)];
        let cases: [(Vec<u8>, &str); 8] = [
            (rgb(form, &[short(266, 2)]), "bits in reverse order"),
            (rgb(form, &[short(317, 2)]), "no compression with a predictor"),
            (
                rgb(form, &[short(259, 8), short(317, 3)]),
                "deflate compression with a predictor",
            ),
            (
                grey(0, 2, &[short(258, 16)]),
                "grey where 0 is white, integers of 16 bits",
            ),
            (rgb(form, &[short(262, 6)]), "YCbCr colours"),
            (rgb(form, &[short(259, 34925)]), "LZMA compression"),
            (grey(3, 1, &palette), "palette colours"),
            (
                grey(1, 4, &[short(258, 32), short(339, 3)]),
                "grey, floating point of 32 bits",
            ),
        ];
        for (file, named) in cases {
            for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
                let message = error.to_string();
                let is_refused = matches!(error, DecodeErrorKind::Unsupported { .. });
                assert!(
                    is_refused && message.contains(named),
                    "{form:?}, {named}: {message}"
                );
            }
        }
    }
}

/// JPEG data of another size would fill the picture with pixels of other places, and may be a thousand times larger.
#[test]
fn jpeg_data_of_another_size_are_refused() {
    let with_jpeg = |form, width: u32, height: u32| {
        let mut data = Vec::new();
        let grey = image::GrayImage::from_fn(width, height, |x, y| image::Luma([(20 * x + y) as u8]));
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut data, 100);
        grey.write_with_encoder(encoder).unwrap();
        picture_of(form, [12, 10, 1, 1], &data, &[short(259, 7)])
    };
    for form in Form::all() {
        let found = decode_bytes(&with_jpeg(form, 12, 10)).unwrap();
        for (x, y, pixel) in found.enumerate_pixels() {
            let is_near = pixel.0[0].abs_diff((20 * x + y) as u8) <= 2;
            assert!(is_near, "{form:?}, {x}, {y}: {pixel:?}");
        }
        for (width, height) in [(13, 10), (11, 10), (12, 11), (24, 5)] {
            let file = with_jpeg(form, width, height);
            for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
                let expected = format!("strip 1 has {width} x {height} pixels, expected 12 x 10");
                assert!(error.to_string().ends_with(&expected), "{form:?}: {error}");
            }
        }
    }
}

#[test]
fn a_strip_beyond_the_end_is_found_without_decoding() {
    for form in Form::all() {
        let file = rgb(form, &[]);
        for end in [file.len() - 1, file.len() - 36] {
            let error = check_bytes(&file[..end]).unwrap_err();
            let is_found = matches!(error, DecodeErrorKind::Truncated { .. });
            assert!(is_found, "{form:?}: {error}");
        }
    }
}

#[test]
fn a_cameras_raw_file_is_not_taken_for_its_preview() {
    const MAKE: u16 = 271;
    const MODEL: u16 = 272;
    const REDUCED: Tag = Tag(254, LONG, 1);
    for form in Form::all() {
        for tags in [
            &[REDUCED, short(MAKE, 0)][..],
            &[REDUCED, short(MODEL, 0)],
            &[Tag(50706, LONG, 0x0104)],
        ] {
            let file = rgb(form, tags);
            for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
                assert!(error.to_string().contains("RAW format"), "{form:?}: {error}");
            }
        }
        let file = rgb(form, &[REDUCED]);
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            let message = error.to_string();
            assert!(
                message.contains("first page is a small copy"),
                "{form:?}: {error}"
            );
            assert!(!message.contains("RAW"), "{form:?}: {error}");
        }
        // One page of several is a picture, also if it names a scanner.
        assert!(decode_bytes(&rgb(form, &[Tag(254, LONG, 2)])).is_ok());
        assert!(decode_bytes(&rgb(form, &[short(MAKE, 0)])).is_ok());
    }
}
