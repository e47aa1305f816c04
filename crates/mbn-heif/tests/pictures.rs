//! Pictures that pillow-heif writes, decoded by the libheif that it brings, and files that are none.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mbn_heif::{Heif, HeifError, Problem};
use mbn_testing::Python;

/// Levels between the pixels of two libraries that decode the same file: both round the conversion from luma and chroma.
const OTHER_LIBRARY: u8 = 2;

/// HEIC pictures by name, with their pixels.
struct Pictures {
    heif: Heif,
    files: BTreeMap<String, (Vec<u8>, Expected)>,
    /// An AVIF file of 64 x 48 pixels, every one with a colour of its own.
    avif: Vec<u8>,
    avif_pixels: Vec<u8>,
}

struct Expected {
    size: (u32, u32),
    pixels: Vec<u8>,
}

impl Pictures {
    fn new() -> Option<Self> {
        let python = Python::find(&["pillow_heif", "numpy", "PIL"])?;
        let folder = tempfile::tempdir().unwrap();
        let library = PathBuf::from(python.run("heif_pictures.py", [folder.path()]).trim());
        let paths = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|e| e == "heic"));
        Some(Self {
            heif: Heif::load(Some(&library)).unwrap(),
            files: files.map(|path| (name(&path), read(&path))).collect(),
            avif: std::fs::read(folder.path().join("plain.avif")).unwrap(),
            avif_pixels: read(&folder.path().join("plain.avif")).1.pixels,
        })
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn read(path: &Path) -> (Vec<u8>, Expected) {
    let written = std::fs::read(path.with_extension("rgb")).unwrap();
    let line = written.iter().position(|&byte| byte == b'\n').unwrap();
    let size = std::str::from_utf8(&written[..line]).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    let expected = Expected {
        size: (width.parse().unwrap(), height.parse().unwrap()),
        pixels: written[line + 1..].to_vec(),
    };
    (std::fs::read(path).unwrap(), expected)
}

fn problem(error: &HeifError) -> Problem {
    match error {
        HeifError::File { problem, .. } => *problem,
        other => panic!("{other}"),
    }
}

#[test]
fn pictures_of_every_kind_have_pillows_pixels() {
    let Some(pictures) = Pictures::new() else { return };
    assert!(pictures.files.len() >= 18, "{}", pictures.files.len());
    for (name, (bytes, expected)) in &pictures.files {
        let picture = pictures.heif.open(bytes).unwrap();
        assert_eq!(picture.size().unwrap(), expected.size, "{name}");
        let found = picture.decode().unwrap();
        assert_eq!((found.width, found.height), expected.size, "{name}");
        assert!(found.pixels == expected.pixels, "{name}");
    }
    // The head says how a picture is turned.
    let size = |name: &str| pictures.files[name].1.size;
    assert_eq!(
        (size("orientation_1"), size("orientation_6")),
        ((96, 64), (64, 96))
    );
    assert_eq!(size("second"), (64, 48));
    let open = |name: &str| pictures.heif.open(&pictures.files[name].0).unwrap();
    assert_eq!(open("orientation_6").coded_size(), Ok((96, 64)));
    for (name, bytes) in [("chroma_420", 6), ("chroma_444", 9), ("mode_L", 6), ("deep", 12)] {
        assert_eq!(open(name).decoding_bytes(), bytes, "{name}");
    }
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    let Some(pictures) = Pictures::new() else { return };
    for name in ["size_97x65", "orientation_6", "deep"] {
        let (bytes, _) = &pictures.files[name];
        for end in (0..bytes.len()).step_by(7) {
            let decoded = pictures
                .heif
                .open(&bytes[..end])
                .and_then(|picture| picture.decode());
            let error = decoded.expect_err(name);
            assert_ne!(
                problem(&error),
                Problem::NoDecoder,
                "{name} cut to {end}: {error}"
            );
        }
    }
}

#[test]
fn damage_never_ends_the_program() {
    let Some(pictures) = Pictures::new() else { return };
    let (bytes, _) = &pictures.files["size_64x64"];
    for at in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            // Damage within the pixels may decode, to other ones.
            let Ok(picture) = pictures.heif.open(&damaged) else {
                continue;
            };
            let Ok(decoded) = picture.decode() else { continue };
            assert_eq!(picture.size(), Ok((decoded.width, decoded.height)));
        }
    }
}

/// Of which this library has no decoder.
#[test]
fn a_missing_decoder_is_told_from_damage() {
    let Some(pictures) = Pictures::new() else { return };
    let picture = pictures.heif.open(&pictures.avif).unwrap();
    assert_eq!(picture.size(), Ok((64, 48)));
    let error = picture.decode().unwrap_err();
    assert_eq!(problem(&error), Problem::NoDecoder, "{error}");
}

#[test]
fn other_files_are_refused() {
    let Some(pictures) = Pictures::new() else { return };
    for bytes in [
        &b""[..],
        b"some text",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        &[0; 4096],
    ] {
        let error = pictures.heif.open(bytes).map(drop).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_ne!(problem(&error), Problem::NoDecoder, "{error}");
    }
}

#[test]
fn other_libraries_are_not_libheif() {
    let missing = Path::new("/nowhere/libheif.so.1");
    let error = Heif::load(Some(missing)).unwrap_err();
    assert!(matches!(error, HeifError::NotLoaded { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("`/nowhere/libheif.so.1` cannot be loaded: "),
        "{error}"
    );
    if cfg!(target_os = "linux") {
        let error = Heif::load(Some(Path::new("libm.so.6"))).unwrap_err();
        assert!(matches!(error, HeifError::NotHeif { .. }), "{error}");
        assert!(
            error.to_string().contains("it has no `heif_get_version`"),
            "{error}"
        );
    }
}

/// The system's own library, where there is one: it must say what it is, and read what it has decoders for.
#[test]
fn the_systems_library_reads_the_same_pictures_or_names_what_it_lacks() {
    let Some(pictures) = Pictures::new() else { return };
    let heif = match Heif::load(None) {
        Ok(heif) => heif,
        Err(error) => {
            assert!(
                error.to_string().starts_with("libheif is not installed: "),
                "{error}"
            );
            return;
        }
    };
    assert!(heif.version().starts_with("1."), "{}", heif.version());
    for (bytes, expected) in [
        (
            &pictures.files["chroma_444"].0,
            &pictures.files["chroma_444"].1.pixels,
        ),
        (&pictures.avif, &pictures.avif_pixels),
    ] {
        match heif.open(bytes).and_then(|picture| picture.decode()) {
            Ok(found) => {
                let pairs = found.pixels.iter().zip(expected);
                let largest = pairs.map(|(a, b)| a.abs_diff(*b)).max();
                assert!(
                    largest <= Some(OTHER_LIBRARY),
                    "{largest:?} in {}",
                    heif.version()
                );
            }
            Err(error) => assert_eq!(problem(&error), Problem::NoDecoder, "{error}"),
        }
    }
}
