//! PNG's pixels in 8 bits a channel: through the png crate, or faster where `png_fast` takes the file. Colour profiles and texts are skipped: there a small file can
//! unpack to much memory. The image crate would unpack them.

use std::io::Cursor;

use ::png::{ColorType as PngColour, Decoder, DecodingError as PngError, Reader, Transformations};
use image::error::{DecodingError, ImageError, LimitError, LimitErrorKind};
use image::{ColorType, DynamicImage, GrayAlphaImage, GrayImage, ImageFormat, RgbImage, RgbaImage};

use super::error::DecodeErrorKind;
use super::image_crate::from_image_error;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::png_fast;
use super::request::{Decoders, Request, Stored, rgb_bytes};
use super::rgb;

/// A file whose header was read.
pub(super) struct Opened<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    /// Channels in 8 bits, after palettes and transparent colours were resolved.
    layout: ColorType,
    limits: Limits,
}

/// Decodes a file to RGB, as it is stored.
pub(super) fn decode(bytes: &[u8], request: &Request) -> Result<Stored, DecodeErrorKind> {
    let opened = open(bytes, request.limits)?;
    let (width, height) = opened.reader.info().size();
    let working = opened.total_bytes().saturating_sub(rgb_bytes(width, height));
    let memory = request.reserve(width, height, working);
    let fast = match request.decoders {
        Decoders::Fastest => png_fast::pixels(bytes, opened.reader.info()),
        Decoders::Thorough => None,
    };
    let image = match fast {
        Some(pixels) => opened.image(pixels)?,
        None => opened.decode()?,
    };
    let image = rgb::from_dynamic(image);
    Ok(Stored::whole(image, memory))
}

/// Reads the header and checks the size.
pub(super) fn open(bytes: &[u8], limits: Limits) -> Result<Opened<'_>, DecodeErrorKind> {
    let of_crate = ::png::Limits {
        bytes: usize::try_from(limits.max_bytes()).unwrap_or(usize::MAX),
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), of_crate);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let reader = decoder.read_info().map_err(|error| in_our_words(error, limits))?;
    // The crate would panic.
    if let Some(palette) = &reader.info().palette
        && !palette.len().is_multiple_of(3)
    {
        return Err(malformed("its palette does not consist of whole colours"));
    }
    let layout = match reader.output_color_type().0 {
        PngColour::Grayscale => ColorType::L8,
        PngColour::GrayscaleAlpha => ColorType::La8,
        // Palettes become colours.
        PngColour::Rgb | PngColour::Indexed => ColorType::Rgb8,
        PngColour::Rgba => ColorType::Rgba8,
    };
    let (width, height) = reader.info().size();
    limits.check_pixels(PictureFormat::Png, width, height)?;
    let opened = Opened {
        reader,
        layout,
        limits,
    };
    limits.check_bytes(PictureFormat::Png, "", opened.total_bytes())?;
    Ok(opened)
}

impl Opened<'_> {
    /// Bytes that decoding takes at once, with the pixels in RGB.
    pub(super) fn total_bytes(&self) -> u64 {
        let (width, height) = self.reader.info().size();
        rgb::bytes_with_conversion(self.layout, width, height)
    }

    /// Decodes the pixels with the png crate.
    fn decode(mut self) -> Result<DynamicImage, DecodeErrorKind> {
        let size = self.reader.info().size();
        let length = self.reader.output_buffer_size();
        let mut pixels = vec![0; length.ok_or_else(|| malformed("its size is too large"))?];
        let frame = self.reader.next_frame(&mut pixels);
        let frame = frame.map_err(|error| in_our_words(error, self.limits))?;
        if (frame.width, frame.height) != size {
            return Err(malformed("its first frame has another size than its header says"));
        }
        self.image(pixels)
    }

    /// The picture of these pixels.
    fn image(&self, pixels: Vec<u8>) -> Result<DynamicImage, DecodeErrorKind> {
        let (width, height) = self.reader.info().size();
        let image = match self.layout {
            ColorType::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
            ColorType::La8 => GrayAlphaImage::from_raw(width, height, pixels).map(DynamicImage::from),
            ColorType::Rgba8 => RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from),
            _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        };
        image.ok_or_else(|| malformed("its pixels do not fill it"))
    }
}

fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Png,
        reason: reason.to_owned(),
    }
}

fn in_our_words(error: PngError, limits: Limits) -> DecodeErrorKind {
    let error = match error {
        PngError::IoError(error) => ImageError::IoError(error),
        PngError::LimitsExceeded => {
            ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory))
        }
        error => ImageError::Decoding(DecodingError::new(ImageFormat::Png.into(), error)),
    };
    from_image_error(PictureFormat::Png, &[], error, limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousandth of their size is enough for profiles and texts of zeros.
    #[test]
    fn profiles_and_texts_are_not_unpacked() {
        let mut info = ::png::Info::with_size(2, 1);
        info.icc_profile = Some(vec![0; 1 << 20].into());
        info.color_type = PngColour::Rgb;
        let mut file = Vec::new();
        let mut encoder = ::png::Encoder::with_info(&mut file, info).unwrap();
        encoder
            .add_ztxt_chunk("Comment".to_owned(), "0".repeat(1 << 20))
            .unwrap();
        let pixels = [1, 2, 3, 4, 5, 6];
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
        assert!(file.windows(4).any(|name| name == b"iCCP") && file.windows(4).any(|name| name == b"zTXt"));

        let opened = open(&file, Limits::new(2)).unwrap();
        let info = opened.reader.info();
        assert!(info.icc_profile.is_none() && info.compressed_latin1_text.is_empty());
        assert_eq!(opened.decode().unwrap().into_bytes(), pixels);
    }
}
