//! Compares the fast decoder with the png crate and with a plain loop.

mod file;

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::decode::{DecodeOptions, decode_bytes_with, decode_with_png_crate};
use file::{File, zlib};

/// Gives every chunk the right checksum.
fn mend(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        if end + 4 > bytes.len() {
            break;
        }
        let checksum = crc32fast::hash(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
}

/// What the fast decoder makes of a file, after the png crate read its header.
fn fast(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = ::png::Decoder::new(Cursor::new(bytes)).read_info().ok()?;
    pixels(bytes, reader.info())
}

/// Checks that the file is decoded, or refused, as by the png crate alone.
fn check_against_the_png_crate(bytes: &[u8]) {
    let options = DecodeOptions::default();
    let [found, expected] = [decode_bytes_with, decode_with_png_crate].map(|decode| {
        let decoded = decode(bytes, &options);
        decoded
            .map(|decoded| (decoded.image, decoded.warning))
            .map_err(|error| error.to_string())
    });
    assert!(found == expected, "{found:?}, but the png crate: {expected:?}");
}

/// An RGB file of three `IDAT` chunks with every filter.
fn usual() -> File {
    let noise: Vec<u8> = (0..=255u8).map(|value| value.wrapping_mul(157)).collect();
    let mut file = File::new([9, 12], 2, &[4, 4, 4, 4, 4, 1, 3, 3, 3, 2, 0, 4], &noise);
    file.sizes = vec![50, 0, 70];
    file
}

fn files() -> impl Strategy<Value = File> {
    let filters = prop::collection::vec((0u8..5, 1usize..8), 1..20).prop_map(|runs| {
        let rows = runs.into_iter().flat_map(|(filter, rows)| vec![filter; rows]);
        rows.collect::<Vec<_>>()
    });
    // Small differences lead to ties.
    let noise = (
        prop::collection::vec(any::<u8>(), 1..2000),
        prop::sample::select(vec![0, 3, 255]),
    );
    let noise = noise.prop_map(|(bytes, mask)| {
        let small = bytes.into_iter().map(|byte| (byte & mask).wrapping_sub(mask / 2));
        small.collect::<Vec<_>>()
    });
    let colour = prop::sample::select(vec![0, 2, 4, 6]);
    let sizes = prop::collection::vec(0usize..300, 0..5);
    (1u32..=70, 1u32..=50, colour, filters, noise, sizes).prop_map(
        |(width, height, colour, filters, noise, sizes)| File {
            sizes,
            ..File::new([width, height], colour, &filters, &noise)
        },
    )
}

proptest! {
    #[test]
    fn usual_files_get_the_right_pixels(file in files()) {
        let bytes = file.bytes();
        prop_assert_eq!(fast(&bytes), Some(file.unfiltered()));
        check_against_the_png_crate(&bytes);
    }

    #[test]
    fn damaged_files_get_the_answer_of_the_png_crate(
        file in files(),
        changes in prop::collection::vec((8usize..4000, any::<u8>()), 1..4),
        is_mended in any::<bool>(),
    ) {
        let mut bytes = file.bytes();
        for (at, value) in changes {
            let at = 8 + at % (bytes.len() - 8);
            bytes[at] = value;
        }
        if is_mended {
            mend(&mut bytes);
        }
        check_against_the_png_crate(&bytes);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_gets_the_answer_of_the_png_crate() {
    let whole = usual().bytes();
    for at in 8..whole.len() {
        check_against_the_png_crate(&whole[..at]);
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            check_against_the_png_crate(&bytes);
            mend(&mut bytes);
            check_against_the_png_crate(&bytes);
        }
    }
}

/// Blocks without a byte, as encoders write them to end a part of a stream.
#[test]
fn empty_blocks_are_passed_over() {
    const STORED: [u8; 5] = [0, 0, 0, 0xff, 0xff];
    let file = usual();
    let rows = zlib(&file.rows);
    let length = file.rows.len() as u16;
    let stored = [
        &[1],
        &length.to_le_bytes()[..],
        &(!length).to_le_bytes(),
        &file.rows,
    ]
    .concat();
    let (header, checksum) = (&rows[..2], &rows[rows.len() - 4..]);
    for count in [1, 2, 3, 50] {
        let empty = STORED.repeat(count);
        for deflated in [&stored[..], &rows[2..rows.len() - 4]] {
            let stream = [header, &empty, deflated, checksum].concat();
            for sizes in [vec![], vec![2, 1, 5], vec![1; 60]] {
                let file = File { sizes, ..usual() };
                let bytes = file.with_stream(&stream);
                assert!(fast(&bytes) == Some(file.unfiltered()), "{count}");
                check_against_the_png_crate(&bytes);
            }
        }
    }
}

/// A palette has three bytes for each colour; some files have others.
#[test]
fn palettes_of_any_length_are_decoded_or_refused() {
    for length in (0..=60).chain(760..=772) {
        let file = File {
            before: vec![(b"PLTE", vec![7; length])],
            ..File::new([5, 3], 3, &[0], &[0, 1, 2, 200])
        };
        let found = crate::decode::decode_bytes_with(&file.bytes(), &Default::default());
        let is_whole = length % 3 == 0;
        match found {
            Ok(_) => assert!(is_whole, "{length}"),
            Err(error) => {
                let is_panic = matches!(error, crate::DecodeErrorKind::Panicked { .. });
                assert!(!is_panic, "{length}: {error}");
                assert!(!is_whole || length == 0 || length > 768, "{length}: {error}");
            }
        }
    }
}

/// The png crate ignores them too.
#[test]
fn bytes_after_the_stream_are_ignored() {
    let file = usual();
    for more in [1, 7, 8, 500] {
        let bytes = file.with_stream(&[zlib(&file.rows), vec![1; more]].concat());
        assert!(fast(&bytes) == Some(file.unfiltered()), "{more}");
        check_against_the_png_crate(&bytes);
    }
}

/// Rows are inflated in parts, and repeat bytes of earlier parts.
#[test]
fn large_files_get_the_right_pixels() {
    let noise: Vec<u8> = (0..32_000u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for (colour, size) in [
        (0, [900, 700]),
        (2, [700, 301]),
        (4, [500, 400]),
        (6, [16_384, 9]),
        (0, [1, 70_000]),
    ] {
        let mut file = File::new(size, colour, &[4, 4, 4, 4, 4, 4, 4, 3, 3, 2, 1, 0], &noise);
        file.sizes = vec![8192; 3];
        assert!(
            fast(&file.bytes()) == Some(file.unfiltered()),
            "{colour} {size:?}"
        );
    }
}

#[test]
fn chunks_without_pixels_are_read_over_whatever_they_hold() {
    let names: [&[u8; 4]; 12] = [
        b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"tIME", b"eXIf", b"tEXt", b"zTXt",
        b"iTXt",
    ];
    let expected = usual().unfiltered();
    for name in names {
        for content in [
            vec![],
            vec![0],
            vec![1; 4],
            vec![255; 9],
            vec![7; 32],
            vec![b'a'; 3000],
        ] {
            let extra = vec![(name, content.clone()), (name, content)];
            let before = File {
                before: extra.clone(),
                ..usual()
            }
            .bytes();
            let after = File {
                after: extra,
                ..usual()
            }
            .bytes();
            for bytes in [before, after] {
                assert!(
                    fast(&bytes).as_ref() == Some(&expected),
                    "{}",
                    String::from_utf8_lossy(name)
                );
                check_against_the_png_crate(&bytes);
            }
        }
    }
}

#[test]
fn unusual_files_are_left_to_the_png_crate() {
    let file = usual();
    let with = |change: &dyn Fn(&mut File)| {
        let mut file = usual();
        change(&mut file);
        file.bytes()
    };
    let whole = file.bytes();
    let stream = zlib(&file.rows);
    let frame = |sequence: u32| {
        let fields = [sequence, 9, 12, 0, 0].map(u32::to_be_bytes).concat();
        [&fields[..], &[0, 1, 0, 1, 0, 0]].concat()
    };
    let animation = [1u32, 0].map(u32::to_be_bytes).concat();
    let flipped = |back: usize| {
        let mut bytes = whole.clone();
        let at = bytes.len() - back;
        bytes[at] ^= 1;
        bytes
    };
    let unusual = [
        ("16 bits", {
            let narrow = File::new([18, 12], 0, &[4], &[1, 2, 3]);
            File {
                width: 9,
                depth: 16,
                ..narrow
            }
            .bytes()
        }),
        ("few bits", {
            let wide = File::new([1, 12], 0, &[4], &[1, 2, 3]);
            File {
                width: 8,
                depth: 1,
                ..wide
            }
            .bytes()
        }),
        ("a palette", {
            let indexed = File::new([9, 12], 3, &[0], &[0, 1]);
            File {
                before: vec![(b"PLTE", vec![9; 6])],
                ..indexed
            }
            .bytes()
        }),
        (
            "a suggested palette",
            with(&|file| file.before = vec![(b"PLTE", vec![9; 6])]),
        ),
        (
            "a transparent colour",
            with(&|file| file.before = vec![(b"tRNS", vec![0; 6])]),
        ),
        // A single column has the same rows in one pass of interlacing.
        ("interlacing", {
            let column = File::new([1, 1], 2, &[0], &[5]);
            File {
                interlace: 1,
                ..column
            }
            .bytes()
        }),
        (
            "an animation",
            with(&|file| file.before = vec![(b"acTL", animation.clone()), (b"fcTL", frame(0))]),
        ),
        (
            "an animation after the pixels",
            with(&|file| file.before = vec![(b"acTL", animation.clone())]),
        ),
        (
            "frames after the pixels",
            with(&|file| file.after = vec![(b"fcTL", frame(0))]),
        ),
        (
            "an unknown chunk",
            with(&|file| file.before = vec![(b"unKn", vec![1])]),
        ),
        (
            "an unknown critical chunk",
            with(&|file| file.after = vec![(b"UNKN", vec![1])]),
        ),
        (
            "two headers",
            with(&|file| file.after = vec![(b"IHDR", vec![0; 13])]),
        ),
        (
            "pixels after a gap",
            with(&|file| file.after = vec![(b"tEXt", vec![]), (b"IDAT", vec![])]),
        ),
        (
            "an end with content",
            with(&|file| file.after = vec![(b"IEND", vec![1])]),
        ),
        ("bytes after the end", [&whole[..], &[0]].concat()),
        ("a wrong checksum of the pixels' chunk", flipped(13)),
        ("a wrong checksum of the end", flipped(1)),
        ("a filter that does not exist", with(&|file| file.rows[0] = 5)),
        ("a row too few", with(&|file| file.rows.truncate(11 * 28))),
        ("a row too many", with(&|file| file.rows.extend([0; 28]))),
        ("a byte too many", with(&|file| file.rows.push(0))),
        (
            "no checksum of the stream",
            file.with_stream(&stream[..stream.len() - 4]),
        ),
        ("long rows", File::new([65_537, 1], 0, &[4], &[1, 2, 3]).bytes()),
    ];
    assert!(fast(&whole).is_some());
    for (form, bytes) in unusual {
        assert!(fast(&bytes).is_none(), "{form}");
        check_against_the_png_crate(&bytes);
    }
}
