//! TIFF files with JPEG data: all of their pixels, or an error that says which strip or tile lacks some.

use super::tiff_chunks::layout::{JPEG, Layout};
use super::tiff_chunks::{COLOURS, TILED, jpeg_data};
use super::tiff_files::{Entry, Form, tiff_in};
use super::*;

/// Most that a level differs in JPEG data of the best quality.
const TOLERANCE: u8 = 2;

/// RGB in three strips.
const STRIPS: Layout = Layout {
    size: (40, 40),
    chunk: (40, 16),
    is_tiled: false,
    extra: &[],
    compression: JPEG,
    ..TILED
};

/// The strips of a smooth picture, whose JPEG data are short: bits that are overwritten do not last for its pixels.
fn smooth_strips() -> Vec<Vec<u8>> {
    let image = picture(40, 40);
    let strip = |levels: &[u8]| {
        let file = jpeg_data::file_of((40, levels.len() / 120), 3, levels);
        jpeg_data::without_tables(&file)
    };
    image.chunks(40 * 16 * 3).map(strip).collect()
}

/// Where the data of the scan begin.
fn start_of_scan(jpeg: &[u8]) -> usize {
    jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14
}

/// What decoding and checking find, which must be the same error.
fn error_of(file: &[u8]) -> DecodeErrorKind {
    let error = check_bytes(file).unwrap_err();
    assert_eq!(decode_bytes(file).unwrap_err().to_string(), error.to_string());
    error
}

#[test]
fn every_strip_and_tile_of_jpeg_data_is_put_in_its_place() {
    let mut count = 0;
    for (index, size) in [(1, 1), (16, 16), (17, 5), (33, 40), (47, 64)]
        .into_iter()
        .enumerate()
    {
        for (chunk, is_tiled) in [
            ((16, 16), true),
            ((32, 16), true),
            ((size.0, 8), false),
            ((size.0, 99), false),
        ] {
            for (photometric, extra) in COLOURS {
                for is_planar in [false, true] {
                    let layout = Layout {
                        form: Form::all()[(index + count) % 4],
                        size,
                        chunk,
                        is_tiled,
                        photometric,
                        extra,
                        is_planar,
                        ..STRIPS
                    };
                    // JPEG data have up to four channels. Division by little alpha makes much of a small difference.
                    if !is_planar && layout.samples() > 4 || extra.first() == Some(&1) {
                        continue;
                    }
                    count += 1;
                    let file = layout.file();
                    assert_eq!(check_bytes(&file).unwrap(), None, "{layout:?}");
                    let found = match decode_bytes(&file) {
                        Ok(found) => found,
                        Err(error) => panic!("{layout:?}: {error}"),
                    };
                    let expected = RgbImage::from_fn(size.0 as u32, size.1 as u32, |x, y| {
                        Rgb(layout.pixel(x as usize, y as usize))
                    });
                    let difference = largest_difference(&found, &expected);
                    // Of CMYK colours two channels make one.
                    let most = if photometric == 5 {
                        2 * TOLERANCE
                    } else {
                        TOLERANCE
                    };
                    assert!(difference <= most, "{difference} in {layout:?}");
                }
            }
        }
    }
    assert!(count > 300);
}

#[test]
fn a_strip_that_lacks_pixels_is_an_error_that_names_it() {
    let whole = smooth_strips();
    assert!(decode_bytes(&STRIPS.file_of(&whole)).is_ok());
    for at in 0..whole.len() {
        let jpeg = &whole[at];
        let (start, end) = (start_of_scan(jpeg), jpeg.len() - 2);
        let middle = (start + end) / 2;
        let zeros = [&jpeg[..middle], &vec![0; end - middle], &[0xff, 0xd9]].concat();
        let early_end = [&jpeg[..middle], &[0xff, 0xd9], &jpeg[middle..]].concat();
        let no_code = [&jpeg[..middle], &[0xff, 0].repeat(20), &[0xff, 0xd9]].concat();
        let no_end = jpeg[..middle].to_vec();
        for (damage, reason) in [
            (zeros, "its data end before its pixels do"),
            (early_end, "its data end before its pixels do"),
            (no_code, "its data are damaged"),
            (no_end, "it ends within the pixels"),
        ] {
            let mut strips = whole.clone();
            strips[at] = damage;
            let error = decode_bytes(&STRIPS.file_of(&strips)).unwrap_err();
            let expected = format!("the TIFF data cannot be decoded: strip {}: {reason}", at + 1);
            assert_eq!(error.to_string(), expected);
        }
    }
}

/// The same form is read where its strips are whole, so it must not be called unknown.
#[test]
fn an_overwritten_strip_is_damage_and_no_rare_form() {
    let whole = smooth_strips();
    for at in 0..whole.len() {
        let length = whole[at].len();
        for (damage, reason) in [
            (vec![0; length], "it is no JPEG data"),
            (vec![0xff; length], "it is no JPEG data"),
            (
                [&[0xff, 0xd8][..], &vec![0; length]].concat(),
                "it ends before its first pixel",
            ),
        ] {
            let mut strips = whole.clone();
            strips[at] = damage;
            let error = error_of(&STRIPS.file_of(&strips));
            let expected = format!("the TIFF data cannot be decoded: strip {}: {reason}", at + 1);
            assert_eq!(error.to_string(), expected);
        }
        let mut strips = whole.clone();
        strips[at].clear();
        assert!(
            error_of(&STRIPS.file_of(&strips))
                .to_string()
                .contains("has no data")
        );
    }
}

#[test]
fn strips_without_the_end_of_their_jpeg_data_are_decoded_with_a_warning() {
    let whole = smooth_strips();
    let expected = decode_bytes(&STRIPS.file_of(&whole)).unwrap();
    for at in 0..whole.len() {
        let mut strips = whole.clone();
        let length = strips[at].len() - 2;
        strips[at].truncate(length);
        let file = STRIPS.file_of(&strips);
        let found = decode_bytes_with(&file, &DecodeOptions::default()).unwrap();
        assert_eq!(found.image, expected);
        let warning = found.warning.unwrap();
        assert_eq!(check_bytes(&file).unwrap(), Some(warning));
        assert!(
            warning.to_string().contains("no end-of-image marker"),
            "{warning}"
        );
    }
}

/// JFIF's and Adobe's segments would say that the channels are YCbCr; the TIFF file says that they are RGB.
#[test]
fn only_the_tiff_file_says_what_the_channels_are() {
    let jfif = [&[0xff, 0xe0, 0, 16], &b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"[..]].concat();
    let adobe = [&[0xff, 0xee, 0, 14], &b"Adobe\0\x64\0\0\0\0\x01"[..]].concat();
    let whole = smooth_strips();
    let expected = decode_bytes(&STRIPS.file_of(&whole)).unwrap();
    assert!(largest_difference(&expected, &picture(40, 40)) <= TOLERANCE);
    for segment in [jfif, adobe] {
        let strips: Vec<Vec<u8>> = whole
            .iter()
            .map(|jpeg| [&jpeg[..2], &segment, &jpeg[2..]].concat())
            .collect();
        assert_eq!(decode_bytes(&STRIPS.file_of(&strips)).unwrap(), expected);
    }
}

/// The levels of a strip, and as much for the decoder.
#[test]
fn memory_for_a_strip_is_counted() {
    let file = STRIPS.file_of(&smooth_strips());
    assert_eq!(crate::decode::tiff_chunks::jpeg_bytes(&file), 2 * 40 * 16 * 3);
    assert_eq!(crate::decode::tiff_chunks::jpeg_bytes(&TILED.file()), 0);
}

#[test]
fn strips_of_other_channels_are_damage() {
    let mut strips = smooth_strips();
    let grey = jpeg_data::file_of((40, 16), 1, &[7; 640]);
    strips[1] = jpeg_data::without_tables(&grey);
    let error = error_of(&STRIPS.file_of(&strips)).to_string();
    let expected = "strip 2 has another number of channels (1) than the file says (3)";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn forms_of_jpeg_data_that_readers_disagree_about_are_refused_by_name() {
    let with = |change: fn(&mut mozjpeg::Compress)| {
        let levels = picture(40, 16);
        let mut strips = smooth_strips();
        strips[0] = jpeg_data::file_with((40, 16), 3, levels.as_raw(), change);
        STRIPS.file_of(&strips)
    };
    for (file, form) in [
        (
            with(|compress| compress.set_chroma_sampling_pixel_sizes((2, 1), (2, 1))),
            "its channels are subsampled",
        ),
        (with(mozjpeg::Compress::set_progressive_mode), "it is progressive"),
    ] {
        let error = error_of(&file);
        assert!(matches!(error, DecodeErrorKind::Unsupported { .. }), "{error}");
        let expected = format!("JPEG compression (strip 1: {form}); convert it first");
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
}

#[test]
fn damaged_common_tables_are_named() {
    let file = STRIPS.file();
    let at = file
        .windows(4)
        .position(|bytes| bytes == [0xff, 0xd8, 0xff, 0xdb])
        .unwrap();
    let mut file = file;
    file[at] = 0;
    let error = error_of(&file).to_string();
    assert!(
        error.ends_with("strip 1: the common JPEG tables are damaged"),
        "{error}"
    );
}

/// A column of pixels in wide tiles that are all the same few bytes.
#[test]
fn tiles_that_share_their_data_cannot_take_for_ever() {
    const TILE: (usize, usize) = (16_384, 64);
    const COUNT: u32 = 15_625;
    let form = STRIPS.form;
    let jpeg = jpeg_data::file_of(TILE, 1, &[9; TILE.0 * TILE.1]);
    let shorts = |tag, value| Entry(tag, 3, 1, form.number::<2>(value).to_vec());
    let longs = |tag, count: u32, value| Entry(tag, 4, count, form.number::<4>(value).repeat(count as usize));
    let structure = |at: u64| {
        tiff_in(
            form,
            &[
                longs(256, 1, 1),
                longs(257, 1, u64::from(COUNT) * TILE.1 as u64),
                shorts(258, 8),
                shorts(259, JPEG),
                shorts(262, 1),
                shorts(277, 1),
                longs(322, 1, TILE.0 as u64),
                longs(323, 1, TILE.1 as u64),
                longs(324, COUNT, at),
                longs(325, COUNT, jpeg.len() as u64),
            ],
        )
    };
    let start = structure(0).len() as u64;
    let file = [structure(start), jpeg.clone()].concat();
    let error = error_of(&file).to_string();
    assert!(error.contains("share their data"), "{error}");
}
