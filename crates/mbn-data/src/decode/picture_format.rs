//! The picture formats that are read.

use std::fmt;

use image::ImageFormat;
use mbn_files::FileKind;

use super::heif_library;
use super::pnm_text::is_pnm;
use crate::file_kind::{self, AVIF, HEIC};

/// Names of all formats that need no library of the system, as messages list them.
const FORMAT_NAMES: &str = "PNG, JPEG, WebP, BMP, GIF, TIFF or PNM";
/// Those with libheif's.
const WITH_HEIF: &str = "PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, HEIC or AVIF";

/// Names of all formats that are read, as messages list them.
pub(crate) fn format_names() -> &'static str {
    match heif_library::is_read() {
        true => WITH_HEIF,
        false => FORMAT_NAMES,
    }
}

/// A picture format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG in a JFIF, Exif or Adobe file.
    Jpeg,
    /// WebP, lossy or lossless.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// Graphics Interchange Format; only the first frame is read.
    Gif,
    /// Tagged Image File Format; only the first page is read.
    Tiff,
    /// PBM, PGM and PPM of netpbm, in binary or as text; only the first picture is read.
    Pnm,
    /// HEIC, which phones write; read if [`read_heif`](crate::read_heif) has loaded libheif. Only the primary picture is read.
    Heic,
    /// AVIF, read like HEIC.
    Avif,
}

impl PictureFormat {
    /// Every format that needs no library of the system.
    pub const ALL: [Self; 7] = [
        Self::Png,
        Self::Jpeg,
        Self::WebP,
        Self::Bmp,
        Self::Gif,
        Self::Tiff,
        Self::Pnm,
    ];

    /// The format of a file with these first bytes.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        // The image crate reads BigTIFF, but does not recognise it.
        if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
            return Some(Self::Tiff);
        }
        if is_pnm(bytes) {
            return Some(Self::Pnm);
        }
        if heif_library::is_read()
            && let Some(format) = of_heif(bytes)
        {
            return Some(format);
        }
        match image::guess_format(bytes).ok()? {
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::Gif => Some(Self::Gif),
            ImageFormat::Tiff => Some(Self::Tiff),
            _ => None,
        }
    }

    /// Whether files of any format have this extension, in upper or lower case.
    pub(crate) fn has_extension(extension: &str) -> bool {
        let mut known = Self::ALL.iter().flat_map(|format| format.extensions());
        known.any(|known| known.eq_ignore_ascii_case(extension))
            || heif_library::is_read() && is_of_heif(extension)
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::WebP => &["webp"],
            Self::Bmp => &["bmp"],
            Self::Gif => &["gif"],
            Self::Tiff => &["tif", "tiff"],
            Self::Pnm => &["pbm", "pgm", "pnm", "ppm"],
            // Those that are named while they are not read.
            Self::Heic | Self::Avif => &[],
        }
    }
}

/// The format of a file with these first bytes, if it is one of libheif's.
fn of_heif(bytes: &[u8]) -> Option<PictureFormat> {
    match FileKind::recognise(bytes)? {
        FileKind::Picture(HEIC) => Some(PictureFormat::Heic),
        FileKind::Picture(AVIF) => Some(PictureFormat::Avif),
        _ => None,
    }
}

/// Whether files of libheif's formats have this extension.
fn is_of_heif(extension: &str) -> bool {
    file_kind::FileKind::of_extension(extension).is_some_and(|kind| kind.is_of_libheif())
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
            Self::Heic => HEIC,
            Self::Avif => AVIF,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_that_was_not_asked_for() {
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        assert_eq!(of_heif(heic), Some(PictureFormat::Heic));
        assert_eq!(PictureFormat::recognise(heic), None);
        assert!(is_of_heif("HEIC") && is_of_heif("avif") && !is_of_heif("jxl"));
        assert!(!PictureFormat::has_extension("heic"));
    }

    /// The names that decide are those of `mbn-files`.
    #[test]
    fn files_of_libheif_are_recognised_by_their_brands() {
        let of_brands =
            |major: &[u8], other: &[u8]| of_heif(&[b"\0\0\0\x14ftyp", major, &[0; 4], other].concat());
        for major in [b"heic", b"heix", b"hevc", b"mif1", b"msf1"] {
            assert_eq!(of_brands(major, b"miaf"), Some(PictureFormat::Heic), "{major:?}");
        }
        for (major, other) in [(b"avif", b"miaf"), (b"avis", b"miaf"), (b"mif1", b"avif")] {
            assert_eq!(of_brands(major, other), Some(PictureFormat::Avif), "{major:?}");
        }
        assert_eq!(of_brands(b"crx ", b"isom"), None);
        assert_eq!(of_brands(b"mp42", b"isom"), None);
    }

    #[test]
    fn messages_name_every_format() {
        let names = PictureFormat::ALL.map(|format| format.to_string());
        assert_eq!(FORMAT_NAMES.replace(" or ", ", "), names.join(", "));
    }
}
