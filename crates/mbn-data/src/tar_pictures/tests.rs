//! Archives of every kind, whole and damaged.

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand more";

/// An archive with these files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn read(archive: &[u8]) -> (Vec<String>, String) {
    let mut pictures = TarPictures::new(archive, Path::new("a.tar"));
    let found = pictures.by_ref().map(|found| match found {
        Ok(picture) => format!("{}: {} bytes", picture.path.display(), picture.bytes.len()),
        Err(error) => format!("{}: {}", error.path.display(), error.kind),
    });
    let found = found.collect();
    (found, pictures.into_left_out().to_string())
}

#[test]
fn pictures_are_taken_in_their_order_and_the_rest_is_counted() {
    let long = "x".repeat(150) + "/y.jpg";
    let files: &[(&str, &[u8])] = &[
        ("b.png", PNG),
        ("b.json", b"{}"),
        ("a/large.jpg", &[7; 3000]),
        ("./a/without", PNG),
        ("__MACOSX/c.png", PNG),
        ("._d.png", PNG),
        ("empty.png", b""),
        (&long, &[1; 512]),
    ];
    let (found, left_out) = read(&archive(files));
    let expected = [
        "a.tar/b.png: 16 bytes".to_owned(),
        "a.tar/a/large.jpg: 3000 bytes".to_owned(),
        "a.tar/a/without: 16 bytes".to_owned(),
        "a.tar/empty.png: 0 bytes".to_owned(),
        format!("a.tar/{long}: 512 bytes"),
    ];
    assert_eq!(found, expected);
    assert_eq!(left_out, "1 text, 2 system files");
}

/// Wherever an archive is cut, the pictures before are found, and one error says that more is missing.
#[test]
fn an_archive_that_ends_early_is_an_error_after_its_pictures() {
    let whole = archive(&[("a.png", &[1; 700]), ("b.png", PNG)]);
    let end = |n: u64| format!("a.tar/{}.png: {n} bytes", if n == 700 { "a" } else { "b" });
    for cut in 0..whole.len() - 1024 {
        let (found, _) = read(&whole[..cut]);
        let (error, pictures) = found.split_last().unwrap();
        assert!(error.starts_with("a.tar: "), "{cut}: {error}");
        let expected = [(512 + 1024, end(700)), (512 + 1024 + 1024, end(16))];
        let expected = expected
            .into_iter()
            .filter(|(at, _)| *at <= cut)
            .map(|(_, text)| text);
        assert_eq!(pictures, expected.collect::<Vec<_>>(), "{cut}");
    }
    assert_eq!(read(&whole).0, [end(700), end(16)]);
}

/// As `cat a.tar b.tar` leaves it, whatever padding the first one has.
#[test]
fn archives_one_after_another_are_read_as_one() {
    let (one, other) = (
        archive(&[("a.png", PNG)]),
        archive(&[("b.png", PNG), ("c.txt", b"c")]),
    );
    let none = archive(&[]);
    for padding in [0, 1, 17] {
        let padding = vec![0; padding * BLOCK as usize];
        let joined = [&*one, &padding, &none, &other].concat();
        let (found, left_out) = read(&joined);
        assert_eq!(found, ["a.tar/a.png: 16 bytes", "a.tar/b.png: 16 bytes"]);
        assert_eq!(left_out, "1 text");
        // The last one lacks its end.
        let (found, _) = read(&joined[..joined.len() - 1024]);
        assert_eq!(
            found.last().unwrap(),
            "a.tar: the archive ends early, more may be missing"
        );
    }
}

#[test]
fn what_follows_an_archive_and_is_none_is_said() {
    for (rest, is_said) in [
        (&[][..], false),
        (&[0; 100], false),
        (b"\n", true),
        (&[7; 1024], true),
    ] {
        let content = [&*archive(&[("a.png", PNG)]), rest].concat();
        let mut pictures = TarPictures::new(&*content, Path::new("x/a.tar"));
        assert_eq!(pictures.by_ref().filter_map(Result::ok).count(), 1);
        let left_out = pictures.into_left_out();
        assert_eq!(left_out.may_be_missed(), is_said, "{left_out}");
        let expected = "1 archive's data behind its end, which is no other archive (`a.tar`)";
        assert_eq!(left_out.to_string(), if is_said { expected } else { "" });
    }
}

#[test]
fn what_is_no_archive_or_has_no_picture_is_said() {
    let mut damaged = archive(&[("a.png", PNG)]);
    damaged[0] = b'b';
    for (content, part) in [
        (&[b'x'; 2000][..], "a.tar: not a tar archive"),
        (
            &[b"\x1f\x8b\x08\x00".as_slice(), &[7; 1000]].concat(),
            "a.tar: it is a file compressed by gzip, expected a tar archive",
        ),
        (b"\x1f\x8b\x08\x00", "a.tar: it is a file compressed by gzip"),
        (
            &[b"\xff\xd8\xff\xe0\0\x10JFIF\0".as_slice(), &[7; 1000]].concat(),
            "a.tar: it is a JPEG picture, expected a tar archive",
        ),
        // A damaged archive is one.
        (&damaged, "a.tar: archive header checksum mismatch"),
        (b"", "a.tar: the archive ends early"),
        (
            &archive(&[("a.json", b"{}")]),
            "a.tar: the archive has no images (PNG, JPEG, WebP, BMP, GIF or TIFF), only 1 text",
        ),
    ] {
        let (found, _) = read(content);
        assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
    }
}
