//! PNG files through both decoders.

use mbn_data::{DecodeOptions, decode_bytes_with, decode_with_png_crate};

/// Most pixels of a picture that is decoded again: a larger one finds nothing more, and takes long.
const MOST_PIXELS: u32 = 1 << 20;

/// Decodes the file as it is, and with the right checksum in every chunk: with a wrong one, the fast decoder looks no
/// further.
///
/// # Panics
/// If the png crate alone does not give the same pixels.
pub(super) fn png(file: &[u8]) {
    same_pixels(file);
    let mut mended = file.to_vec();
    mend_checksums(&mut mended);
    same_pixels(&mended);
}

fn same_pixels(file: &[u8]) {
    let options = DecodeOptions::default();
    // A file that is refused has been to the png crate.
    let Ok(found) = decode_bytes_with(file, &options) else {
        return;
    };
    if found.image.width().saturating_mul(found.image.height()) > MOST_PIXELS {
        return;
    }
    match decode_with_png_crate(file, &options) {
        Ok(expected) => {
            assert!(found.image == expected.image, "other pixels than the png crate's");
            assert_eq!(found.warning, expected.warning);
        }
        Err(error) => panic!("decoded, but the png crate finds: {error}"),
    }
}

/// Gives every whole chunk the right checksum.
fn mend_checksums(file: &mut [u8]) {
    let mut at = 8usize;
    while let Some(length) = file.get(at..).and_then(<[u8]>::first_chunk) {
        let end = (at + 8).saturating_add(u32::from_be_bytes(*length) as usize);
        let Some(covered) = file.get(at + 4..end) else {
            return;
        };
        let checksum = crc32fast::hash(covered).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else {
            return;
        };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
}
