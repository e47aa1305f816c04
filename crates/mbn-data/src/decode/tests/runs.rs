//! BMP files in runs: what they skip, what they lack, and how they may end.

use super::*;

const PALETTE: [[u8; 3]; 16] = {
    let mut colours = [[0; 3]; 16];
    let mut index = 0;
    while index < 16 {
        colours[index] = [200 - 9 * index as u8, 11 * index as u8, 77 ^ index as u8];
        index += 1;
    }
    colours
};

/// A file of 8 or 4 bits a pixel with these runs.
fn file(width: u32, height: u32, bits: u16, runs: &[u8]) -> Vec<u8> {
    let offset = 14 + 40 + 4 * 16;
    let compression = if bits == 8 { 1 } else { 2 };
    let mut file = b"BM".to_vec();
    let header = [offset + runs.len() as u32, 0, offset, 40, width, height];
    file.extend(header.iter().flat_map(|number| number.to_le_bytes()));
    file.extend([1u16, bits].iter().flat_map(|number| number.to_le_bytes()));
    let rest = [compression, runs.len() as u32, 0, 0, 16, 0];
    file.extend(rest.iter().flat_map(|number: &u32| number.to_le_bytes()));
    file.extend(PALETTE.iter().flat_map(|[r, g, b]| [*b, *g, *r, 0]));
    file.extend(runs);
    file
}

/// Five rows of runs and single pixels, some of them skipped.
pub(super) fn runs_of_both_kinds() -> Vec<u8> {
    let rows = [
        1, 5, 0, 0, 0, 4, 2, 3, 4, 5, 0, 2, 1, 1, 3, 7, 0, 0, 5, 8, 0, 0, 4, 9, 1, 2, 0, 1,
    ];
    file(5, 5, 8, &rows)
}

/// The colours of indexes, whose rows go from the bottom to the top.
fn picture_of(rows: &[&[usize]]) -> RgbImage {
    let (width, height) = (rows[0].len() as u32, rows.len() as u32);
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(PALETTE[rows[(height - 1 - y) as usize][x as usize]])
    })
}

#[test]
fn skipped_pixels_have_the_first_colour() {
    let expected: [&[usize]; 5] = [
        &[1, 2, 3, 4, 5],
        &[7, 7, 0, 0, 0],
        &[0, 0, 0, 0, 0],
        &[0, 0, 6, 9, 6],
        &[8, 8, 8, 8, 8],
    ];
    let eight = [
        &[0, 5, 1, 2, 3, 4, 5, 0, 0, 0][..],
        &[2, 7, 0, 0],
        // An empty row, then two pixels to the right.
        &[0, 0, 0, 2, 2, 0],
        &[1, 6, 1, 9, 1, 6, 0, 0],
        // Longer than the row.
        &[9, 8],
    ];
    let four = [
        &[0, 5, 0x12, 0x34, 0x50, 0, 0, 0][..],
        &[2, 0x77, 0, 2, 0, 2],
        &[3, 0x69, 0, 0],
        &[9, 0x88],
    ];
    for (bits, runs) in [(8, eight.concat()), (4, four.concat())] {
        for end in [&[][..], &[0, 1], &[0, 0, 0, 1], &[1, 2, 3]] {
            let bytes = file(5, 5, bits, &[&runs[..], end].concat());
            assert_eq!(
                decode_bytes(&bytes).unwrap(),
                picture_of(&expected),
                "{bits} {end:?}"
            );
            check_bytes(&bytes).unwrap();
        }
    }
}

#[test]
fn every_missing_pixel_is_an_error() {
    let rows: [&[usize]; 3] = [&[1, 1, 2], &[3, 4, 5], &[6, 6, 6]];
    let runs = [2, 1, 1, 2, 0, 0, 0, 3, 3, 4, 5, 0, 0, 0, 3, 6];
    let whole = file(3, 3, 8, &[&runs[..], &[0, 1]].concat());
    assert_eq!(decode_bytes(&whole).unwrap(), picture_of(&rows));
    for end in 0..runs.len() {
        // Cut off there, with a header that knows it and with one that does not; or ended there in good order.
        let known = file(3, 3, 8, &runs[..end]);
        let unknown = [&whole[..whole.len() - runs.len() - 2], &runs[..end]].concat();
        let mut uncounted = known.clone();
        uncounted[34..38].fill(0);
        let ended = file(3, 3, 8, &[&runs[..end & !1], &[0, 1]].concat());
        let mut files = vec![known, unknown, uncounted];
        // Within the pixels of the second row, the end would be pixels.
        if ![8, 9, 10, 11].contains(&end) {
            files.push(ended);
        }
        for bytes in files {
            for found in [decode_bytes(&bytes).map(drop), check_bytes(&bytes).map(drop)] {
                let error = found.unwrap_err();
                assert!(
                    matches!(error, DecodeErrorKind::Truncated { .. }),
                    "{end}: {error}"
                );
            }
        }
    }
}

#[test]
fn runs_beyond_the_picture_are_damage() {
    for runs in [
        &[0, 5, 1, 2, 3, 4, 5, 0][..],
        &[0, 2, 5, 0, 1, 1],
        &[0, 2, 0, 9, 1, 1],
    ] {
        let error = decode_bytes(&file(4, 3, 8, runs)).unwrap_err();
        assert!(
            matches!(error, DecodeErrorKind::Malformed { .. }),
            "{runs:?}: {error}"
        );
    }
}

#[test]
fn a_small_file_of_many_pixels_is_refused_before_they_take_memory() {
    let error = decode_bytes(&file(60_000, 60_000, 8, &[0, 1])).unwrap_err();
    assert!(error.is_too_large(), "{error}");
}
