use std::io::Cursor;

use image::{ImageFormat, RgbaImage};

use crate::decode::{check_bytes, decode_bytes};

fn file(chunks: &[u8]) -> Vec<u8> {
    let length = chunks.len() as u32 + 4;
    [b"RIFF", &length.to_le_bytes()[..], b"WEBP", chunks].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let padding = vec![0; content.len() % 2];
    [name, &(content.len() as u32).to_le_bytes()[..], content, &padding].concat()
}

/// Two numbers less one, in three bytes each.
fn sides(width: u32, height: u32) -> Vec<u8> {
    [width, height]
        .iter()
        .flat_map(|side| (side - 1).to_le_bytes().into_iter().take(3))
        .collect()
}

/// The chunk of a picture without loss.
fn frame_of(image: &RgbaImage) -> Vec<u8> {
    let mut file = Vec::new();
    image
        .write_to(&mut Cursor::new(&mut file), ImageFormat::WebP)
        .unwrap();
    assert_eq!(&file[12..16], b"VP8L");
    file.split_off(12)
}

fn frame(width: u32, height: u32) -> Vec<u8> {
    frame_of(&RgbaImage::from_pixel(
        width,
        height,
        image::Rgba([9, 80, 200, 255]),
    ))
}

fn extended(flags: u8, width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    let header = chunk(b"VP8X", &[&[flags, 0, 0, 0][..], &sides(width, height)].concat());
    file(&[&header[..], chunks].concat())
}

fn on_canvas(width: u32, height: u32, frame: &[u8]) -> Vec<u8> {
    extended(0, width, height, frame)
}

/// The first frame of an animation of 20 x 20 pixels, at an even place.
fn animated_at((left, top): (u32, u32), width: u32, height: u32, frame: &[u8]) -> Vec<u8> {
    let place = sides(left / 2 + 1, top / 2 + 1);
    // The last byte says how it is mixed with what is behind it.
    let frames = [0u8, 1, 2, 3].map(|mixing| {
        let frame = [&place[..], &sides(width, height), &[1, 0, 0, mixing], frame].concat();
        chunk(b"ANMF", &frame)
    });
    let control = chunk(b"ANIM", &[255, 0, 255, 255, 0, 0]);
    extended(0x12, 20, 20, &[control, frames.concat()].concat())
}

fn animated(width: u32, height: u32, frame: &[u8]) -> Vec<u8> {
    animated_at((0, 0), width, height, frame)
}

/// A picture of 20 x 10 pixels with loss, by Pillow 13: `Image.new('RGB', (20, 10), (9, 80, 200)).save(f, quality=50, method=6)`.
/// With `RGBA` and an alpha of 100, there is the other chunk before it.
const LOSSY: [u8; 54] = [
    0xf0, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x14, 0x00, 0x0a, 0x00, 0x3e, 0xd1, 0x54, 0xa3, 0x4b, 0xa8, 0x24,
    0xa3, 0x21, 0xb0, 0x08, 0x01, 0x00, 0x1a, 0x09, 0x40, 0x0e, 0xc0, 0x00, 0x20, 0x6c, 0x00, 0x00, 0xfe,
    0xec, 0x26, 0x5f, 0xff, 0xf8, 0x20, 0xb6, 0xa3, 0xd3, 0x0e, 0x3c, 0x3f, 0xfd, 0x0a, 0x36, 0x51, 0x2f,
    0x98, 0x00, 0x00,
];
const ALPHA: [u8; 5] = [0x01, 0x28, 0x59, 0x44, 0x04];

#[test]
fn a_frame_of_another_size_is_refused_before_it_is_decoded() {
    for (whole, file) in [
        (true, file(&frame(20, 10))),
        (true, on_canvas(20, 10, &frame(20, 10))),
        (false, on_canvas(20, 10, &frame(20, 11))),
        (false, on_canvas(20, 10, &frame(21, 10))),
        (true, animated(20, 10, &frame(20, 10))),
        (false, animated(20, 10, &frame(20, 11))),
        (true, animated_at((4, 10), 16, 10, &frame(16, 10))),
        (false, animated_at((6, 10), 16, 10, &frame(16, 10))),
        (false, animated_at((4, 12), 16, 10, &frame(16, 10))),
    ] {
        assert_eq!(decode_bytes(&file).is_ok(), whole);
        assert_eq!(check_bytes(&file).is_ok(), whole);
    }
}

#[test]
fn a_frame_with_loss_has_its_size_after_the_start_code() {
    let with_sides = |width: u16, height: u16| {
        let mut frame = LOSSY;
        frame[6..10].copy_from_slice(&[width.to_le_bytes(), height.to_le_bytes()].concat());
        chunk(b"VP8 ", &frame)
    };
    assert!(check_bytes(&on_canvas(20, 10, &with_sides(20, 10))).is_ok());
    // The two upper bits say how to enlarge the picture.
    assert!(check_bytes(&on_canvas(20, 10, &with_sides(20 | 0x4000, 10))).is_ok());
    for (width, height) in [(16383, 10), (16383, 16383)] {
        let error = check_bytes(&on_canvas(20, 10, &with_sides(width, height))).unwrap_err();
        assert!(error.to_string().contains("another size"), "{error}");
    }
}

/// The first frame is not mixed with the canvas, whatever its alpha is; around it is black.
#[test]
fn the_first_frame_of_an_animation_is_shown_as_it_is() {
    let frame = RgbaImage::from_fn(12, 8, |x, y| {
        let alpha = [255, 254, 128, 3, 1, 0][(x as usize + y as usize) % 6];
        image::Rgba([(x * 20) as u8, (y * 30) as u8, 201, alpha])
    });
    for place in [(0, 0), (4, 6), (8, 12)] {
        let found = decode_bytes(&animated_at(place, 12, 8, &frame_of(&frame))).unwrap();
        assert_eq!(found.dimensions(), (20, 20));
        for (x, y, pixel) in found.enumerate_pixels() {
            let inside = x.checked_sub(place.0).zip(y.checked_sub(place.1));
            let shown = inside.and_then(|(x, y)| frame.get_pixel_checked(x, y));
            let expected = shown.map_or([0; 3], |pixel| [pixel[0], pixel[1], pixel[2]]);
            assert_eq!(pixel.0, expected, "{x}, {y} with the frame at {place:?}");
        }
    }
}

#[test]
fn announced_chunks_may_be_missing() {
    const ALPHA_EXIF_XMP: u8 = 0x10 | 8 | 4;
    let pixels = chunk(b"VP8 ", &LOSSY);
    let alpha = chunk(b"ALPH", &ALPHA);
    for flags in [0, 0x10, ALPHA_EXIF_XMP] {
        for chunks in [pixels.clone(), [alpha.clone(), pixels.clone()].concat()] {
            let file = extended(flags, 20, 10, &chunks);
            check_bytes(&file).unwrap();
            let found = decode_bytes(&file).unwrap();
            assert_eq!(found.dimensions(), (20, 10));
            // As Pillow decodes it.
            assert!(found.pixels().all(|pixel| pixel.0 == [8, 80, 199]), "{flags:#x}");
        }
    }
}

#[test]
fn a_frame_that_is_cut_off_is_an_error() {
    let lossy = chunk(b"VP8 ", &LOSSY);
    for chunks in [&frame(20, 10), &lossy] {
        // All but its padding.
        let end = 8 + u32::from_le_bytes(*chunks[4..].first_chunk().unwrap()) as usize;
        for length in 0..end {
            for file in [
                on_canvas(20, 10, &chunks[..length]),
                animated(20, 10, &chunks[..length]),
            ] {
                for found in [decode_bytes(&file).map(drop), check_bytes(&file).map(drop)] {
                    assert!(found.is_err(), "{length} of {end}");
                }
            }
        }
    }
}
