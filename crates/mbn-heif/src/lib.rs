//! HEIC and AVIF pictures through [libheif](https://github.com/strukturag/libheif), which is loaded at run time: building and starting a
//! program need nothing of it.
//!
//! [`Heif::load`] loads the library, [`Heif::open`] reads the head of a file, and [`Picture::decode`] gives its pixels. Only the
//! primary picture of a file is read; a file may have others, such as thumbnails, depth or the frames of a burst.
//!
//! The library turns and mirrors a picture as the file says (`irot`, `imir`) and cuts it (`clap`). Those are the rule in this format;
//! an orientation in its Exif is only a copy of theirs and must not be applied once more.

mod calls;
mod error;
mod library;
mod outcome;
mod picture;

pub use error::{HeifError, Problem};
pub use library::Heif;
pub use picture::{Picture, Rgb};
