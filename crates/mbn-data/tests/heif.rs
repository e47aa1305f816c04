//! HEIC through libheif, once it is loaded: a program of its own, because what is loaded stays loaded.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use mbn_data::{
    DecodeErrorKind, DecodeOptions, PictureFormat, check_bytes, check_bytes_with, decode_bytes,
    decode_bytes_with, read_heif,
};
use mbn_testing::Python;

/// The pixels beside a picture, after a line with its size.
fn expected(path: &Path) -> Vec<u8> {
    let written = std::fs::read(path.with_extension("rgb")).unwrap();
    let line = written.iter().position(|&byte| byte == b'\n').unwrap();
    written[line + 1..].to_vec()
}

#[test]
fn heic_is_read_once_the_library_is_loaded() {
    let Some(python) = Python::find(&["pillow_heif", "numpy", "PIL"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let library = PathBuf::from(python.run("heif_pictures.py", [folder.path()]).trim());
    let first = std::fs::read(folder.path().join("size_97x65.heic")).unwrap();
    let refused = decode_bytes(&first).unwrap_err();
    assert!(
        matches!(&refused, DecodeErrorKind::OtherFormat(name) if name == "HEIC"),
        "{refused}"
    );
    assert_eq!(PictureFormat::recognise(&first), None);

    assert!(read_heif(Some(Path::new("/nowhere/libheif.so"))).is_err());
    let version = read_heif(Some(&library)).unwrap();
    assert!(version.starts_with("1."), "{version}");
    assert_eq!(read_heif(None).unwrap(), version);
    assert_eq!(PictureFormat::recognise(&first), Some(PictureFormat::Heic));

    let mut pictures = 0;
    for entry in folder.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "heic") {
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(check_bytes(&bytes).unwrap(), None, "{}", path.display());
            let image = decode_bytes(&bytes).unwrap();
            assert!(image.into_raw() == expected(&path), "{}", path.display());
            pictures += 1;
        }
    }
    assert!(pictures >= 18, "{pictures}");

    for end in 0..first.len() {
        // What the first box lacks, the file is not recognised by.
        let (found, checked) = (decode_bytes(&first[..end]), check_bytes(&first[..end]));
        let error = found.expect_err(&format!("cut to {end}"));
        assert!(checked.is_err(), "cut to {end}: {error}");
    }
    // What stands behind the last box is not the picture's.
    for tail in [
        &b"\n"[..],
        &[0; 4],
        &[0; 20],
        b"a line of text\n",
        b"\0\0\xff\xffmore",
    ] {
        let longer = [&first[..], tail].concat();
        assert_eq!(check_bytes(&longer).unwrap(), None, "{}", tail.escape_ascii());
        let image = decode_bytes(&longer).unwrap();
        assert!(image.into_raw() == expected(&folder.path().join("size_97x65.heic")));
    }
    let small = DecodeOptions {
        max_pixels: 97 * 65 - 1,
        ..DecodeOptions::default()
    };
    for error in [
        decode_bytes_with(&first, &small).unwrap_err(),
        check_bytes_with(&first, &small).unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                DecodeErrorKind::TooManyPixels {
                    width: 97,
                    height: 65,
                    ..
                }
            ),
            "{error}"
        );
    }
}
