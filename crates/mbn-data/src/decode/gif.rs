//! GIF: the first frame, on a screen that holds it.

use ::gif::{ColorOutput, DecodeOptions, Decoder};
use image::{Rgb, RgbImage};

use super::error::DecodeErrorKind;
use super::limits::Limits;
use super::picture_format::PictureFormat;
use super::request::{Request, Stored, rgb_bytes};

/// Decodes the first frame like Pillow. A frame that reaches beyond the screen enlarges it. Around a smaller frame is the
/// transparent colour, without one the first colour.
pub(super) fn decode(bytes: &[u8], request: &Request) -> Result<Stored, DecodeErrorKind> {
    let mut decoder = open(bytes, request.limits)?;
    let (width, height) = size(&decoder);
    let memory = request.reserve(width, height, decoder.buffer_size() as u64);
    let mut indexes = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indexes).map_err(damaged)?;
    let frame = decoder.current_frame_info().ok_or_else(no_frame)?;
    let palette = decoder.palette().map_err(damaged)?.as_chunks().0;
    // An index beyond the palette is black.
    let colour = |index: u8| Rgb(*palette.get(usize::from(index)).unwrap_or(&[0; 3]));
    let mut image = RgbImage::from_pixel(width, height, colour(frame.transparent.unwrap_or(0)));
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let rows = indexes.chunks_exact(usize::from(frame.width).max(1));
    for (y, row) in (top..).zip(rows) {
        for (x, &index) in (left..).zip(row) {
            image.put_pixel(x, y, colour(index));
        }
    }
    Ok(Stored::whole(image, memory))
}

/// Reads up to the first frame's pixels and checks the size.
pub(super) fn open(bytes: &[u8], limits: Limits) -> Result<Decoder<&[u8]>, DecodeErrorKind> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let mut decoder = options.read_info(bytes).map_err(damaged)?;
    let has_palette = decoder.global_palette().is_some();
    match decoder.next_frame_info() {
        Ok(Some(_)) => {}
        Ok(None) => return Err(no_frame()),
        // The decoder refuses a frame without colours, but does not say so.
        Err(::gif::DecodingError::Format(_)) if !has_palette => {
            return Err(malformed("its first frame is damaged or has no palette"));
        }
        Err(error) => return Err(damaged(error)),
    }
    let (width, height) = size(&decoder);
    limits.check_pixels(PictureFormat::Gif, width, height)?;
    let bytes = rgb_bytes(width, height) + decoder.buffer_size() as u64;
    limits.check_bytes(PictureFormat::Gif, "", bytes)?;
    Ok(decoder)
}

fn no_frame() -> DecodeErrorKind {
    malformed("it has no frame")
}

/// Width and height that hold both the screen and the frame.
fn size(decoder: &Decoder<&[u8]>) -> (u32, u32) {
    let (mut width, mut height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    if let Some(frame) = decoder.current_frame_info() {
        width = width.max(u32::from(frame.left) + u32::from(frame.width));
        height = height.max(u32::from(frame.top) + u32::from(frame.height));
    }
    (width, height)
}

fn damaged(error: ::gif::DecodingError) -> DecodeErrorKind {
    match error {
        ::gif::DecodingError::Io(_)
        | ::gif::DecodingError::UnexpectedEof
        | ::gif::DecodingError::EndCodeNotFound => DecodeErrorKind::Truncated {
            format: PictureFormat::Gif,
            missing: "it ends within the pixels".to_owned(),
        },
        _ => malformed("its data are damaged"),
    }
}

fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Gif,
        reason: reason.to_owned(),
    }
}
