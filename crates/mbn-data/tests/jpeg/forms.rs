//! Legal forms that few programs write: decoded, or refused by name.

use mbn_data::{DecodeErrorKind, check_bytes, decode_bytes};

use crate::damage::assert_plain;
use crate::files::{Layout, Marker, Picture, Process, Scan, Tables, write};

fn layout() -> Layout {
    Layout {
        process: Process::Sequential { extended: false },
        tables: Tables::Standard,
        scans: vec![Scan::sequential(&[0, 1, 2])],
        restart_interval: 0,
        markers: vec![Marker::Jfif],
    }
}

fn file(factors: [(usize, usize); 3]) -> Vec<u8> {
    let sampling: Vec<_> = (1..).zip(factors).map(|(id, (h, v))| (id, h, v)).collect();
    write(&Picture::drawn(33, 25, &sampling, 5), &layout())
}

#[test]
fn what_is_not_supported_is_named() {
    let usual = file([(2, 2), (1, 1), (1, 1)]);
    let frame = usual.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let changed = |at: usize, value: u8| {
        let mut file = usual.clone();
        file[frame + at] = value;
        file
    };
    let with_segment = |marker: u8| [&usual[..2], &[0xff, marker, 0, 4, 0, 0], &usual[2..]].concat();
    for (file, form) in [
        (changed(1, 0xc3), "it is coded without loss"),
        (changed(1, 0xcb), "it is coded without loss"),
        (changed(1, 0xc5), "it is hierarchical"),
        (with_segment(0xde), "it is hierarchical"),
        (with_segment(0xf7), "it is coded as JPEG-LS"),
        (with_segment(0xdc), "its height follows its pixels"),
        (changed(4, 12), "it has 12 bits a sample"),
        (changed(9, 2), "it has 2 components"),
        (file([(3, 1), (2, 1), (1, 1)]), "sampled 3x1, 2x1, 1x1"),
    ] {
        let error = decode_bytes(&file).unwrap_err();
        assert!(
            matches!(error, DecodeErrorKind::Unsupported { .. }),
            "{form}: {error}"
        );
        assert!(error.to_string().contains(form), "{form}: {error}");
        assert_plain(form, &error);
    }
}

/// `arithmetic.jpg` is `picture(40, 24)` of `decode/tests.rs`, written by `cjpeg -arithmetic -quality 95 -sample 1x1`.
#[test]
fn arithmetic_coding_is_decoded() {
    let found = decode_bytes(include_bytes!("arithmetic.jpg")).unwrap();
    assert_eq!(found.dimensions(), (40, 24));
    for (x, y, pixel) in found.enumerate_pixels() {
        let expected = [(x * 255 / 40) as u8, (y * 255 / 24) as u8, 90];
        let close = pixel.0.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 6);
        assert!(close, "{x}, {y}: {pixel:?}");
    }
}

/// A decoder takes missing data for zeros, so a cut file has pixels that nobody wrote.
#[test]
fn arithmetic_coding_without_an_end_is_refused() {
    let whole = include_bytes!("arithmetic.jpg");
    assert!(whole.ends_with(&[0xff, 0xd9]));
    for end in 3..whole.len() {
        let error = decode_bytes(&whole[..end]).unwrap_err();
        assert!(
            matches!(error, DecodeErrorKind::Truncated { .. }),
            "{end}: {error}"
        );
        assert!(check_bytes(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn stray_bytes_between_segments_are_skipped() {
    let usual = file([(2, 2), (1, 1), (1, 1)]);
    let expected = decode_bytes(&usual).unwrap();
    let table = usual.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
    let stray = [&usual[..table], &[0, 7, 7], &usual[table..]].concat();
    assert_eq!(decode_bytes(&stray).unwrap(), expected);
}
