//! Orientation in every place, byte order, type and count. What each should give is what Pillow 13 makes of it.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::decode::tests::tiff_files::{Entry, tiff_of};

/// Types of TIFF fields with the size of a value, and whether Pillow takes a value of the type as a number.
const TYPES: [(u16, usize, bool); 14] = [
    (1, 1, false),
    (2, 1, false),
    (3, 2, true),
    (4, 4, true),
    (5, 8, true),
    (6, 1, true),
    (7, 1, false),
    (8, 2, true),
    (9, 4, true),
    (10, 8, true),
    (11, 4, true),
    (12, 8, true),
    (13, 4, true),
    (16, 8, true),
];

/// One value of a type.
fn value_of(kind: u16, value: u8, is_little_endian: bool) -> Vec<u8> {
    let rational = |one: [u8; 4]| [u32::from(value).to_le_bytes(), one].concat();
    let mut bytes = match kind {
        3 | 8 => vec![value, 0],
        4 | 9 | 13 => u32::from(value).to_le_bytes().to_vec(),
        5 | 10 => rational(1u32.to_le_bytes()),
        11 => f32::from(value).to_le_bytes().to_vec(),
        12 => f64::from(value).to_le_bytes().to_vec(),
        16 => u64::from(value).to_le_bytes().to_vec(),
        _ => vec![value],
    };
    if !is_little_endian {
        match kind {
            5 | 10 => bytes
                .as_chunks_mut::<4>()
                .0
                .iter_mut()
                .for_each(|half| half.reverse()),
            _ => bytes.reverse(),
        }
    }
    bytes
}

fn short(value: u8) -> Vec<u8> {
    tiff_of(true, &[Entry(0x0112, 3, 1, vec![value, 0])])
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

fn exif_segment(tiff: &[u8]) -> Vec<u8> {
    segment(0xe1, &[b"Exif\0\0", tiff].concat())
}

fn xmp_text(value: u8, is_attribute: bool) -> Vec<u8> {
    match is_attribute {
        true => format!("<x:xmpmeta><rdf:Description tiff:Orientation=\"{value}\"/></x:xmpmeta>"),
        false => format!("<x:xmpmeta><tiff:Orientation>{value}</tiff:Orientation></x:xmpmeta>"),
    }
    .into_bytes()
}

fn xmp_segment(text: &[u8]) -> Vec<u8> {
    segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", text].concat())
}

/// A JPEG file without pixels: the walk ends at the scan.
fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    let scan = [segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![0x12, 0xff, 0xd9]].concat();
    [vec![0xff, 0xd8], segments.concat(), scan].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    // Nothing here checks the checksum.
    [&length[..], name, content, &[0; 4]].concat()
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunks.concat(),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// The text that programs make of Exif: a name, a length, and digits in lines of 72.
fn raw_profile(exif: &[u8]) -> Vec<u8> {
    let digits: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<&str> = digits
        .as_bytes()
        .chunks(72)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("\nexif\n{:8}\n{}\n", exif.len(), lines.join("\n")).into_bytes()
}

fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut content = b"WEBP".to_vec();
    for (name, data) in chunks {
        content.extend(*name);
        content.extend((data.len() as u32).to_le_bytes());
        content.extend(data);
        content.resize(content.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &(content.len() as u32).to_le_bytes()[..], &content].concat()
}

fn orientation(format: PictureFormat, file: &[u8]) -> u8 {
    of(format, file).to_exif()
}

#[test]
fn numbers_of_every_type_and_count_are_read_in_both_byte_orders() {
    for is_little_endian in [true, false] {
        for (kind, size, is_number) in TYPES {
            for count in 0..4u32 {
                for value in 1..=8 {
                    let values = value_of(kind, value, is_little_endian).repeat(count as usize);
                    assert_eq!(values.len(), size * count as usize);
                    let tiff = tiff_of(is_little_endian, &[Entry(0x0112, kind, count, values)]);
                    let expected = if is_number && count > 0 { value } else { 1 };
                    let case = format!("type {kind}, {count} values of {value}, {is_little_endian}");
                    let found = orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&tiff)]));
                    assert_eq!(found, expected, "{case}");
                }
            }
        }
    }
}

#[test]
fn values_out_of_range_leave_the_picture_as_it_is() {
    for value in [0, 9, 255] {
        let segments = [exif_segment(&short(value)), xmp_segment(&xmp_text(6, true))];
        assert_eq!(orientation(PictureFormat::Jpeg, &jpeg(&segments)), 1, "{value}");
    }
    let half = tiff_of(
        true,
        &[Entry(
            0x0112,
            5,
            1,
            [13u32.to_le_bytes(), 2u32.to_le_bytes()].concat(),
        )],
    );
    assert_eq!(orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&half)])), 1);
    let nothing = tiff_of(true, &[Entry(0x0112, 5, 1, vec![6, 0, 0, 0, 0, 0, 0, 0])]);
    assert_eq!(
        orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&nothing)])),
        1
    );
}

#[test]
fn the_tag_is_found_among_others() {
    let other = |tag| Entry(tag, 2, 9, b"a camera\0".to_vec());
    let tag = |value| Entry(0x0112, 3, 1, vec![value, 0]);
    let last = tiff_of(true, &[other(0x010f), other(0x0110), tag(6)]);
    assert_eq!(orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&last)])), 6);
    let twice = tiff_of(true, &[tag(3), other(0x0110), tag(8)]);
    assert_eq!(
        orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&twice)])),
        8
    );
    // An entry whose values lie outside does not hide a good one.
    let broken = tiff_of(true, &[tag(5), Entry(0x0112, 4, 1 << 20, vec![0; 4])]);
    assert_eq!(
        orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&broken)])),
        5
    );
}

#[test]
fn the_first_exif_block_of_a_jpeg_counts_wherever_it_is() {
    let jfif = segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let frame = segment(0xc0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
    let exif = |value| exif_segment(&short(value));
    let cases: [(&str, Vec<Vec<u8>>, u8); 8] = [
        ("alone", vec![exif(6)], 6),
        ("after JFIF", vec![jfif.clone(), exif(8)], 8),
        ("after the frame", vec![jfif.clone(), frame, exif(3)], 3),
        ("1, then 6", vec![exif(1), exif(6)], 1),
        ("6, then 1", vec![exif(6), exif(1)], 6),
        (
            "in two segments",
            vec![
                exif_segment(&short(6)[..9]),
                jfif.clone(),
                exif_segment(&short(6)[9..]),
            ],
            6,
        ),
        ("after stray bytes", vec![jfif, vec![0x17, 0x42], exif(7)], 7),
        (
            "a prefix twice",
            vec![segment(
                0xe1,
                &[b"Exif\0\0Exif\0\0".as_slice(), &short(4)].concat(),
            )],
            4,
        ),
    ];
    for (case, segments, expected) in cases {
        assert_eq!(
            orientation(PictureFormat::Jpeg, &jpeg(&segments)),
            expected,
            "{case}"
        );
    }
    let mut after_the_scan = jpeg(&[]);
    after_the_scan.extend(exif(6));
    assert_eq!(orientation(PictureFormat::Jpeg, &after_the_scan), 1);
}

#[test]
fn xmp_counts_where_exif_has_no_orientation() {
    let silent = exif_segment(&tiff_of(false, &[Entry(0x010f, 2, 3, b"ab\0".to_vec())]));
    for is_attribute in [true, false] {
        let xmp = xmp_segment(&xmp_text(6, is_attribute));
        assert_eq!(
            orientation(PictureFormat::Jpeg, &jpeg(std::slice::from_ref(&xmp))),
            6
        );
        assert_eq!(
            orientation(PictureFormat::Jpeg, &jpeg(&[silent.clone(), xmp.clone()])),
            6
        );
        assert_eq!(
            orientation(PictureFormat::Jpeg, &jpeg(&[exif_segment(&short(1)), xmp])),
            1
        );
    }
    let single_quotes = xmp_segment(b"<rdf:Description tiff:Orientation='8'/>");
    assert_eq!(orientation(PictureFormat::Jpeg, &jpeg(&[single_quotes])), 8);
}

#[test]
fn png_is_turned_by_chunks_and_text_on_either_side_of_the_pixels() {
    let pixels = chunk(b"IDAT", &[1, 2, 3]);
    let exif = short(6);
    let profile = raw_profile(&[b"Exif\0\0".as_slice(), &exif].concat());
    let keyword = b"Raw profile type exif\0".as_slice();
    let xmp_keyword = b"XML:com.adobe.xmp\0".as_slice();
    let xmp = xmp_text(6, true);
    let carriers = [
        chunk(b"eXIf", &exif),
        chunk(b"eXIf", &[b"Exif\0\0".as_slice(), &exif].concat()),
        chunk(b"tEXt", &[keyword, &profile].concat()),
        chunk(b"zTXt", &[keyword, &[0], &zlib(&profile)].concat()),
        chunk(
            b"zTXt",
            &[b"Raw profile type APP1\0".as_slice(), &[0], &zlib(&profile)].concat(),
        ),
        chunk(b"iTXt", &[keyword, &[0, 0, 0, 0], &profile].concat()),
        chunk(
            b"iTXt",
            &[keyword, &[1, 0], b"en\0exif\0", &zlib(&profile)].concat(),
        ),
        chunk(b"iTXt", &[xmp_keyword, &[0, 0, 0, 0], &xmp].concat()),
        chunk(b"iTXt", &[xmp_keyword, &[1, 0, 0, 0], &zlib(&xmp)].concat()),
    ];
    for (index, carrier) in carriers.iter().enumerate() {
        for file in [
            png(&[carrier.clone(), pixels.clone()]),
            png(&[pixels.clone(), carrier.clone()]),
        ] {
            assert_eq!(orientation(PictureFormat::Png, &file), 6, "carrier {index}");
        }
    }
    // The chunk counts before the profile, wherever they are.
    let chunk_last = png(&[carriers[2].clone(), pixels, chunk(b"eXIf", &short(3))]);
    assert_eq!(orientation(PictureFormat::Png, &chunk_last), 3);
}

/// A chunk of a kilobyte can hold a megabyte of text, and a file thousands of chunks.
#[test]
fn the_texts_of_a_png_are_unpacked_up_to_a_limit_for_all_of_them() {
    let keyword = b"Raw profile type exif\0\0".as_slice();
    let text = |text: &[u8]| chunk(b"zTXt", &[keyword, &zlib(text)].concat());
    let profile = text(&raw_profile(&short(6)));
    for (others, expected) in [(&[1 << 10, 1 << 10][..], 6), (&[1 << 19, 1 << 19], 1)] {
        let mut chunks: Vec<_> = others.iter().map(|&length| text(&vec![b' '; length])).collect();
        chunks.push(profile.clone());
        assert_eq!(
            orientation(PictureFormat::Png, &png(&chunks)),
            expected,
            "{others:?}"
        );
    }
}

#[test]
fn webp_and_tiff_are_turned_and_gif_is_not() {
    let exif = |prefix: &[u8]| [prefix, &short(5)].concat();
    for (name, data) in [
        (b"EXIF", exif(b"")),
        (b"EXIF", exif(b"Exif\0\0")),
        (b"XMP ", xmp_text(5, false)),
    ] {
        // Only what the flags of the extended header announce is read.
        for flags in 0..16 {
            let announced = if name == b"EXIF" { 8 } else { 4 };
            let header = [&[flags][..], &[0; 9]].concat();
            let file = riff(&[(b"VP8X", header), (b"VP8 ", vec![0; 7]), (name, data.clone())]);
            let expected = if flags & announced == 0 { 1 } else { 5 };
            assert_eq!(orientation(PictureFormat::WebP, &file), expected, "{flags}");
        }
        let simple = riff(&[(b"VP8 ", vec![0; 7]), (name, data)]);
        assert_eq!(orientation(PictureFormat::WebP, &simple), 1);
    }
    let gif = [
        b"GIF89a...\x21\xff\x0bXMP DataXMP".as_slice(),
        &xmp_text(2, true),
        &[1, 0xff, 0xfe, 0],
    ]
    .concat();
    assert_eq!(orientation(PictureFormat::Gif, &gif), 1);
    assert_eq!(orientation(PictureFormat::Tiff, &short(7)), 7);
    let xmp = xmp_text(4, true);
    let tiff = tiff_of(false, &[Entry(700, 1, xmp.len() as u32, xmp)]);
    assert_eq!(orientation(PictureFormat::Tiff, &tiff), 4);
}

#[test]
fn cut_files_are_read_as_far_as_they_go() {
    let text = zlib(&raw_profile(&short(6)));
    let files = [
        (PictureFormat::Jpeg, jpeg(&[exif_segment(&short(6))])),
        (
            PictureFormat::Png,
            png(&[chunk(
                b"zTXt",
                &[b"Raw profile type exif\0\0".as_slice(), &text].concat(),
            )]),
        ),
        (
            PictureFormat::WebP,
            riff(&[(b"VP8X", vec![8, 0, 0, 0, 0, 0, 0, 0, 0, 0]), (b"EXIF", short(6))]),
        ),
        (PictureFormat::Tiff, short(6)),
    ];
    for (format, file) in files {
        assert_eq!(orientation(format, &file), 6, "{format}");
        for end in 0..file.len() {
            let found = orientation(format, &file[..end]);
            assert!([1, 6].contains(&found), "{format} cut at {end}: {found}");
        }
    }
}
