use super::*;

fn name(kind: Option<FileKind>) -> String {
    kind.map_or("-".to_owned(), |kind| kind.to_string())
}

#[test]
fn extensions_name_the_kind() {
    for (extension, expected) in [
        ("HEIC", "HEIC"),
        ("hif", "HEIC"),
        ("avif", "AVIF"),
        ("jxl", "JPEG XL"),
        ("NEF", "RAW"),
        ("cr3", "RAW"),
        ("dng", "RAW"),
        ("svg", "SVG"),
        ("psd", "Photoshop"),
        ("pdf", "PDF"),
        ("MOV", "video"),
        ("mp4", "video"),
        ("mp3", "audio"),
        ("zip", "archive"),
        ("TAR", "tar archive"),
        ("parquet", "Parquet"),
        ("feather", "Arrow"),
        ("docx", "document"),
        ("csv", "text"),
        ("txt", "text"),
        ("xyz123", "-"),
    ] {
        assert_eq!(name(FileKind::of_extension(extension)), expected, "{extension}");
    }
}

#[test]
fn first_bytes_name_the_kind() {
    for (bytes, expected) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", "AVIF"),
        (b"\xff\x0a\xfa\x1f\x41", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"II*\0\x10\0\0\0CR\x02\0", "RAW"),
        (b"II*\0\x08\0\0\0\0\0", "TIFF"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"P7\nWIDTH 2\n", "PAM"),
        (b"PF\n2 2\n-1.0\n", "PFM"),
        (b"Pf\n2 2\n-1.0\n", "PFM"),
        (b"P2 is the second", "-"),
        // Rows of 64 pixels, in colour, in colour from the top and run-length encoded, with a palette; no pixels; a cursor.
        (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x18\0rest", "TGA"),
        (b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x20\x28rest", "TGA"),
        (b"\0\x01\x01\0\0\0\x01\x18\0\0\0\0\x40\0\x30\0\x08\0rest", "TGA"),
        (b"\0\0\x02\0\x01\0\x20\x20\0\0\0\0\0\0\x30\0\x18\0rest", "ICO"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PK\x03\x04\x14\0", "archive"),
        (b"two lines\nof text\n", "-"),
        (b"", "-"),
    ] {
        assert_eq!(name(FileKind::of_bytes(bytes)), expected, "{bytes:?}");
    }
}

/// The name of another format may be the same, which says nothing about who reads it.
#[test]
fn formats_are_known_by_their_place_and_not_by_their_text() {
    for (name, extensions) in PICTURES {
        for extension in *extensions {
            let kind = FileKind::of_extension(extension).unwrap();
            assert_eq!(kind.is_of_libheif(), [HEIC, AVIF].contains(name), "{extension}");
            assert_eq!(kind.is_raw(), *name == RAW, "{extension}");
        }
        let other = FileKind::OtherPicture((*name).to_owned());
        assert!(!other.is_of_libheif() && !other.is_raw(), "{name}");
    }
}

#[test]
fn an_extension_is_a_word() {
    for (path, expected) in [
        ("a.JPG", Some("JPG")),
        ("a.tar.gz", Some("gz")),
        ("a.jp2", Some("jp2")),
        ("IMG_1234", None),
        ("Screenshot at 10.30.15", None),
        ("Dr. Smith", None),
        ("a.", None),
    ] {
        assert_eq!(extension(Path::new(path)), expected, "{path}");
    }
}

#[test]
fn no_extension_is_listed_twice() {
    let all: Vec<_> = PICTURES
        .iter()
        .flat_map(|(_, known)| *known)
        .chain(CONTAINERS.iter().flat_map(|(_, known)| *known))
        .chain(TEXT)
        .collect();
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), all.len());
}
