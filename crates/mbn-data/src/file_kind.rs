//! What a file is that is not decoded: by its extension, else by its first bytes.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use file_format::{FileFormat, Kind};

/// Number of bytes at a file's start that tell what it is.
pub const FIRST_BYTES: u64 = 512;

/// Picture formats with the extensions of their files, in the order of messages. A format that can be decoded is known
/// by `PictureFormat` before this table is asked, so an entry may stay here.
const PICTURES: &[(&str, &[&str])] = &[
    ("HEIC", &["heic", "heics", "heif", "heifs", "hif"]),
    ("AVIF", &["avif", "avifs"]),
    ("JPEG XL", &["jxl"]),
    ("TIFF", &["tif", "tiff"]),
    (
        "RAW",
        &[
            "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "gpr", "iiq", "k25", "kdc", "mef",
            "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
        ],
    ),
    ("SVG", &["svg", "svgz"]),
    ("JPEG 2000", &["j2c", "j2k", "jp2", "jpc", "jpf", "jpm", "jpx"]),
    ("JPEG XR", &["hdp", "jxr", "wdp"]),
    ("Photoshop", &["psb", "psd"]),
    ("ICO", &["cur", "ico"]),
    ("PAM", &["pam"]),
    ("PFM", &["pfm"]),
    ("OpenEXR", &["exr"]),
    ("HDR", &["hdr"]),
    ("TGA", &["tga"]),
    // Extensions of formats that are decoded, beside the usual ones: the first bytes decide.
    ("APNG", &["apng"]),
    ("DIB", &["dib"]),
    ("PJPEG", &["jfi", "jif", "pjp", "pjpeg"]),
    ("MPO", &["mpo"]),
];

/// Extensions of text, which `file_format` cannot know from a signature.
const TEXT: &[&str] = &[
    "cfg", "conf", "css", "csv", "htm", "html", "ini", "ipynb", "js", "json", "jsonl", "log", "md", "names",
    "py", "rst", "sh", "toml", "tsv", "txt", "xml", "yaml", "yml",
];

/// Files that hold many pictures and are read where their own path is given, with the extensions of such files.
const CONTAINERS: &[(&str, &[&str])] = &[
    ("tar archive", &["tar"]),
    ("Parquet", &["parquet"]),
    ("Arrow", &["arrow", "arrows", "feather"]),
];

/// What a file is. The order is that of messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    /// A picture of a format in the table, by its place there.
    Picture(usize),
    /// A picture of another format.
    OtherPicture(String),
    /// A file without an extension whose first bytes are not those of a picture.
    NoExtension,
    /// A picture that can be decoded, with the extension of something else, in lower case.
    PictureNamed(String),
    /// A file that may hold many pictures, by its place in the table.
    Container(usize),
    /// A group of formats, such as `video`.
    Group(&'static str),
    /// A file of an unknown kind, by its extension in lower case.
    Extension(String),
}

impl FileKind {
    /// The kind of a file with this extension, from [`extension`].
    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        let is_listed = |known: &[&str]| known.contains(&extension.as_str());
        if let Some(place) = PICTURES.iter().position(|(_, known)| is_listed(known)) {
            return Some(Self::Picture(place));
        }
        if let Some(place) = CONTAINERS.iter().position(|(_, known)| is_listed(known)) {
            return Some(Self::Container(place));
        }
        if is_listed(TEXT) {
            return Some(Self::Group("text"));
        }
        // Audio shares extensions with video.
        let mut formats = FileFormat::from_extension(&extension).iter();
        match formats.clone().any(|format| format.kind() == Kind::Video) {
            true => Some(Self::Group("video")),
            false => formats.find_map(Self::of_format),
        }
    }

    /// The kind of a file with these first bytes.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        if is_tga(bytes) {
            return Self::of_extension("tga");
        }
        let format = FileFormat::from_bytes(bytes);
        // `PictureFormat` knows those that go on with numbers. The others are text that begins alike.
        if let FileFormat::PortableBitmap | FileFormat::PortableGraymap | FileFormat::PortablePixmap = format
        {
            return None;
        }
        let listed = Self::of_extension(format.extension());
        match listed {
            Some(Self::Picture(_)) if format.kind() == Kind::Image => listed,
            _ => Self::of_format(&format),
        }
    }

    fn of_format(format: &FileFormat) -> Option<Self> {
        Some(match format.kind() {
            Kind::Image => Self::OtherPicture(format.short_name().unwrap_or(format.name()).to_owned()),
            Kind::Video => Self::Group("video"),
            Kind::Audio => Self::Group("audio"),
            Kind::Archive | Kind::Compressed | Kind::Package => Self::Group("archive"),
            Kind::Document if *format == FileFormat::PortableDocumentFormat => Self::Group("PDF"),
            Kind::Document | Kind::Ebook | Kind::Presentation | Kind::Spreadsheet => Self::Group("document"),
            _ => return None,
        })
    }

    /// Whether it is a picture.
    pub(crate) fn is_picture(&self) -> bool {
        matches!(self, Self::Picture(_) | Self::OtherPicture(_))
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(place) => f.write_str(PICTURES.get(*place).map_or("picture", |(name, _)| name)),
            Self::Container(place) => f.write_str(CONTAINERS.get(*place).map_or("archive", |(name, _)| name)),
            Self::OtherPicture(name) => f.write_str(name),
            Self::NoExtension => f.write_str("without an extension"),
            Self::PictureNamed(extension) => write!(f, "`.{extension}` with the content of an image"),
            Self::Group(name) => f.write_str(name),
            Self::Extension(extension) => write!(f, "`.{extension}`"),
        }
    }
}

/// Whether a file begins like TGA, which has no signature and would pass for a cursor (ICO): a header whose values all make sense.
fn is_tga(bytes: &[u8]) -> bool {
    let Some((header, _)) = bytes.split_first_chunk::<18>() else {
        return false;
    };
    let [
        _,
        has_colors,
        kind,
        colors @ ..,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        depth,
        descriptor,
    ] = *header;
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let is_indexed = matches!(kind, 1 | 9);
    let colors_fit = match has_colors {
        0 => !is_indexed && colors == [0; 5],
        1 => number(5) > 0 && matches!(colors[4], 15 | 16 | 24 | 32),
        _ => false,
    };
    let is_known = matches!(
        (kind, depth),
        (1 | 9, 8 | 16) | (2 | 10, 15 | 16 | 24 | 32) | (3 | 11, 8 | 16)
    );
    colors_fit && is_known && number(12) > 0 && number(14) > 0 && descriptor & 0xc0 == 0
}

/// The extension of a file name: letters and digits, a letter among them, after the last dot. So neither `at 10.30.15`
/// nor `Dr. Smith` has one.
pub(crate) fn extension(path: &Path) -> Option<&str> {
    let extension = path.extension().and_then(OsStr::to_str)?;
    let is_extension = extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_extension.then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: Option<FileKind>) -> String {
        kind.map_or("-".to_owned(), |kind| kind.to_string())
    }

    #[test]
    fn extensions_name_the_kind() {
        for (extension, expected) in [
            ("HEIC", "HEIC"),
            ("hif", "HEIC"),
            ("avif", "AVIF"),
            ("jxl", "JPEG XL"),
            ("NEF", "RAW"),
            ("cr3", "RAW"),
            ("dng", "RAW"),
            ("svg", "SVG"),
            ("psd", "Photoshop"),
            ("pdf", "PDF"),
            ("MOV", "video"),
            ("mp4", "video"),
            ("mp3", "audio"),
            ("zip", "archive"),
            ("TAR", "tar archive"),
            ("parquet", "Parquet"),
            ("feather", "Arrow"),
            ("docx", "document"),
            ("csv", "text"),
            ("txt", "text"),
            ("xyz123", "-"),
        ] {
            assert_eq!(name(FileKind::of_extension(extension)), expected, "{extension}");
        }
    }

    #[test]
    fn first_bytes_name_the_kind() {
        for (bytes, expected) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", "AVIF"),
            (b"\xff\x0a\xfa\x1f\x41", "JPEG XL"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
            (b"II*\0\x10\0\0\0CR\x02\0", "RAW"),
            (b"II*\0\x08\0\0\0\0\0", "TIFF"),
            (b"8BPS\0\x01", "Photoshop"),
            (b"P7\nWIDTH 2\n", "PAM"),
            (b"PF\n2 2\n-1.0\n", "PFM"),
            (b"Pf\n2 2\n-1.0\n", "PFM"),
            (b"P2 is the second", "-"),
            // Rows of 64 pixels, in colour, in colour from the top and run-length encoded, with a palette; no pixels; a cursor.
            (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x18\0rest", "TGA"),
            (b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x40\0\x30\0\x20\x28rest", "TGA"),
            (b"\0\x01\x01\0\0\0\x01\x18\0\0\0\0\x40\0\x30\0\x08\0rest", "TGA"),
            (b"\0\0\x02\0\x01\0\x20\x20\0\0\0\0\0\0\x30\0\x18\0rest", "ICO"),
            (b"%PDF-1.7\n", "PDF"),
            (b"PK\x03\x04\x14\0", "archive"),
            (b"two lines\nof text\n", "-"),
            (b"", "-"),
        ] {
            assert_eq!(name(FileKind::of_bytes(bytes)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_extension_is_a_word() {
        for (path, expected) in [
            ("a.JPG", Some("JPG")),
            ("a.tar.gz", Some("gz")),
            ("a.jp2", Some("jp2")),
            ("IMG_1234", None),
            ("Screenshot at 10.30.15", None),
            ("Dr. Smith", None),
            ("a.", None),
        ] {
            assert_eq!(extension(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn no_extension_is_listed_twice() {
        let all: Vec<_> = PICTURES
            .iter()
            .flat_map(|(_, known)| *known)
            .chain(CONTAINERS.iter().flat_map(|(_, known)| *known))
            .chain(TEXT)
            .collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
    }
}
