//! TIFF files in tiles and strips, of every number of channels, compression and layout that are read without the tiff crate.

pub(super) mod jpeg_data;
pub(super) mod layout;

use super::tiff_files::Form;
use super::*;
use layout::{DEFLATE, JPEG, LZW, Layout, NONE, PACK_BITS};

pub(super) const COLOURS: [(u64, &[u64]); 12] = [
    (0, &[]),
    (1, &[]),
    (2, &[]),
    (2, &[0]),
    (2, &[1]),
    (2, &[2]),
    (2, &[0, 0]),
    (2, &[2, 0]),
    (2, &[0, 0, 0]),
    (5, &[]),
    (5, &[0]),
    (5, &[0, 0]),
];

/// Every layout of some sizes.
fn layouts() -> Vec<Layout> {
    let mut layouts = Vec::new();
    let sizes = [(1, 1), (16, 16), (17, 5), (33, 40), (50, 31), (47, 64)];
    let compressions = [
        (NONE, false),
        (LZW, false),
        (LZW, true),
        (DEFLATE, false),
        (DEFLATE, true),
        (PACK_BITS, false),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        for chunk in [(16, 16), (32, 16), (16, 48), (size.0, 7)] {
            for (photometric, extra) in COLOURS {
                for bits in [1, 8, 16] {
                    for (compression, has_predictor) in compressions {
                        for is_planar in [false, true] {
                            let layout = Layout {
                                form: Form::all()[(index + layouts.len()) % 4],
                                size,
                                chunk,
                                is_tiled: chunk.1 != 7,
                                photometric,
                                extra,
                                bits,
                                compression,
                                has_predictor,
                                is_planar,
                            };
                            let is_grey = layout.samples() == 1;
                            let is_legal = match bits {
                                1 => is_grey && !has_predictor,
                                // Readers disagree about it.
                                16 => photometric != 0,
                                _ => true,
                            };
                            if is_legal {
                                layouts.push(layout);
                            }
                        }
                    }
                }
            }
        }
    }
    layouts
}

#[test]
fn every_tile_and_strip_is_put_in_its_place() {
    let layouts = layouts();
    assert!(layouts.len() > 4000);
    for layout in layouts {
        let file = layout.file();
        let found = match decode_bytes(&file) {
            Ok(found) => found,
            Err(error) => panic!("{layout:?}: {error}"),
        };
        check_bytes(&file).unwrap();
        let (width, height) = found.dimensions();
        assert_eq!((width as usize, height as usize), layout.size, "{layout:?}");
        for (x, y, pixel) in found.enumerate_pixels() {
            let expected = layout.pixel(x as usize, y as usize);
            assert_eq!(pixel.0, expected, "{x}, {y} of {layout:?}");
        }
    }
}

pub(super) const TILED: Layout = Layout {
    form: Form {
        is_little_endian: true,
        is_big: false,
    },
    size: (40, 20),
    chunk: (16, 16),
    is_tiled: true,
    photometric: 2,
    extra: &[0],
    bits: 8,
    compression: LZW,
    has_predictor: false,
    is_planar: false,
};

/// A file of each compression.
pub(super) fn tiled() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("tiled TIFF", NONE),
        ("tiled TIFF, LZW", LZW),
        ("tiled TIFF, deflate", DEFLATE),
        ("tiled TIFF, PackBits", PACK_BITS),
        ("tiled TIFF, JPEG", JPEG),
    ]
    .map(|(name, compression)| {
        let layout = Layout {
            compression,
            is_planar: compression == DEFLATE,
            ..TILED
        };
        (name, layout.file())
    })
    .to_vec()
}

#[test]
fn tiles_without_their_pixels_are_damage() {
    for compression in [NONE, LZW, DEFLATE, PACK_BITS] {
        let layout = Layout { compression, ..TILED };
        for tile in 0..6 {
            let mut chunks = layout.chunks();
            chunks[tile].clear();
            let error = decode_bytes(&layout.file_of(&chunks)).unwrap_err().to_string();
            assert!(error.contains("has no data"), "{error}");

            // What follows an uncompressed tile may belong to it, since some programs count wrongly.
            let mut chunks = layout.chunks();
            chunks[tile].truncate(40);
            let found = decode_bytes(&layout.file_of(&chunks));
            match found {
                Err(DecodeErrorKind::Malformed { reason, .. }) => {
                    assert!(reason.contains("too few"), "{reason}")
                }
                other => assert!(compression == NONE && tile < 5, "{compression} {tile}: {other:?}"),
            }
        }
    }
}

/// The rest of a tile after the last row of the picture need not be there.
#[test]
fn rows_below_the_picture_are_not_needed() {
    let layout = Layout {
        size: (40, 9),
        compression: NONE,
        ..TILED
    };
    let mut chunks = layout.chunks();
    let last = chunks.len() - 1;
    chunks[last].truncate(16 * 4 * 9);
    assert_eq!(
        decode_bytes(&layout.file_of(&chunks)).unwrap(),
        decode_bytes(&layout.file()).unwrap()
    );
}

#[test]
fn tiles_that_take_too_much_memory_are_refused() {
    for compression in [NONE, LZW, DEFLATE, PACK_BITS] {
        let layout = Layout {
            size: (100, 100),
            compression,
            ..TILED
        };
        let wide = Layout {
            chunk: (1 << 28, 1 << 28),
            ..layout
        };
        let file = wide.file_of(&[vec![0; 64]]);
        for error in [decode_bytes(&file).unwrap_err(), check_bytes(&file).unwrap_err()] {
            assert!(matches!(error, DecodeErrorKind::TooMuchMemory { .. }), "{error}");
        }
    }
}
