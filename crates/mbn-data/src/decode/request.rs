//! What a decoder is asked for, and what it gives.

use image::RgbImage;
use image::metadata::Orientation;

use super::limits::Limits;
use super::memory::{self, Reservation};
use super::options::DecodeOptions;
use super::orientation;
use super::picture_format::PictureFormat;

/// Which decoders may be used, where a format has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoders {
    /// The fast one for the files that it is sure of, the thorough one for all others.
    Fastest,
    /// Only the thorough one.
    Thorough,
}

/// What a decoder is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Both sides of a JPEG file that is decoded at a fraction of its size keep this many pixels.
    pub at_least: Option<u32>,
    pub limits: Limits,
    /// The bytes of the file, which are in memory too.
    pub file_bytes: u64,
    pub decoders: Decoders,
    /// How the picture will be turned.
    pub orientation: Orientation,
}

/// A picture as it is stored, with its share of the memory for decoding.
#[derive(Debug)]
pub(super) struct Stored {
    pub image: RgbImage,
    pub memory: Reservation,
    /// What its sides were divided by.
    pub reduction: u8,
}

impl Stored {
    /// A picture with all its pixels.
    pub(super) fn whole(image: RgbImage, memory: Reservation) -> Self {
        Self {
            image,
            memory,
            reduction: 1,
        }
    }
}

impl Request {
    /// What `options` ask for a file.
    pub(super) fn new(format: PictureFormat, bytes: &[u8], options: &DecodeOptions) -> Self {
        Self {
            at_least: options.at_least,
            limits: Limits::new(options.max_pixels),
            file_bytes: bytes.len() as u64,
            decoders: Decoders::Fastest,
            orientation: orientation::of(format, bytes),
        }
    }

    /// Waits until there is memory to decode a picture: its pixels as RGB, and `working` more bytes meanwhile.
    pub(super) fn reserve(&self, width: u32, height: u32, working: u64) -> Reservation {
        let pixels = rgb_bytes(width, height);
        // A picture that changes its sides is copied.
        let working = match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => working.max(pixels),
            _ => working,
        };
        memory::reserve(self.file_bytes.saturating_add(pixels).saturating_add(working))
    }
}

/// Bytes of a picture in RGB.
pub(super) fn rgb_bytes(width: u32, height: u32) -> u64 {
    3 * u64::from(width) * u64::from(height)
}
