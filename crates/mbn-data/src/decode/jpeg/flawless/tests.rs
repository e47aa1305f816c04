//! Flaws, one in each file, each of which two decoders take in different ways.

use super::*;

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

fn quantisation(number: u8) -> Vec<u8> {
    segment(0xdb, &[&[number][..], &[1; 64]].concat())
}

/// A table of two symbols with codes of two bits.
fn huffman(class: u8, number: u8, symbols: [u8; 2]) -> Vec<u8> {
    let mut counts = [0; 16];
    counts[1] = 2;
    segment(0xc4, &[&[class << 4 | number][..], &counts, &symbols].concat())
}

fn frame(marker: u8) -> Vec<u8> {
    segment(marker, &[8, 0, 8, 0, 8, 2, 1, 0x11, 0, 2, 0x11, 0])
}

fn scan(components: &[u8], [first, last, bits]: [u8; 3]) -> Vec<u8> {
    let list: Vec<u8> = components.iter().flat_map(|&id| [id, 0]).collect();
    segment(
        0xda,
        &[&[components.len() as u8][..], &list, &[first, last, bits]].concat(),
    )
}

fn file(segments: &[Vec<u8>]) -> Vec<u8> {
    [&[0xff, 0xd8][..], &segments.concat(), &[0xff, 0xd9]].concat()
}

/// The segments of a baseline file: 0 quantisation, 1 and 2 Huffman tables, 3 frame, 4 scan, 5 data.
fn baseline() -> Vec<Vec<u8>> {
    vec![
        quantisation(0),
        huffman(0, 0, [0, 15]),
        huffman(1, 0, [0, 1]),
        frame(0xc0),
        scan(&[1, 2], [0, 63, 0]),
        vec![1, 0xff, 0, 2],
    ]
}

#[test]
fn flawless_files_are_recognised() {
    let mut with_restarts = baseline();
    with_restarts.insert(0, segment(0xdd, &[0, 1]));
    with_restarts[6] = (0..9).flat_map(|count| [1, 0xff, 0xd0 + count % 8]).collect();
    let mut without_tables = baseline();
    without_tables.drain(1..3);
    let mut one_by_one = baseline();
    one_by_one.splice(4..5, [scan(&[2], [0, 63, 0]), vec![7], scan(&[1], [0, 63, 0])]);
    let jfif = segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let adobe = segment(0xee, b"Adobe\0\x64\0\0\0\0\x01");
    let named = [&[jfif, adobe, segment(0xfe, b"text")], &baseline()[..]].concat();
    for segments in [
        baseline(),
        with_restarts,
        without_tables,
        one_by_one,
        named,
        progressive(),
    ] {
        assert!(is_flawless(&file(&segments)), "{segments:?}");
    }
    // Anything may follow the end.
    assert!(is_flawless(&[&file(&baseline())[..], &[1, 2, 3]].concat()));
}

#[test]
fn each_flaw_is_found() {
    let replaced = |at: usize, segment: Vec<u8>| {
        let mut segments = baseline();
        segments[at] = segment;
        segments
    };
    let mut full = [0; 17];
    full[1] = 2;
    let with_adobe = |transform| {
        [
            &[segment(
                0xee,
                &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat(),
            )],
            &baseline()[..],
        ]
        .concat()
    };
    let flaws = [
        (
            "stray bytes",
            replaced(1, [huffman(0, 0, [0, 1]), vec![7]].concat()),
        ),
        (
            "a fill byte",
            replaced(1, [vec![0xff], huffman(0, 0, [0, 1])].concat()),
        ),
        ("an unknown marker", replaced(1, segment(0x34, &[0; 20]))),
        ("no DC table", replaced(1, Vec::new())),
        ("no AC table", replaced(2, huffman(1, 1, [0, 1]))),
        (
            "a DC category that does not exist",
            replaced(1, huffman(0, 0, [0, 16])),
        ),
        (
            "a code of ones",
            replaced(1, segment(0xc4, &[&full[..], &[0, 1]].concat())),
        ),
        ("a table that is cut off", replaced(1, segment(0xc4, &[0, 1, 2]))),
        ("no quantisation", replaced(0, quantisation(1))),
        ("a step of zero", replaced(0, segment(0xdb, &[0; 65]))),
        (
            "16-bit steps",
            replaced(0, segment(0xdb, &[&[0x10][..], &[1; 128]].concat())),
        ),
        ("two frames", replaced(3, [frame(0xc0), frame(0xc0)].concat())),
        (
            "a band in a baseline file",
            replaced(4, scan(&[1, 2], [0, 40, 0])),
        ),
        (
            "half a bit in a baseline file",
            replaced(4, scan(&[1, 2], [0, 63, 1])),
        ),
        ("a component twice", replaced(4, scan(&[1, 1], [0, 63, 0]))),
        ("components out of order", replaced(4, scan(&[2, 1], [0, 63, 0]))),
        ("a component that is missing", replaced(4, scan(&[1], [0, 63, 0]))),
        (
            "restarts that are not announced",
            replaced(5, vec![1, 0xff, 0xd0, 1]),
        ),
        (
            "a table after the frame",
            replaced(3, [frame(0xc0), quantisation(0)].concat()),
        ),
        ("an unknown transform", with_adobe(3)),
    ];
    for (flaw, segments) in flaws {
        assert!(!is_flawless(&file(&segments)), "{flaw}");
    }
    let whole = file(&baseline());
    assert!((0..whole.len()).all(|end| !is_flawless(&whole[..end])));
}

fn progressive() -> Vec<Vec<u8>> {
    let mut segments = baseline();
    segments[3] = frame(0xc2);
    segments.truncate(4);
    let scans = [
        scan(&[1, 2], [0, 0, 1]),
        scan(&[1], [1, 5, 2]),
        scan(&[1], [6, 63, 0]),
        scan(&[1], [1, 5, 0x21]),
        scan(&[1, 2], [0, 0, 0x10]),
    ];
    segments.extend(scans.into_iter().flat_map(|scan| [scan, vec![7]]));
    segments
}

#[test]
fn progressive_scans_must_go_on_where_the_last_ended() {
    for (flaw, at, changed) in [
        ("a band without means", 4, scan(&[1], [1, 5, 0])),
        ("a band of two components", 6, scan(&[1, 2], [1, 5, 2])),
        ("a band beyond the last coefficient", 8, scan(&[1], [6, 64, 0])),
        ("a band backwards", 8, scan(&[1], [7, 6, 0])),
        ("a band twice", 8, scan(&[1], [5, 63, 0])),
        ("a bit left out", 10, scan(&[1], [1, 5, 0x10])),
        ("two bits at once", 10, scan(&[1], [1, 5, 0x20])),
        ("a bit of nothing", 10, scan(&[2], [1, 5, 0x21])),
        (
            "two bits where one is added",
            10,
            [huffman(1, 0, [0, 2]), scan(&[1], [1, 5, 0x21])].concat(),
        ),
        ("means with a band", 12, scan(&[1, 2], [0, 5, 0x10])),
    ] {
        let mut segments = progressive();
        segments[at] = changed;
        assert!(!is_flawless(&file(&segments)), "{flaw}");
    }
}
