//! What a file is that is not decoded: by its extension, else by its first bytes.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use file_format::{FileFormat, Kind};

/// Number of bytes at a file's start that tell what it is.
pub const FIRST_BYTES: u64 = 512;

/// What phones write, by the name that messages and `mbn-files` give it.
pub(crate) const HEIC: &str = "HEIC";
/// AV1 in the container of HEIC, by the name that messages and `mbn-files` give it.
pub(crate) const AVIF: &str = "AVIF";
/// What cameras write, in the form of each maker.
pub(crate) const RAW: &str = "RAW";

/// Picture formats with the extensions of their files, in the order of messages. A format that can be decoded is known
/// by `PictureFormat` before this table is asked, so an entry may stay here.
const PICTURES: &[(&str, &[&str])] = &[
    (HEIC, &["heic", "heics", "heif", "heifs", "hif"]),
    (AVIF, &["avif", "avifs"]),
    ("JPEG XL", &["jxl"]),
    ("TIFF", &["tif", "tiff"]),
    (
        RAW,
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

    /// Whether it is a picture that libheif reads.
    pub(crate) fn is_of_libheif(&self) -> bool {
        matches!(self.listed_name(), Some(HEIC | AVIF))
    }

    /// Whether it is a camera's RAW file.
    pub(crate) fn is_raw(&self) -> bool {
        self.listed_name() == Some(RAW)
    }

    /// The name of a picture format in the table.
    fn listed_name(&self) -> Option<&'static str> {
        match self {
            Self::Picture(place) => PICTURES.get(*place).map(|(name, _)| *name),
            _ => None,
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(_) => f.write_str(self.listed_name().unwrap_or("picture")),
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
mod tests;
