//! PNM: PBM, PGM and PPM, in binary or as text; of several pictures the first. Decoded here, because the image crate takes levels
//! above the largest that the header names, refuses comments among the pixels, and rounds 16-bit colours otherwise than Pillow.

use image::{DynamicImage, GrayImage, RgbImage};

use super::error::DecodeErrorKind;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::pnm_text::Text;
use super::request::{Request, Stored, rgb_bytes};
use super::rgb;
use super::warning::DecodeWarning;

/// Decodes a file to RGB. A text whose last number stands at its very end has a warning.
pub(super) fn decode(
    bytes: &[u8],
    request: &Request,
) -> Result<(Stored, Option<DecodeWarning>), DecodeErrorKind> {
    let (header, data) = open(bytes, request.limits)?;
    let (width, height) = (header.width, header.height);
    let memory = request.reserve(width, height, 0);
    // Grey becomes RGB in the same memory.
    let room = usize::try_from(rgb_bytes(width, height)).unwrap_or(usize::MAX);
    let mut levels = Vec::with_capacity(room);
    let warning = match header.is_stored_in_8_bits() {
        true => {
            levels.extend_from_slice(data);
            None
        }
        false => header.each_level(data, |level| levels.push(level))?,
    };
    let image = match header.kind {
        Kind::Rgb => RgbImage::from_raw(width, height, levels).map(DynamicImage::from),
        Kind::Bits | Kind::Grey => GrayImage::from_raw(width, height, levels).map(DynamicImage::from),
    };
    let image = image.ok_or_else(|| malformed("its pixels do not fill it"))?;
    Ok((Stored::whole(rgb::from_dynamic(image), memory), warning))
}

/// Checks the header, that no pixel is missing, and that no level is larger than the header says.
pub(super) fn check(bytes: &[u8], limits: Limits) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
    let (header, data) = open(bytes, limits)?;
    match header.is_stored_in_8_bits() {
        true => Ok(None),
        false => header.each_level(data, |_| ()),
    }
}

/// The header, and the bytes of the pixels: of a text, all that follow.
fn open(bytes: &[u8], limits: Limits) -> Result<(Header, &[u8]), DecodeErrorKind> {
    let (header, data) = Header::read(bytes)?;
    let (width, height) = (header.width, header.height);
    limits.check_pixels(PictureFormat::Pnm, width, height)?;
    limits.check_bytes(PictureFormat::Pnm, "", rgb_bytes(width, height))?;
    let needed = header.least_bytes();
    let at_least = if header.is_text { "at least " } else { "" };
    let found = usize::try_from(needed).ok().and_then(|needed| data.get(..needed));
    let found = found.ok_or_else(|| {
        truncated(format!(
            "it has {} bytes of pixels, expected {at_least}{needed}",
            data.len()
        ))
    })?;
    Ok((header, if header.is_text { data } else { found }))
}

/// What a level stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A pixel of a bit, 1 for black.
    Bits,
    Grey,
    Rgb,
}

/// What stands before the pixels.
#[derive(Clone, Copy, Debug)]
struct Header {
    kind: Kind,
    is_text: bool,
    width: u32,
    height: u32,
    /// The level that is shown as 255.
    most: u16,
}

impl Header {
    /// The header, and what follows it.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeErrorKind> {
        let (kind, is_text) = match bytes.get(1) {
            Some(b'1') => (Kind::Bits, true),
            Some(b'2') => (Kind::Grey, true),
            Some(b'3') => (Kind::Rgb, true),
            Some(b'4') => (Kind::Bits, false),
            Some(b'5') => (Kind::Grey, false),
            _ => (Kind::Rgb, false),
        };
        let mut text = Text::new(bytes, 2);
        let mut number = || match text.number() {
            Ok(Some(number)) if number.is_ended => Ok(number.value),
            Ok(_) => Err(truncated("it ends within the header")),
            Err(reason) => Err(malformed(reason)),
        };
        let (width, height) = (number()?, number()?);
        let most = match kind {
            Kind::Bits => 1,
            Kind::Grey | Kind::Rgb => number()?,
        };
        let most = u16::try_from(most)
            .ok()
            .filter(|most| *most > 0)
            .ok_or_else(|| malformed(format!("its largest level is {most}, expected 1 to 65535")))?;
        let header = Self {
            kind,
            is_text,
            width,
            height,
            most,
        };
        // One white space ends the header, so that the pixels may begin with the byte of another.
        Ok((header, bytes.get(text.place()..).unwrap_or_default()))
    }

    /// Whether the bytes of the file are the levels to show.
    fn is_stored_in_8_bits(&self) -> bool {
        self.kind != Kind::Bits && !self.is_text && self.most == 255
    }

    /// How many levels there are.
    fn count(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        if self.kind == Kind::Rgb {
            3 * pixels
        } else {
            pixels
        }
    }

    /// Bytes of a row of bits.
    fn row_bytes(&self) -> u32 {
        self.width.div_ceil(8)
    }

    /// Bytes that the pixels take, as text at least.
    fn least_bytes(&self) -> u64 {
        match (self.kind, self.is_text) {
            (Kind::Bits, true) => self.count(),
            (Kind::Bits, false) => u64::from(self.row_bytes()) * u64::from(self.height),
            // A digit each, and white space between them.
            (_, true) => 2 * self.count() - 1,
            (_, false) if self.most < 256 => self.count(),
            (_, false) => 2 * self.count(),
        }
    }

    /// What each level is shown as, rounded like Pillow. Of 16-bit grey it is the high byte of 16 bits, as of PNG and TIFF, so
    /// that the same picture has the same pixels in every format. Pillow's `convert("RGB")` would make 255 of all above 255.
    fn shown(&self) -> Vec<u8> {
        if self.kind == Kind::Bits {
            return vec![255, 0];
        }
        let has_16_bits = self.kind == Kind::Grey && self.most > 255;
        let white = if has_16_bits { 65_535.0 } else { 255.0 };
        let scaled = |level| (f64::from(level) / f64::from(self.most) * white).round_ties_even() as u16;
        let levels = (0..=self.most).map(scaled);
        match has_16_bits {
            true => levels.map(|level| level.to_be_bytes()[0]).collect(),
            false => levels.map(|level| level.min(255) as u8).collect(),
        }
    }

    /// Calls `put` with all levels as they are shown. The warning is about the end of a text.
    fn each_level(
        &self,
        data: &[u8],
        mut put: impl FnMut(u8),
    ) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
        let shown = self.shown();
        // Pillow shows a larger level in binary as 255: the header or the pixels are wrong.
        let mut level = |level: u32| match shown.get(level as usize) {
            Some(&shown) => {
                put(shown);
                Ok(())
            }
            None => Err(malformed(format!(
                "it has the level {level}, expected at most {}",
                self.most
            ))),
        };
        match (self.kind, self.is_text) {
            (_, true) => return self.each_in_text(data, level),
            (Kind::Bits, false) => {
                for row in data.chunks_exact(self.row_bytes() as usize) {
                    let bits = row
                        .iter()
                        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
                    bits.take(self.width as usize)
                        .try_for_each(|bit| level(u32::from(bit)))?;
                }
            }
            (_, false) if self.most < 256 => data.iter().try_for_each(|&byte| level(u32::from(byte)))?,
            (_, false) => {
                let mut words = data.as_chunks().0.iter();
                words.try_for_each(|&word| level(u32::from(u16::from_be_bytes(word))))?;
            }
        }
        Ok(None)
    }

    /// Calls `level` with all levels of a text.
    fn each_in_text(
        &self,
        data: &[u8],
        mut level: impl FnMut(u32) -> Result<(), DecodeErrorKind>,
    ) -> Result<Option<DecodeWarning>, DecodeErrorKind> {
        let mut text = Text::new(data, 0);
        let mut warning = None;
        for index in 0..self.count() {
            let missing = || truncated(format!("it has {index} levels, expected {}", self.count()));
            if self.kind == Kind::Bits {
                level(text.bit().map_err(malformed)?.ok_or_else(missing)?)?;
                continue;
            }
            let number = text.number().map_err(malformed)?.ok_or_else(missing)?;
            level(number.value)?;
            if number.is_ended || index + 1 < self.count() {
                continue;
            }
            if !number.is_whole(self.most) {
                return Err(truncated(format!(
                    "its last level {} may lack digits, expected white space behind it",
                    number.value
                )));
            }
            warning = Some(DecodeWarning::no_end(PictureFormat::Pnm, "white space"));
        }
        Ok(warning)
    }
}

fn truncated(missing: impl Into<String>) -> DecodeErrorKind {
    DecodeErrorKind::Truncated {
        format: PictureFormat::Pnm,
        missing: missing.into(),
    }
}

fn malformed(reason: impl Into<String>) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Pnm,
        reason: reason.into(),
    }
}
