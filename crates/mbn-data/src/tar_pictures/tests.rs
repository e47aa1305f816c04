//! Archives of every kind, whole and damaged.

use tar::EntryType;

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

/// The header of an entry that says of itself that it has so many bytes.
fn header(kind: EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_path("a.png").unwrap();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header
}

/// An entry, filled up to whole blocks.
fn entry(kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut entry = header(kind, content.len() as u64).as_bytes().to_vec();
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(BLOCK as usize), 0);
    entry
}

fn read(archive: impl Read) -> (Vec<String>, String) {
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
    let (found, left_out) = read(&*archive(files));
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
    assert_eq!(read(&*whole).0, [end(700), end(16)]);
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
        let (found, left_out) = read(&*joined);
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
            "a.tar: the archive has no images (PNG, JPEG, WebP, BMP, GIF, TIFF or PNM), only 1 text",
        ),
    ] {
        let (found, _) = read(content);
        assert!(found.len() == 1 && found[0].starts_with(part), "{found:?}");
    }
}

/// A few bytes of a compressed archive, or a hole in a file, may announce any number of them.
#[test]
fn what_stands_before_an_entry_takes_little_memory() {
    let sparse = {
        let mut header = header(EntryType::GNUSparse, 1);
        header.as_gnu_mut().unwrap().set_is_extended(true);
        header.set_cksum();
        header
    };
    let large = 3 << 30;
    for (header, error) in [
        (
            header(EntryType::GNULongName, large),
            "the name of an entry has 3221225472 bytes, expected at most 65536",
        ),
        (
            header(EntryType::GNULongLink, large),
            "the link target of an entry has 3221225472 bytes, expected at most 65536",
        ),
        (
            header(EntryType::XHeader, large),
            "the pax header of an entry has 3221225472 bytes, expected at most 1048576",
        ),
        (sparse, "its entry `"),
    ] {
        let mut rest = io::repeat(1).take(64 << 20);
        let whole = archive(&[("b.png", PNG)]);
        let (found, _) = read(whole[..1024].chain(&header.as_bytes()[..]).chain(&mut rest));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[1].starts_with(&format!("a.tar: {error}")), "{found:?}");
        assert_eq!(rest.limit(), 64 << 20, "{error}");
    }
}

#[test]
fn names_and_sizes_may_stand_before_an_entry() {
    let name = |len: usize| ["x/".repeat(len / 2 - 3).as_bytes(), b"y.png\0"].concat();
    let shown = |name: &[u8]| {
        let name = String::from_utf8_lossy(name).into_owned();
        format!("a.tar/{}: 16 bytes", name.trim_end_matches('\0'))
    };
    let long = name(64 << 10);
    let link = entry(EntryType::GNULongLink, &long);
    // Its own header says that it has no bytes.
    let empty = [&*entry(EntryType::Regular, b""), PNG, &[0; 496]].concat();
    let records = b"16 path=b/c.png\n11 size=16\n";
    let global = entry(EntryType::XGlobalHeader, b"16 path=d/e.png\n");
    for (content, found) in [
        (
            [
                entry(EntryType::GNULongName, &long),
                entry(EntryType::Regular, PNG),
            ],
            shown(&long),
        ),
        (
            [entry(EntryType::XHeader, records), empty.clone()],
            shown(b"b/c.png"),
        ),
        (
            [[link, entry(EntryType::XHeader, records)].concat(), empty],
            shown(b"b/c.png"),
        ),
        ([global, entry(EntryType::Regular, PNG)], shown(b"a.png")),
    ] {
        let content = [content.concat(), archive(&[("z.png", PNG)])].concat();
        assert_eq!(read(&*content).0, [found, shown(b"z.png")]);
    }
    let twice = entry(EntryType::XHeader, records).repeat(2);
    let (found, _) = read(&*twice);
    assert_eq!(found, ["a.tar: an entry has its pax header twice"]);
    let last = [entry(EntryType::GNULongName, &long), vec![0; 1024]].concat();
    let (found, _) = read(&*last);
    assert_eq!(found, ["a.tar: an entry that describes the next one is the last"]);
    let (found, _) = read(&header(EntryType::Regular, u64::MAX).as_bytes()[..]);
    assert_eq!(
        found,
        ["a.tar: an entry has 18446744073709551615 bytes, which no archive has"]
    );
}

/// A record of a pax header, which begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n").len();
    let len = (1..)
        .map(|digits| rest + digits)
        .find(|len| len.to_string().len() == len - rest);
    format!("{} {key}={value}\n", len.unwrap())
}

/// As `tar --format=posix --sparse` writes them, with the map in the records or before the content. The path is one of its own then.
#[test]
fn sparse_files_of_the_pax_format_are_refused_by_their_names() {
    let newest = [
        record("GNU.sparse.major", "1"),
        record("GNU.sparse.name", "b/c.png"),
        record("path", "b/GNUSparseFile.7/c.png"),
    ];
    let oldest = [record("GNU.sparse.size", "16"), record("path", "b/c.png")];
    for records in [newest.concat(), oldest.concat()] {
        let content = [
            entry(EntryType::XHeader, records.as_bytes()),
            entry(EntryType::Regular, PNG),
            archive(&[("z.png", PNG)]),
        ];
        let (found, _) = read(&*content.concat());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("a.tar/b/c.png: it is a sparse file"),
            "{found:?}"
        );
        assert_eq!(found[1], "a.tar/z.png: 16 bytes");
    }
}
