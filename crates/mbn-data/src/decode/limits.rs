//! How large a picture may be.

use super::error::DecodeErrorKind;
use super::picture_format::PictureFormat;

/// Most pixels of a picture, unless told otherwise: cameras have 200 million.
pub const DEFAULT_MAX_PIXELS: u64 = 1 << 28;
/// Bytes that decoding one picture may take where a small file can ask for much, unless more pixels are allowed than
/// [`DEFAULT_MAX_PIXELS`]: 134 million RGB pixels.
const DEFAULT_MAX_BYTES: u64 = bytes_for(DEFAULT_MAX_PIXELS);
/// Most pixels along a side, libpng's limit. The weights of a resize take memory for each of them, whatever the other side is.
const MAX_SIDE: u32 = 1_000_000;
/// Largest picture file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// Bytes that decoding may take for this many pixels that are allowed.
const fn bytes_for(max_pixels: u64) -> u64 {
    (max_pixels / 2).saturating_mul(3)
}

/// The limit of pixels with which a picture may be decoded that takes too much memory; `None` for other problems.
pub fn pixels_for_memory(problem: &DecodeErrorKind) -> Option<u64> {
    match problem {
        DecodeErrorKind::TooMuchMemory { bytes, .. } => Some(pixels_for(*bytes)),
        _ => None,
    }
}

/// The fewest pixels to allow so that decoding may take so many bytes.
fn pixels_for(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(2)
}

/// What a picture may claim before its pixels are allocated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    max_pixels: u64,
    max_bytes: u64,
}

impl Limits {
    /// Limits for pictures of at most `max_pixels` pixels.
    pub(super) fn new(max_pixels: u64) -> Self {
        Self {
            max_pixels,
            max_bytes: DEFAULT_MAX_BYTES.max(bytes_for(max_pixels)),
        }
    }

    /// Most bytes that decoding may take.
    pub(super) fn max_bytes(self) -> u64 {
        self.max_bytes
    }

    /// Refuses a picture with too many pixels, or with none, or one that is too long.
    pub(super) fn check_pixels(
        self,
        format: PictureFormat,
        width: u32,
        height: u32,
    ) -> Result<(), DecodeErrorKind> {
        if width == 0 || height == 0 {
            return Err(DecodeErrorKind::Malformed {
                format,
                reason: format!("it has {width} x {height} pixels"),
            });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(DecodeErrorKind::TooManyPixels {
                format,
                width,
                height,
                limit: self.max_pixels,
            });
        }
        if width.max(height) > MAX_SIDE {
            return Err(DecodeErrorKind::TooLong {
                format,
                width,
                height,
                limit: MAX_SIDE,
            });
        }
        Ok(())
    }

    /// Refuses a picture that takes too many bytes to decode.
    pub(super) fn check_bytes(
        self,
        format: PictureFormat,
        form: &'static str,
        bytes: u64,
    ) -> Result<(), DecodeErrorKind> {
        if bytes > self.max_bytes {
            return Err(DecodeErrorKind::TooMuchMemory {
                format,
                form,
                bytes,
                limit: self.max_bytes,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_advised_is_the_least_that_suffices() {
        for bytes in [DEFAULT_MAX_BYTES + 1, 840_000_000, 840_000_001, 840_000_002] {
            let pixels = pixels_for(bytes);
            let allows = |pixels: u64| Limits::new(pixels).max_bytes() >= bytes;
            assert!(allows(pixels) && !allows(pixels - 1), "{bytes}: {pixels}");
        }
    }
}
