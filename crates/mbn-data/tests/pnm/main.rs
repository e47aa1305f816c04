//! PNM files, made anew: their pixels by the definition and by Pillow, whole, cut and with a changed byte.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod pictures;

use std::fs;

use mbn_data::{
    DecodeErrorKind, DecodeOptions, PictureFormat, check_bytes, check_bytes_with, decode_bytes,
    decode_bytes_with,
};
use mbn_testing::Python;
use peak_alloc::PeakAlloc;
use pictures::Picture;
use rand::SeedableRng;
use rand_pcg::Pcg64;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Width, height and RGB bytes.
type Pixels = (u32, u32, Vec<u8>);

/// What Pillow makes of each file, if it takes it.
fn by_pillow(python: &Python, files: &[Vec<u8>]) -> Vec<Option<Pixels>> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("files"), folder.path().join("pixels"));
    let framed = files
        .iter()
        .flat_map(|file| [&(file.len() as u32).to_le_bytes(), &file[..]].concat());
    fs::write(&input, framed.collect::<Vec<u8>>()).unwrap();
    python.run("pnm_pixels.py", [&input, &output]);
    let written = fs::read(&output).unwrap();
    let mut rest = &written[..];
    let found: Vec<_> = files
        .iter()
        .map(|_| {
            let mut side = || {
                let (side, after) = rest.split_first_chunk().unwrap();
                rest = after;
                u32::from_le_bytes(*side)
            };
            let (width, height) = (side(), side());
            let (pixels, after) = rest.split_at(3 * (width * height) as usize);
            rest = after;
            (width > 0).then(|| (width, height, pixels.to_vec()))
        })
        .collect();
    assert!(rest.is_empty());
    found
}

fn decoded(file: &[u8]) -> Result<Pixels, DecodeErrorKind> {
    let found = decode_bytes(file);
    let checked = check_bytes(file);
    assert_eq!(found.is_ok(), checked.is_ok(), "{}", file.escape_ascii());
    found.map(|image| (image.width(), image.height(), image.into_raw()))
}

#[test]
fn pixels_are_those_of_the_definition_and_of_pillow() {
    let mut random = Pcg64::seed_from_u64(1);
    let mut pictures: Vec<_> = (0..1500).map(|_| Picture::random(&mut random)).collect();
    for kind in [2, 3, 5, 6] {
        pictures.extend((1..256).map(|most| Picture::of_all_levels(kind, most)));
        // At 903 and 36,371 float32 would be a level off.
        let deep = [256, 903, 1000, 1023, 4095, 36_371, 65_534, 65_535];
        pictures.extend(deep.map(|most| Picture::of_all_levels(kind, most)));
    }
    let files: Vec<_> = pictures.iter().map(|picture| picture.file(&mut random)).collect();
    let found: Vec<_> = files.iter().map(|file| decoded(file).unwrap()).collect();
    for (picture, (width, height, pixels)) in pictures.iter().zip(&found) {
        let size = (*width as usize, *height as usize);
        assert_eq!(size, (picture.width, picture.height));
        assert!(picture.is(pixels), "{picture:?}: {pixels:?}");
    }
    if let Some(python) = Python::find(&["PIL"]) {
        for ((picture, found), pillow) in pictures.iter().zip(&found).zip(by_pillow(&python, &files)) {
            assert!(
                pillow.as_ref() == Some(found),
                "{picture:?}: {found:?}, {pillow:?}"
            );
        }
    }
}

/// Small pictures of every kind, and their files.
fn small() -> impl Iterator<Item = (Picture, Vec<u8>)> {
    let mut random = Pcg64::seed_from_u64(2);
    let mut made = [0; 7];
    std::iter::repeat_with(move || {
        let picture = Picture::random(&mut random);
        let file = picture.file(&mut random);
        (picture, file)
    })
    .filter(move |(picture, file)| {
        let kind = usize::from(picture.kind);
        let is_wanted = file.len() < 80 && made[kind] < 6;
        made[kind] += usize::from(is_wanted);
        is_wanted
    })
    .take(36)
}

#[test]
fn a_file_cut_anywhere_has_all_its_pixels_or_is_refused() {
    let mut warnings = 0;
    for (picture, file) in small() {
        let whole = decoded(&file).unwrap();
        for end in 0..file.len() {
            let cut = &file[..end];
            let Ok(pixels) = decoded(cut) else { continue };
            let text = cut.escape_ascii();
            assert!(picture.kind < 4, "{text}");
            let warning = decode_bytes_with(cut, &DecodeOptions::default()).unwrap().warning;
            // The first 0 of a number that is filled up is taken for all of it.
            let is_filled_up = cut.ends_with(b"0") && file[end].is_ascii_digit();
            assert!(pixels == whole || is_filled_up && warning.is_some(), "{text}");
            warnings += usize::from(warning.is_some());
        }
        let half = decoded(&file[..file.len() / 2]).unwrap_err();
        assert!(!matches!(half, DecodeErrorKind::Panicked { .. }), "{half}");
    }
    assert!(warnings > 3, "{warnings}");
}

/// What is refused though Pillow shows something, by its words.
const STRICTER: [&str; 5] = [
    // Pillow shows larger levels in binary as white, takes Python's `+1` and `1_0`, and looks at what a file begins with less.
    "it has the level",
    "where a number is expected",
    "without a space",
    "may lack digits",
    "it is not an image",
];

#[test]
fn a_changed_byte_gives_pillows_pixels_or_is_refused() {
    let Some(python) = Python::find(&["PIL"]) else {
        return;
    };
    let values = b"\0\x01\x07\x09\x0a\x0b\x0d #+-._01256789Pa\x7f\x80\xff";
    let mut files = Vec::new();
    for (_, file) in small() {
        for at in 0..file.len() {
            for value in values {
                let mut changed = file.clone();
                changed[at] = *value;
                files.push(changed);
            }
        }
    }
    let mut equal = 0;
    for (file, pillow) in files.iter().zip(by_pillow(&python, &files)) {
        let text = file.escape_ascii();
        match (decoded(file), pillow) {
            (Ok(found), Some(expected)) => {
                assert!(found == expected, "{text}");
                equal += 1;
            }
            (Ok(_), None) => {
                // Pillow looks at what stands behind the bits too.
                assert!(file.starts_with(b"P1"), "{text}");
            }
            (Err(error), Some(_)) => {
                let error = error.to_string();
                assert!(
                    STRICTER.iter().any(|words| error.contains(words)),
                    "{text}: {error}"
                );
            }
            (Err(_), None) => {}
        }
    }
    assert!(equal > files.len() / 4, "{equal} of {}", files.len());
}

/// The peak is the process's, and the other tests take less.
#[test]
fn a_header_that_promises_much_takes_no_memory() {
    const MOST_BYTES: usize = 64 << 20;
    MEMORY.reset_peak_usage();
    for kind in 1..=6 {
        let most = if matches!(kind, 1 | 4) { "" } else { "65535\n" };
        for (sides, expected) in [
            ("11000 11000", "expected"),
            ("16384 16384", "takes 806 MB of memory, expected at most 402"),
            (
                "16385 16384",
                "has 16385 x 16384 pixels (268 megapixels), expected at most",
            ),
            (
                "1000001 1",
                "has 1000001 x 1 pixels, expected at most 1000000 along each side",
            ),
            ("4294967295 4294967295", "has 4294967295 x 4294967295 pixels"),
        ] {
            let file = format!("P{kind}\n{sides}\n{most}1 1");
            for error in [
                decode_bytes(file.as_bytes()).unwrap_err().to_string(),
                check_bytes(file.as_bytes()).unwrap_err().to_string(),
            ] {
                assert!(error.contains(expected), "{file}: {error}");
            }
        }
    }
    let peak = MEMORY.peak_usage();
    assert!(peak < MOST_BYTES, "{peak} bytes");
}

#[test]
fn files_of_every_kind_are_recognised_and_limited() {
    for (picture, file) in small() {
        assert_eq!(PictureFormat::recognise(&file), Some(PictureFormat::Pnm));
        let pixels = (picture.width * picture.height) as u64;
        for (max_pixels, is_read) in [(pixels, true), (pixels - 1, false)] {
            let options = DecodeOptions {
                max_pixels,
                ..DecodeOptions::default()
            };
            let found = decode_bytes_with(&file, &options);
            assert_eq!(found.is_ok(), is_read);
            assert_eq!(check_bytes_with(&file, &options).is_ok(), is_read);
        }
    }
}
