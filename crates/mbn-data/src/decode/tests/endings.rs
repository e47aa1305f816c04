//! Wrong checksums, missing ends, and other rare forms of PNG, BMP and GIF.

use super::*;

fn decoded(bytes: &[u8]) -> Decoded {
    decode_bytes_with(bytes, &DecodeOptions::default()).unwrap()
}

/// Start of a chunk's name.
fn chunk(png: &[u8], name: &[u8; 4]) -> usize {
    png.windows(4).position(|window| window == name).unwrap()
}

#[test]
fn the_checksum_of_the_pixels_decides() {
    let image = picture(33, 17);
    let file = file_of(PictureFormat::Png, image.clone());
    let data = chunk(&file, b"IDAT");
    let length = u32::from_be_bytes(*file[data - 4..].first_chunk().unwrap()) as usize;

    let mut wrong_chunk = file.clone();
    wrong_chunk[data + 4 + length] ^= 1;
    let found = decoded(&wrong_chunk);
    assert_eq!(found.warning, Some(DecodeWarning::Checksum));
    assert_eq!(found.image, image);

    // The last byte is the end of the pixels' own checksum.
    let mut wrong_pixels = file.clone();
    wrong_pixels[data + 4 + length - 1] ^= 1;
    let error = decode_bytes(&wrong_pixels).unwrap_err().to_string();
    assert!(error.ends_with("the checksum of its pixels is wrong"), "{error}");

    let mut wrong_header = file.clone();
    let header = chunk(&file, b"IHDR");
    wrong_header[header + 4 + 13] ^= 1;
    let error = decode_bytes(&wrong_header).unwrap_err().to_string();
    assert!(
        error.ends_with("the checksum of its `IHDR` chunk is wrong"),
        "{error}"
    );
}

#[test]
fn the_last_row_of_a_bmp_may_lack_its_filling() {
    // Rows of 51 bytes are filled up to 52.
    let image = picture(17, 5);
    let file = file_of(PictureFormat::Bmp, image.clone());
    let found = decoded(&file[..file.len() - 1]);
    assert!(matches!(found.warning, Some(DecodeWarning::NoEnd { .. })));
    assert_eq!(found.image, image);
    let error = decode_bytes(&file[..file.len() - 2]).unwrap_err();
    assert!(matches!(error, DecodeErrorKind::Truncated { .. }), "{error}");
}

#[test]
fn a_bmp_may_have_the_header_of_os_2() {
    let image = picture(17, 5);
    let file = file_of(PictureFormat::Bmp, image.clone());
    let length = u32::from_le_bytes(*file[14..].first_chunk().unwrap());
    let offset = u32::from_le_bytes(*file[10..].first_chunk().unwrap());
    for os2_length in [64u32, 48] {
        let mut os2 = file[..14].to_vec();
        os2.extend(os2_length.to_le_bytes());
        os2.extend(&file[18..14 + 40]);
        os2.resize(14 + os2_length as usize, 0);
        os2.extend(&file[14 + length as usize..]);
        os2[10..14].copy_from_slice(&(offset + os2_length - length).to_le_bytes());
        assert_eq!(decode_bytes(&os2).unwrap(), image, "{os2_length}");
        check_bytes(&os2).unwrap();

        // Runs of 24-bit pixels.
        os2[30] = 4;
        os2[34] = 1;
        let error = decode_bytes(&os2).unwrap_err();
        assert!(matches!(error, DecodeErrorKind::Unsupported { .. }), "{error}");
    }
}

/// Every pixel of 16 bits, as Pillow reads it: `value * 255 / 31` or `/ 63` rounded down.
#[test]
fn pixels_of_16_bits_are_those_of_pillow() {
    const WITHOUT_MASKS: u32 = 0;
    const MASKED: u32 = 3;
    for (compression, masks, bits) in [
        (WITHOUT_MASKS, &[][..], [5, 5, 5]),
        (MASKED, &[0x7c00u32, 0x3e0, 0x1f], [5, 5, 5]),
        (MASKED, &[0xf800, 0x7e0, 0x1f], [5, 6, 5]),
    ] {
        let masks: Vec<u8> = masks.iter().flat_map(|mask| mask.to_le_bytes()).collect();
        let offset = 14 + 40 + masks.len() as u32;
        let mut file = b"BM".to_vec();
        // Without compression and its size, the resolution and the colours may be 0; a negative height has the top row first.
        let header = [
            offset + 0x20000,
            0,
            offset,
            40,
            256,
            256u32.wrapping_neg(),
            1 | (16 << 16),
        ];
        file.extend(header.iter().flat_map(|number| number.to_le_bytes()));
        file.extend(
            [compression, 0, 0, 0, 0, 0]
                .iter()
                .flat_map(|number| number.to_le_bytes()),
        );
        file.extend(masks);
        file.extend((0..=u16::MAX).flat_map(u16::to_le_bytes));
        let image = decode_bytes(&file).unwrap();
        for (pixel, value) in image.pixels().zip(0u32..) {
            let [red, green, blue] = bits;
            let channel = |shift: u32, bits: u32| {
                let most = (1 << bits) - 1;
                (((value >> shift) & most) * 255 / most) as u8
            };
            let expected = [channel(green + blue, red), channel(blue, green), channel(0, blue)];
            assert_eq!(pixel.0, expected, "{value:#x} {bits:?}");
        }
    }
}

const PALETTE: [u8; 12] = [10, 20, 30, 200, 100, 50, 0, 255, 0, 1, 2, 3];

/// A GIF of one 4 x 3 frame of colour 1.
fn gif_of(screen: (u16, u16), place: (u16, u16), transparent: Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::gif::Encoder::new(&mut bytes, screen.0, screen.1, &PALETTE).unwrap();
    let frame = ::gif::Frame {
        left: place.0,
        top: place.1,
        width: 4,
        height: 3,
        transparent,
        buffer: vec![1; 12].into(),
        ..::gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

#[test]
fn the_screen_of_a_gif_holds_its_first_frame() {
    let frame = [200, 100, 50];
    for (screen, place, transparent, size, around) in [
        ((4, 3), (0, 0), None, (4, 3), frame),
        // Smaller than the screen: the first colour is around it, or the transparent one.
        ((9, 8), (2, 1), None, (9, 8), [10, 20, 30]),
        ((9, 8), (2, 1), Some(2), (9, 8), [0, 255, 0]),
        // Larger.
        ((2, 2), (0, 0), None, (4, 3), frame),
        ((2, 9), (1, 0), None, (5, 9), [10, 20, 30]),
        ((0, 0), (0, 0), None, (4, 3), frame),
    ] {
        let found = decode_bytes(&gif_of(screen, place, transparent)).unwrap();
        assert_eq!(found.dimensions(), size, "{screen:?}");
        for (x, y, pixel) in found.enumerate_pixels() {
            let (left, top) = (u32::from(place.0), u32::from(place.1));
            let is_frame = (left..left + 4).contains(&x) && (top..top + 3).contains(&y);
            assert_eq!(
                pixel.0,
                if is_frame { frame } else { around },
                "{screen:?}: {x}, {y}"
            );
        }
    }
}

#[test]
fn a_gif_without_its_trailer_has_all_pixels() {
    let file = gif_of((9, 8), (2, 1), None);
    let whole = decode_bytes(&file).unwrap();
    let found = decoded(&file[..file.len() - 1]);
    assert!(matches!(found.warning, Some(DecodeWarning::NoEnd { .. })));
    assert_eq!(found.image, whole);
}

/// Whatever the end lacks, the picture is whole or the file refused.
#[test]
fn a_gif_cut_anywhere_has_all_pixels_or_is_refused() {
    for (width, height) in [(4, 3), (40, 37)] {
        let image = picture(width, height);
        let file = file_of(PictureFormat::Gif, image);
        let whole = decode_bytes(&file).unwrap();
        let mut decoded_ends = Vec::new();
        for end in 0..file.len() {
            match decode_bytes_with(&file[..end], &DecodeOptions::default()) {
                Ok(found) => {
                    assert_eq!(found.image, whole, "cut at {end} of {}", file.len());
                    assert!(matches!(found.warning, Some(DecodeWarning::NoEnd { .. })));
                    decoded_ends.push(end);
                }
                Err(error) => {
                    let is_named = !matches!(error, DecodeErrorKind::Malformed { .. });
                    assert!(is_named, "cut at {end} of {}: {error}", file.len());
                }
            }
        }
        // Without the trailer, and without the frame's terminator too.
        let length = file.len();
        assert!(
            decoded_ends.ends_with(&[length - 2, length - 1]),
            "{decoded_ends:?}"
        );
    }
}
