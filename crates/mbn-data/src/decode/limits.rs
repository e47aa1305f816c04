//! How large a picture may be.

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;

/// Longest side of a picture that is decoded, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Largest decoded size of a picture, in bytes: 89 million RGB pixels. A small file can claim far more.
pub const MAX_DECODED_BYTES: u64 = 256 << 20;
/// Largest picture file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// Refuses a picture before its pixels are allocated. `bytes` is their size in the layout that the decoder produces.
pub(super) fn check_size(
    format: PictureFormat,
    width: u32,
    height: u32,
    bytes: u64,
) -> Result<(), DecodeErrorKind> {
    let rgb = 3 * u64::from(width) * u64::from(height);
    if width == 0 || height == 0 {
        return Err(DecodeErrorKind::Malformed {
            format,
            reason: format!("it has {width} x {height} pixels"),
        });
    }
    if width > MAX_SIDE || height > MAX_SIDE || rgb.max(bytes) > MAX_DECODED_BYTES {
        return Err(DecodeErrorKind::TooLarge {
            format,
            width,
            height,
            max_side: MAX_SIDE,
            max_bytes: MAX_DECODED_BYTES,
        });
    }
    Ok(())
}
