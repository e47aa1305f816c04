//! A file's primary picture, and its pixels.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::calls::{Context, Handle, Image, Options};
use crate::error::{HeifError, Problem};
use crate::library::Heif;

/// `heif_colorspace_RGB`
const RGB: c_int = 1;
/// `heif_chroma_interleaved_RGB`
const INTERLEAVED_RGB: c_int = 10;
/// `heif_channel_interleaved`
const INTERLEAVED: c_int = 10;

/// The primary picture of a file, whose pixels are not decoded yet.
#[derive(Debug)]
pub struct Picture<'a> {
    handle: NonNull<Handle>,
    file: Opened<'a>,
}

/// A file that is open; the library reads from its bytes until it is dropped.
#[derive(Debug)]
struct Opened<'a> {
    heif: &'a Heif,
    context: NonNull<Context>,
    _bytes: PhantomData<&'a [u8]>,
}

/// Upright pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `[height, width, 3]`, 8 bits each.
    pub pixels: Vec<u8>,
}

impl Heif {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// [`HeifError::File`]
    pub fn open<'a>(&'a self, bytes: &'a [u8]) -> Result<Picture<'a>, HeifError> {
        let calls = &self.calls;
        // SAFETY: the function takes nothing and gives a context, or null if there is no memory.
        let context = NonNull::new(unsafe { (calls.context_alloc)() }).ok_or_else(no_memory)?;
        let file = Opened {
            heif: self,
            context,
            _bytes: PhantomData,
        };
        if let Some(set_threads) = calls.set_threads {
            // SAFETY: the context is alive.
            unsafe { set_threads(context.as_ptr(), 0) };
        }
        // SAFETY: the bytes are borrowed for as long as `file`, which owns the context, lives; no options are given.
        let outcome =
            unsafe { (calls.read)(context.as_ptr(), bytes.as_ptr().cast(), bytes.len(), ptr::null()) };
        outcome.check()?;
        let handle = file.primary()?;
        Ok(Picture { handle, file })
    }
}

impl Opened<'_> {
    fn primary(&self) -> Result<NonNull<Handle>, HeifError> {
        let mut handle = ptr::null_mut();
        // SAFETY: the context is alive and has read a file; the function writes a handle to the pointer, or null.
        let outcome = unsafe { (self.heif.calls.primary)(self.context.as_ptr(), &raw mut handle) };
        outcome.check()?;
        NonNull::new(handle).ok_or_else(|| malformed("it has no primary picture"))
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        // SAFETY: the context came from the library, nothing else refers to it, and it is freed once.
        unsafe { (self.heif.calls.context_free)(self.context.as_ptr()) }
    }
}

impl Picture<'_> {
    /// Width and height in pixels, after it is turned and cut. The head of the file says so; it may be wrong.
    ///
    /// # Errors
    /// They are no sizes.
    pub fn size(&self) -> Result<(u32, u32), HeifError> {
        let (calls, handle) = (&self.file.heif.calls, self.handle.as_ptr());
        // SAFETY: the handle is alive.
        let (width, height) = unsafe { ((calls.handle_width)(handle), (calls.handle_height)(handle)) };
        sides(width, height)
    }

    /// Width and height in pixels of what is decoded, before it is turned and cut. The head of the file says so; it may be wrong.
    ///
    /// # Errors
    /// They are no sizes.
    pub fn coded_size(&self) -> Result<(u32, u32), HeifError> {
        let (calls, handle) = (&self.file.heif.calls, self.handle.as_ptr());
        // SAFETY: the handle is alive.
        let (width, height) = unsafe { ((calls.coded_width)(handle), (calls.coded_height)(handle)) };
        sides(width, height)
    }

    /// Bytes for each pixel that decoding takes at most, the pixels in RGB included: the planes of brightness and colour, of one or two
    /// bytes each, beside RGB in the library's memory, which then lies beside [`Rgb`].
    pub fn decoding_bytes(&self) -> u64 {
        match (self.is_deep(), self.has_quarter_chroma()) {
            (false, true) => 6,
            (false, false) => 9,
            (true, true) => 12,
            (true, false) => 15,
        }
    }

    /// Whether it has more than 8 bits, as far as is known.
    fn is_deep(&self) -> bool {
        // SAFETY: the handle is alive.
        let bits = unsafe { (self.file.heif.calls.luma_bits)(self.handle.as_ptr()) };
        !(1..=8).contains(&bits)
    }

    /// Whether four pixels share their colour, as in phones' photos. Older versions do not tell.
    fn has_quarter_chroma(&self) -> bool {
        /// `heif_chroma_monochrome` and `heif_chroma_420`
        const AT_MOST_QUARTER: [c_int; 2] = [0, 1];
        let Some(coded_colours) = self.file.heif.calls.coded_colours else {
            return false;
        };
        let (mut space, mut chroma) = (-1, -1);
        // SAFETY: the handle is alive; the function writes two numbers to the pointers.
        let outcome = unsafe { coded_colours(self.handle.as_ptr(), &raw mut space, &raw mut chroma) };
        outcome.is_ok() && AT_MOST_QUARTER.contains(&chroma)
    }

    /// Decodes it to 8-bit RGB. Alpha is dropped; of more than 8 bits, the upper ones stay.
    ///
    /// # Errors
    /// [`HeifError::File`]; the pixels have another size than the file says.
    pub fn decode(&self) -> Result<Rgb, HeifError> {
        let calls = &self.file.heif.calls;
        // SAFETY: the handle is alive.
        let is_premultiplied = calls
            .is_premultiplied
            .is_some_and(|call| unsafe { call(self.handle.as_ptr()) } != 0);
        if is_premultiplied {
            // libheif drops alpha without dividing by it.
            return Err(HeifError::File {
                problem: Problem::Unsupported,
                reason: "its colours are multiplied by its alpha, which is not undone".to_owned(),
            });
        }
        let options = DecodingOptions::new(self.file.heif)?;
        let mut image = ptr::null_mut();
        // SAFETY: handle and options are alive; the function writes an image to the pointer, or null.
        let outcome = unsafe {
            (calls.decode)(
                self.handle.as_ptr(),
                &raw mut image,
                RGB,
                INTERLEAVED_RGB,
                options.pointer.as_ptr(),
            )
        };
        let image = Pixels {
            heif: self.file.heif,
            image: NonNull::new(image),
        };
        outcome.check()?;
        image.copy(self.size()?)
    }
}

impl Drop for Picture<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from the library and is released once, while its file is still open.
        unsafe { (self.file.heif.calls.handle_release)(self.handle.as_ptr()) }
    }
}

/// How to decode.
struct DecodingOptions<'a> {
    heif: &'a Heif,
    pointer: NonNull<Options>,
}

impl<'a> DecodingOptions<'a> {
    fn new(heif: &'a Heif) -> Result<Self, HeifError> {
        // SAFETY: the function takes nothing and gives options with their defaults, or null.
        let pointer = NonNull::new(unsafe { (heif.calls.options_alloc)() }).ok_or_else(no_memory)?;
        // SAFETY: the library made the options, of the version that they name; only fields of that version are written.
        unsafe {
            let options = pointer.as_ptr();
            let version = (&raw const (*options).version).read();
            if version >= 2 {
                (&raw mut (*options).convert_hdr_to_8bit).write(1);
            }
            if version >= 3 {
                // Without it, missing pixels would be grey.
                (&raw mut (*options).strict_decoding).write(1);
            }
        }
        Ok(Self { heif, pointer })
    }
}

impl Drop for DecodingOptions<'_> {
    fn drop(&mut self) {
        // SAFETY: the options came from the library and are freed once.
        unsafe { (self.heif.calls.options_free)(self.pointer.as_ptr()) }
    }
}

/// Decoded pixels in the library's memory.
struct Pixels<'a> {
    heif: &'a Heif,
    image: Option<NonNull<Image>>,
}

impl Pixels<'_> {
    fn copy(&self, expected: (u32, u32)) -> Result<Rgb, HeifError> {
        let (calls, image) = (&self.heif.calls, self.image.ok_or_else(no_memory)?.as_ptr());
        let mut stride = 0;
        // SAFETY: the image is alive; the last function writes the bytes between rows to the pointer.
        let (width, height, plane) = unsafe {
            (
                (calls.image_width)(image, INTERLEAVED),
                (calls.image_height)(image, INTERLEAVED),
                (calls.plane)(image, INTERLEAVED, &raw mut stride),
            )
        };
        let (width, height) = sides(width, height)?;
        if (width, height) != expected {
            return Err(malformed(&format!(
                "it has {width} x {height} pixels, expected {} x {} by its head",
                expected.0, expected.1
            )));
        }
        let row = 3 * width as usize;
        let stride = usize::try_from(stride).unwrap_or_default();
        if plane.is_null() || stride < row {
            return Err(malformed("its pixels are missing"));
        }
        let mut pixels = Vec::with_capacity(row * height as usize);
        for y in 0..height as usize {
            // SAFETY: the plane has `height` rows of at least `row` bytes, `stride` apart, for as long as the image is alive.
            pixels.extend_from_slice(unsafe { std::slice::from_raw_parts(plane.add(y * stride), row) });
        }
        Ok(Rgb {
            width,
            height,
            pixels,
        })
    }
}

impl Drop for Pixels<'_> {
    fn drop(&mut self) {
        if let Some(image) = self.image {
            // SAFETY: the image came from the library and is released once.
            unsafe { (self.heif.calls.image_release)(image.as_ptr()) }
        }
    }
}

fn sides(width: c_int, height: c_int) -> Result<(u32, u32), HeifError> {
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(malformed(&format!("it has {width} x {height} pixels"))),
    }
}

fn malformed(reason: &str) -> HeifError {
    HeifError::File {
        problem: Problem::Malformed,
        reason: reason.to_owned(),
    }
}

fn no_memory() -> HeifError {
    HeifError::File {
        problem: Problem::Memory,
        reason: "there is no memory for it".to_owned(),
    }
}
