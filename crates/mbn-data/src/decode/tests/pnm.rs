//! PNM files: levels of every depth, and what is refused with which words. `tests/pnm` compares with Pillow.

use super::*;

/// A file of each kind, some with comments. Text ends with white space, but not that of bits.
pub(super) fn of_every_kind() -> [(&'static str, Vec<u8>); 8] {
    let bytes = |header: &[u8], pixels: &[u8]| [header, pixels].concat();
    [
        ("PBM in text", b"P1\n# bits\n3 2 1 0\n1 # one\n011".to_vec()),
        (
            "PGM in text",
            b"P2\n3 2\n# most\n255\n0 17 200\n30 4 255\n".to_vec(),
        ),
        ("PGM of 16 bits in text", b"P2 2 2 1000 0 999 1000 31\n".to_vec()),
        ("PPM in text", b"P3 2 1\n15\n0 1 2 # red\n 13 14 15\n".to_vec()),
        ("PBM", bytes(b"P4 9 3\n", &[0xa5, 0x80, 0xff, 0xff, 0, 0])),
        ("PGM", bytes(b"P5\n#\n3 2\n200\r", &[0, 10, 13, 35, 199, 200])),
        ("PGM of 16 bits", bytes(b"P5 2 1 65535 ", &[1, 128, 255, 255])),
        ("PPM of 16 bits", bytes(b"P6 1 1 1023\n", &[0, 10, 3, 255, 2, 0])),
    ]
}

fn pixels(file: &[u8]) -> Vec<[u8; 3]> {
    decode_bytes(file)
        .unwrap()
        .pixels()
        .map(|pixel| pixel.0)
        .collect()
}

fn greys(file: &[u8]) -> Vec<u8> {
    let pixels = pixels(file);
    assert!(pixels.iter().all(|[r, g, b]| r == g && g == b));
    pixels.iter().map(|pixel| pixel[0]).collect()
}

#[test]
fn every_kind_gives_its_pixels() {
    let [bits, grey, deep, colours, packed, bytes, words, deep_colours] =
        of_every_kind().map(|(_, file)| file);
    assert_eq!(greys(&bits), [0, 255, 0, 255, 0, 0]);
    assert_eq!(greys(&grey), [0, 17, 200, 30, 4, 255]);
    // The high bytes of 65,469, of 65,535 and of 2,032.
    assert_eq!(greys(&deep), [0, 255, 255, 7]);
    assert_eq!(pixels(&colours), [[0, 17, 34], [221, 238, 255]]);
    let (w, b) = (255, 0);
    let row = [b, w, b, w, w, b, w, b, b];
    assert_eq!(greys(&packed), [row, [b; 9], [w; 9]].concat());
    // 12.75, 16.575, 44.625 and 253.725.
    assert_eq!(greys(&bytes), [0, 13, 17, 45, 254, 255]);
    // The high bytes of 0x0180 and 0xffff.
    assert_eq!(greys(&words), [1, 255]);
    // 10 / 1023 of 255 is 2.49, and 512 / 1023 is 127.6.
    assert_eq!(pixels(&deep_colours), [[2, 255, 128]]);
}

/// As the same levels in PNG.
#[test]
fn sixteen_bit_grey_keeps_the_high_byte() {
    let words = [0u16, 0xff, 0x100, 0x7fff, 0x8000, 0xfeff, 0xffff];
    let mut file = format!("P5 {} 1 65535\n", words.len()).into_bytes();
    file.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    let image = image::ImageBuffer::from_fn(words.len() as u32, 1, |x, _| Luma([words[x as usize]]));
    let png = encode(DynamicImage::ImageLuma16(image), ImageFormat::Png);
    assert_eq!(decode_bytes(&file).unwrap(), decode_bytes(&png).unwrap());
}

#[test]
fn levels_halfway_are_rounded_to_even() {
    // 1 of 2 is 127.5, 1 of 34 is 7.5, 3 of 34 is 22.5 and 5 of 34 is 37.5.
    assert_eq!(greys(b"P5 1 1 2\n\x01"), [128]);
    assert_eq!(greys(b"P5 3 1 34\n\x01\x03\x05"), [8, 22, 38]);
    assert_eq!(greys(b"P2 3 1 34 1 3 5\n"), [8, 22, 38]);
}

#[test]
fn what_is_wrong_is_said() {
    for (file, expected) in [
        (
            &b"P5 2 2 255\n123"[..],
            "truncated: it has 3 bytes of pixels, expected 4",
        ),
        (b"P4 9 2\n123", "truncated: it has 3 bytes of pixels, expected 4"),
        (
            b"P6 1 1 256\n12345",
            "truncated: it has 5 bytes of pixels, expected 6",
        ),
        (
            b"P1 4 1\n010",
            "truncated: it has 3 bytes of pixels, expected at least 4",
        ),
        (
            b"P3 1 1 255\n1 2",
            "truncated: it has 3 bytes of pixels, expected at least 5",
        ),
        (
            b"P2 2 2 255\n100 200 100 ",
            "truncated: it has 3 levels, expected 4",
        ),
        (b"P1 2 2 0 1\n1\n\n\n", "truncated: it has 3 levels, expected 4"),
        (
            b"P2 2 1 255 100 20",
            "truncated: its last level 20 may lack digits, expected white space behind it",
        ),
        (b"P5 2 2", "truncated: it ends within the header"),
        (b"P5\n# 2 2 255", "truncated: it ends within the header"),
        (
            b"P5 2 2 0\n1234",
            "cannot be decoded: its largest level is 0, expected 1 to 65535",
        ),
        (
            b"P2 1 1 65536 7 ",
            "cannot be decoded: its largest level is 65536, expected 1 to 65535",
        ),
        (
            b"P3 1 1 9 1 2 10 ",
            "cannot be decoded: it has the level 10, expected at most 9",
        ),
        (
            b"P5 1 1 9\n\x0a",
            "cannot be decoded: it has the level 10, expected at most 9",
        ),
        (
            b"P6 1 1 999\n\x00\x00\xff\xff\x00\x00",
            "cannot be decoded: it has the level 65535, expected at most 999",
        ),
        (
            b"P1 2 1 02",
            "cannot be decoded: it has `2` where 0 or 1 is expected",
        ),
        (
            b"P2 2 1 9 1 -1 ",
            "cannot be decoded: it has `-` where a number is expected",
        ),
        (
            b"P2 2 1 9 1#one\n2 ",
            "cannot be decoded: a comment follows its number 1 without a space",
        ),
        (b"P5 0 1 255\n", "cannot be decoded: it has 0 x 1 pixels"),
        (
            b"P5 99999999999 1 255\n",
            "cannot be decoded: its number 999999999... is too large",
        ),
    ] {
        let name = file.escape_ascii();
        let error = decode_bytes(file).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{name}: {error}");
        assert_eq!(check_bytes(file).unwrap_err().to_string(), error, "{name}");
    }
}

#[test]
fn a_text_that_ends_with_a_digit_is_decoded_with_a_warning_if_the_number_is_whole() {
    for file in [&b"P2 2 1 255 100 200"[..], b"P2 2 1 255 100 0", b"P2 2 1 9 1 2"] {
        let decoded = decode_bytes_with(file, &DecodeOptions::default()).unwrap();
        let expected = "the PNM file has all its pixels, but no white space at its end";
        assert_eq!(decoded.warning.unwrap().to_string(), expected);
        assert_eq!(check_bytes(file).unwrap(), decoded.warning);
        let whole = decode_bytes_with(&[file, b"\n"].concat(), &DecodeOptions::default()).unwrap();
        assert_eq!((whole.image, whole.warning), (decoded.image, None));
    }
}

#[test]
fn text_and_formats_that_begin_alike_are_not_taken_for_pnm() {
    for (bytes, expected) in [
        (
            &b"P1 is the first"[..],
            "not an image: it starts with the text `P1 is the first`",
        ),
        (b"P5", "not an image: it starts with the text `P5`"),
        (b"P60 1", "not an image: it starts with the text `P60 1`"),
        (b"P7\nWIDTH 1\nHEIGHT 1\n", "a picture in PAM format"),
        (b"PF\n1 1\n-1.0\n", "a picture in PFM format"),
        (b"Pf\n1 1\n-1.0\n", "a picture in PFM format"),
    ] {
        let error = decode_bytes(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn the_first_of_several_pictures_is_read() {
    let files = of_every_kind().map(|(_, file)| file);
    for file in &files[4..] {
        let both = [&file[..], &files[7]].concat();
        assert_eq!(decode_bytes(&both).unwrap(), decode_bytes(file).unwrap());
    }
}
