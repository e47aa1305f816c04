//! The orientation in Exif data, which is a small TIFF file.

use crate::decode::tiff_fields::Directory;

/// Tag `Orientation`.
const ORIENTATION: u16 = 0x0112;
/// Tag of XMP in a TIFF file.
const XMP: u16 = 700;

/// The value of the orientation tag, 0 if it is out of range. `None` if there is no such tag. The data may start with
/// `Exif\0\0`.
pub(super) fn orientation(exif: &[u8]) -> Option<u8> {
    let mut data = exif;
    // Some writers repeat the prefix.
    for _ in 0..2 {
        data = data.strip_prefix(b"Exif\0\0").unwrap_or(data);
    }
    // Pillow does not take bytes or text for a number either.
    let value = Directory::new(data)?
        .find(ORIENTATION)?
        .number()
        .unwrap_or_default();
    let is_orientation = (1.0..=8.0).contains(&value) && value.fract() == 0.0;
    Some(if is_orientation { value as u8 } else { 0 })
}

/// The XMP of a TIFF file.
pub(super) fn xmp(tiff: &[u8]) -> Option<&[u8]> {
    Some(Directory::new(tiff)?.find(XMP)?.bytes)
}
