//! Damaged files: an error, or the right pixels with a warning; never a panic, and never a small file that takes long.

use mbn_data::{DecodeErrorKind, DecodeOptions, DecodeWarning, decode_bytes, decode_bytes_with};
use proptest::prelude::*;
use rayon::prelude::*;

use crate::cases::{self, Case};
use crate::files::{Layout, Picture, Process, Scan, Tables, write};

/// Words of decoders and of Rust, which mean nothing to a user.
const FOREIGN: [&str; 8] = [
    "libjpeg", "MCU", "::", "{", "Error", "panicked", "Some(", "unwrap",
];

/// Small files of each coding and sampling.
fn small() -> Vec<Case> {
    cases::of_sizes(&[(15, 17)])
}

#[test]
fn a_file_without_its_end_has_all_pixels_or_is_refused() {
    small().par_iter().step_by(3).for_each(|case| {
        let whole = decode_bytes(&case.bytes).unwrap();
        let mut whole_without_end = 0;
        for end in 0..case.bytes.len() {
            match decode_bytes_with(&case.bytes[..end], &DecodeOptions::default()) {
                Ok(decoded) => {
                    let name = &case.name;
                    assert!(
                        matches!(decoded.warning, Some(DecodeWarning::NoEnd { .. })),
                        "{name}, {end}"
                    );
                    assert_eq!(
                        decoded.image,
                        whole,
                        "{name}: {end} of {} bytes",
                        case.bytes.len()
                    );
                    whole_without_end += 1;
                }
                Err(error) => assert_plain(&case.name, &error),
            }
        }
        // The marker has two bytes.
        assert!(whole_without_end >= 2, "{}: {whole_without_end}", case.name);
    });
}

#[test]
fn zeros_after_the_last_pixel_are_no_pixels() {
    for case in small().iter().step_by(5) {
        if case.bytes[case.bytes.len() - 3] == 0 {
            // Nobody can tell this byte of data from a filling.
            continue;
        }
        let whole = decode_bytes(&case.bytes).unwrap();
        let filled = |end: usize| {
            let mut file = case.bytes[..end].to_vec();
            file.resize(case.bytes.len() + 500, 0);
            decode_bytes_with(&file, &DecodeOptions::default())
        };
        let decoded = filled(case.bytes.len() - 2).unwrap();
        assert!(decoded.warning.is_some(), "{}", case.name);
        assert_eq!(decoded.image, whole, "{}", case.name);
        // Half of the last scan is missing, or its header is damaged by the zeros.
        let scan = case
            .bytes
            .windows(2)
            .rposition(|pair| pair == [0xff, 0xda])
            .unwrap();
        let error = filled((scan + case.bytes.len()) / 2).unwrap_err();
        assert_plain(&case.name, &error);
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    small().par_iter().step_by(7).for_each(|case| {
        for at in 2..case.bytes.len() {
            let mut file = case.bytes.clone();
            file[at] ^= 1 << (at % 8);
            if let Err(error) = decode_bytes(&file) {
                assert_plain(&case.name, &error);
            }
        }
    });
}

proptest! {
    #[test]
    fn damaged_files_end_in_an_error_or_a_picture(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..24, 0u8..4), 1..6),
        reduced in any::<bool>(),
    ) {
        let cases = small();
        let mut file = cases[which.index(cases.len())].bytes.clone();
        for (at, value, length, kind) in changes {
            if file.len() < 4 {
                break;
            }
            let at = at.index(file.len());
            let end = (at + length).min(file.len());
            match kind {
                0 => file[at] = value,
                1 => drop(file.drain(at..end)),
                2 => { let part = file[at..end].to_vec(); file.splice(at..at, part); }
                _ => file.truncate(at.max(2)),
            }
        }
        let options = DecodeOptions {
            at_least: reduced.then_some(1),
            ..DecodeOptions::default()
        };
        if let Err(error) = decode_bytes_with(&file, &options) {
            let is_panic = matches!(error, DecodeErrorKind::Panicked { .. });
            prop_assert!(!is_panic, "{error}");
        }
    }
}

/// Thousands of scans over a large picture, each a few bytes long.
#[test]
fn many_scans_of_a_large_picture_are_refused() {
    const SIDE: [u8; 2] = 8000u16.to_be_bytes();
    let layout = Layout {
        process: Process::Progressive,
        tables: Tables::Flat,
        scans: vec![
            Scan::progressive(&[0], [0, 0], [0, 0]),
            Scan::progressive(&[0], [1, 63], [0, 0]),
        ],
        restart_interval: 0,
        markers: Vec::new(),
    };
    let mut file = write(&Picture::drawn(8, 8, &[(1, 1, 1)], 1), &layout);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc2]).unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[SIDE, SIDE].concat());
    let scan = file.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let last = file[scan..file.len() - 2].to_vec();
    for _ in 2..400 {
        file.splice(scan..scan, last.iter().copied());
    }
    let error = decode_bytes(&file).unwrap_err().to_string();
    assert!(error.contains("its 400 scans go over"), "{error}");
}

/// An error is a sentence for users.
pub fn assert_plain(name: &str, error: &DecodeErrorKind) {
    assert!(!matches!(error, DecodeErrorKind::Panicked { .. }), "{name}");
    let text = error.to_string();
    let found: Vec<_> = FOREIGN.iter().filter(|word| text.contains(**word)).collect();
    assert!(found.is_empty(), "{name}: `{text}` has {found:?}");
}
