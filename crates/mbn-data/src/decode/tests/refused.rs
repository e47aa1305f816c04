//! Files that are not pictures, and pictures that are too large.

use std::fs;

use super::*;

#[test]
fn the_content_decides_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = folder.path().join("photo.png");
    fs::write(&jpeg, file_of(PictureFormat::Jpeg, picture(20, 10))).unwrap();
    assert_eq!(decode_file(&jpeg).unwrap().dimensions(), (20, 10));

    let text = folder.path().join("letter.png");
    fs::write(&text, "Dear reader,\nthis is not a picture").unwrap();
    let error = decode_file(&text).unwrap_err();
    assert!(error.to_string().contains("letter.png"), "{error}");
    let reason = error.kind.to_string();
    assert!(
        reason.contains("not an image") && reason.contains("Dear reader,"),
        "{reason}"
    );

    let binary = decode_bytes(&[0xfe, 0xed, 0, 1]).unwrap_err().to_string();
    assert!(binary.contains("fe ed 00 01"), "{binary}");
}

#[test]
fn a_path_that_is_not_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let kind = |name: &str| decode_file(&folder.path().join(name)).unwrap_err().kind;
    assert!(matches!(kind("missing.png"), DecodeErrorKind::Io(_)));
    assert!(matches!(kind(""), DecodeErrorKind::NotAFile(_)));
    fs::write(folder.path().join("empty.png"), "").unwrap();
    assert!(matches!(kind("empty.png"), DecodeErrorKind::Empty));
    #[cfg(unix)]
    {
        let made = std::process::Command::new("mkfifo")
            .arg(folder.path().join("pipe.png"))
            .status();
        if made.is_ok_and(|status| status.success()) {
            assert!(matches!(kind("pipe.png"), DecodeErrorKind::NotAFile(_)));
        }
    }
}

#[test]
fn decompression_bombs_are_refused_before_decoding() {
    let rows = vec![0; 12_000 * 12_000 / 8];
    let bomb = png_of(
        12_000,
        12_000,
        png::ColorType::Grayscale,
        png::BitDepth::One,
        &rows,
    );
    assert!(bomb.len() < 200_000, "{}", bomb.len());
    let mut jpeg = file_of(PictureFormat::Jpeg, picture(16, 16));
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    for bytes in [bomb, jpeg] {
        for error in [
            decode_bytes(&bytes).unwrap_err(),
            check_bytes(&bytes).unwrap_err(),
        ] {
            assert!(error.is_too_large(), "{error}");
        }
    }
}

#[test]
fn pictures_of_other_formats_are_named() {
    for (start, name) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", "AVIF"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0\0\0\0\0", "RAW"),
    ] {
        let message = decode_bytes(start).unwrap_err().to_string();
        assert!(message.contains(name), "{name}: {message}");
    }
}
