use super::*;

fn named(bytes: &[u8]) -> String {
    FileKind::recognise(bytes).map_or("none".to_owned(), |kind| kind.to_string())
}

#[test]
fn files_that_people_confuse_are_told_apart() {
    let zip = |name: &str| {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes
    };
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let mut safetensors = 40u64.to_le_bytes().to_vec();
    safetensors.extend(b"{\"__metadata__\":{}}");
    for (bytes, expected) in [
        (&b""[..], "an empty file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "a Git LFS pointer",
        ),
        (&zip("archive/data.pkl"), "a PyTorch checkpoint (a zip"),
        (&zip("my model/.format_version"), "a PyTorch checkpoint (a zip"),
        (&zip("photos/1.jpg"), "a zip archive"),
        (b"PK\x03\x04", "a zip archive"),
        (
            b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80",
            "a PyTorch checkpoint (a pickle",
        ),
        (b"\x80\x04\x95\x10\x00", "a Python pickle"),
        (
            b"\x80\x02}q\x00(X\x04\x00\x00\x00convq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02",
            "a pickle of NumPy arrays",
        ),
        (
            b"\x00\x00\x06\x08\x01\x1a\x02\x08\x01\x00\x13\x20",
            "the index of a TensorFlow checkpoint",
        ),
        (b"\x08\x01\x12\xb8\x95\x0e\x0a", "a TensorFlow SavedModel"),
        (b"\x08\x01\x12\x07pytorch", "an ONNX model"),
        (
            b"\x0a\x3b\x0a\x05input\x12\x0bPlaceholder*\x0b",
            "a frozen TensorFlow graph",
        ),
        (&safetensors, "a safetensors file"),
        (b"\x08\x08\x12\x07pytorch", "an ONNX model"),
        (b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a NumPy array"),
        (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
        (b"\x1c\x00\x00\x00ORTM", "a model in ONNX Runtime's own format"),
        (b"ftrt\x01\x00\x00\x00", "an engine of TensorRT"),
        (b"\r\n<!DOCTYPE html><html>", "a web page"),
        (b"\xef\xbb\xbf<html lang=\"en\">", "a web page"),
        (
            b"<?xml version=\"1.0\"?><!DOCTYPE html ><html xmlns=\"x\">",
            "a web page",
        ),
        (
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>",
            "an XML file",
        ),
        (b"{\"error\": \"not found\"}", "a JSON file"),
        (b"[\n  1, 2]", "a JSON file"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG picture"),
        (b"\x00\x00\x00\x18ftypheic\x00", "an HEIC picture"),
        (b"\x00\x00\x00\x18ftypmif1\0\0\0\0mif1heic", "an HEIC picture"),
        (b"\x00\x00\x00\x18ftypmif1\0\0\0\0mif1avif", "an AVIF picture"),
        (b"\x00\x00\x00\x14ftypmif1\0\0\0\0mif1avif", "an HEIC picture"),
        (b"\x00\x00\x00\x1cftypavif\x00", "an AVIF picture"),
        (b"\x00\x00\x00\x18ftypmp42\x00", "an MP4 video"),
        (b"II*\x00\x08\x00", "a TIFF picture"),
        (b"\x1f\x8b\x08\x00", "a file compressed by gzip"),
        (&tar, "a tar archive"),
        (b"\xff\xfea\x00", "text in UTF-16"),
    ] {
        assert!(
            named(bytes).starts_with(expected),
            "{}, expected {expected}",
            named(bytes)
        );
    }
}

/// A first box with these brands and nothing behind it.
fn boxed(major: &str, compatible: &[&str]) -> Vec<u8> {
    let length = u32::try_from(16 + 4 * compatible.len()).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    for part in ["ftyp", major, "\0\0\0\0"].iter().chain(compatible) {
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[test]
fn pictures_in_boxes_are_told_from_videos_by_all_brands() {
    // Those of ISO 23008-12, for pictures and for sequences of them.
    for major in ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"] {
        for compatible in [&[][..], &["mif1", major], &["msf1", "iso8"]] {
            let found = named(&boxed(major, compatible));
            assert_eq!(found, "an HEIC picture", "{major} {compatible:?}");
        }
    }
    for major in ["mif1", "mif2", "mif3", "miaf", "msf1"] {
        for (compatible, expected) in [
            (&["heic"][..], "an HEIC picture"),
            (&["miaf", "hevc"], "an HEIC picture"),
            (&["miaf", "avif"], "an AVIF picture"),
            (&["iso8", "avis"], "an AVIF picture"),
            (&[], "an HEIC picture"),
        ] {
            let found = named(&boxed(major, compatible));
            assert_eq!(found, expected, "{major} {compatible:?}");
        }
    }
    // A profile, or another coding.
    for (major, compatible, expected) in [
        ("MiHB", &["mif1", "heic", "MiHB"][..], "an HEIC picture"),
        ("MiHE", &["heim"], "an HEIC picture"),
        ("avci", &["mif1", "avci"], "an HEIC picture"),
        ("MA1B", &["miaf", "avif"], "an AVIF picture"),
    ] {
        assert_eq!(named(&boxed(major, compatible)), expected, "{major}");
    }
    for (major, compatible, expected) in [
        ("isom", &["iso2", "avc1", "mp41"][..], "an MP4 video"),
        ("mp42", &["isom", "hvc1", "miaf"], "an MP4 video"),
        ("qt  ", &["qt  ", "heic"], "a QuickTime video"),
        ("crx ", &["isom", "mif1"], "a Canon RAW picture"),
        ("3gp4", &[], "an MP4 video"),
    ] {
        assert_eq!(named(&boxed(major, compatible)), expected, "{major}");
    }
    // What stands behind the box is no brand.
    let mut video = boxed("isom", &["mp42"]);
    video.extend(b"heicavifmif1");
    assert_eq!(named(&video), "an MP4 video");
    for end in 0..video.len() {
        let _ = FileKind::recognise(&video[..end]);
    }
}

#[test]
fn other_text_and_bytes_are_none_of_them() {
    for bytes in [
        &b"tench\nchurch\n"[..],
        b"\x00\x01\x02",
        b"[section]\nkey = 1",
        b"{ident}",
        b"\x08",
        b"\n\x10\n\x05",
        b"\n\nwords of text",
        b"a",
    ] {
        assert_eq!(FileKind::recognise(bytes), None, "{bytes:?}");
    }
}

/// Any prefix of anything is described, never a panic.
#[test]
fn short_and_cut_files_are_safe() {
    for (at, magic, _) in MAGIC {
        let mut bytes = vec![0; *at];
        bytes.extend(*magic);
        for end in 0..=bytes.len() {
            let _ = FileKind::recognise(&bytes[..end]);
        }
    }
}
