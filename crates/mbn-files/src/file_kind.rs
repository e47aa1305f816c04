//! What a file is, by its first bytes: for messages about a file that is not what was expected.

mod boxes;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use boxes::isobmff;

/// The most bytes that [`FileKind::recognise`] looks at. A file's first bytes are enough; it never needs the rest.
pub const HEAD: usize = 1024;

/// A kind of file that people pass to a program that wants another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// It has no byte.
    Empty,
    /// What Git keeps in place of a large file until `git lfs pull` fetches it.
    GitLfsPointer,
    /// A zip of pickles, as `torch.save` writes since PyTorch 1.6.
    PytorchZip,
    /// A bare pickle, as `torch.save` wrote before.
    PytorchPickle,
    /// A pickle of another program.
    Pickle,
    /// A pickle of NumPy arrays.
    NumpyPickle,
    /// Weights in the safetensors format.
    Safetensors,
    /// An ONNX model.
    Onnx,
    /// A model in ONNX Runtime's own format (`.ort`), which its builds for small devices read.
    Ort,
    /// A network that TensorRT compiled for one kind of GPU.
    TensorRt,
    /// HDF5, as Keras writes.
    Hdf5,
    /// The index of a TensorFlow checkpoint (`.index`), beside which its data lies.
    TensorflowCheckpoint,
    /// `saved_model.pb` of a TensorFlow SavedModel.
    TensorflowSavedModel,
    /// A frozen graph of TensorFlow, as its `.pb` files are.
    TensorflowGraph,
    /// A model for TensorFlow Lite.
    TensorflowLite,
    /// Weights for llama.cpp.
    Gguf,
    /// A NumPy array.
    Npy,
    /// A web page: often a sign-in page or an error that a download saved.
    WebPage,
    /// XML.
    Xml,
    /// JSON.
    Json,
    /// A picture of the format with this name.
    Picture(&'static str),
    /// A video of the format with this name.
    Video(&'static str),
    /// A PDF document.
    Pdf,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
    /// Compressed by the program with this name.
    Compressed(&'static str),
    /// Apache Parquet.
    Parquet,
    /// A program or a library.
    Program,
    /// Text in UTF-16.
    Utf16,
}

impl FileKind {
    /// The kind of a file that begins with `bytes`; `None` if it is none of the kinds. [`HEAD`] bytes are enough.
    pub fn recognise(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::Empty);
        }
        let head = &bytes[..bytes.len().min(HEAD)];
        let by_magic = MAGIC.iter().find(|(at, magic, _)| has(head, *at, magic));
        let by_magic = by_magic.map(|(_, _, kind)| *kind);
        by_magic
            .or_else(|| zip(head))
            .or_else(|| tensorflow(head))
            .or_else(|| pickle(head))
            .or_else(|| isobmff(head))
            .or_else(|| safetensors(head))
            .or_else(|| text(head))
            .or_else(|| onnx(head))
    }

    /// The kind of the file at `path`, of which it reads the first [`HEAD`] bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
        Ok(Self::recognise(&head))
    }

    /// Whether the file holds others and has to be unpacked first.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Tar | Self::Zip | Self::Compressed(_))
    }
}

impl fmt::Display for FileKind {
    /// With an article: `a Git LFS pointer`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty file"),
            Self::GitLfsPointer => {
                f.write_str("a Git LFS pointer, which stands for a file that was not fetched")
            }
            Self::PytorchZip => f.write_str("a PyTorch checkpoint (a zip of pickles)"),
            Self::PytorchPickle => {
                f.write_str("a PyTorch checkpoint (a pickle, as PyTorch wrote before 1.6)")
            }
            Self::Pickle => f.write_str("a Python pickle"),
            Self::NumpyPickle => f.write_str("a pickle of NumPy arrays, as Paddle writes"),
            Self::Safetensors => f.write_str("a safetensors file"),
            Self::Onnx => f.write_str("an ONNX model"),
            Self::Ort => f.write_str("a model in ONNX Runtime's own format (.ort)"),
            Self::TensorRt => f.write_str("an engine of TensorRT"),
            Self::Hdf5 => f.write_str("an HDF5 file, as Keras writes"),
            Self::TensorflowCheckpoint => f.write_str("the index of a TensorFlow checkpoint"),
            Self::TensorflowSavedModel => f.write_str("a TensorFlow SavedModel"),
            Self::TensorflowGraph => f.write_str("a frozen TensorFlow graph"),
            Self::TensorflowLite => f.write_str("a TensorFlow Lite model"),
            Self::Gguf => f.write_str("a GGUF file, as llama.cpp uses"),
            Self::Npy => f.write_str("a NumPy array"),
            Self::WebPage => f.write_str("a web page, not the file that a link on it leads to"),
            Self::Xml => f.write_str("an XML file"),
            Self::Json => f.write_str("a JSON file"),
            Self::Picture(format) => write!(f, "{} {format} picture", article(format)),
            Self::Video(format) => write!(f, "{} {format} video", article(format)),
            Self::Pdf => f.write_str("a PDF document"),
            Self::Tar => f.write_str("a tar archive"),
            Self::Zip => f.write_str("a zip archive"),
            Self::Compressed(program) => write!(f, "a file compressed by {program}"),
            Self::Parquet => f.write_str("a Parquet file"),
            Self::Program => f.write_str("a program or a library"),
            Self::Utf16 => f.write_str("text in UTF-16"),
        }
    }
}

/// `a` or `an`, as the format's name is spoken: `an HEIC`, `a PNG`.
fn article(name: &str) -> &'static str {
    let mut letters = name.chars();
    let (first, second) = (letters.next(), letters.next());
    let spelled_out = !second.is_some_and(char::is_lowercase);
    match first {
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an",
        Some('F' | 'H' | 'L' | 'M' | 'N' | 'R' | 'S' | 'X') if spelled_out => "an",
        _ => "a",
    }
}

/// Bytes at an offset that only one kind of file has.
const MAGIC: &[(usize, &[u8], FileKind)] = &[
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        FileKind::GitLfsPointer,
    ),
    (0, b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (0, b"\x93NUMPY", FileKind::Npy),
    (0, b"GGUF", FileKind::Gguf),
    (4, b"TFL3", FileKind::TensorflowLite),
    (4, b"ORTM", FileKind::Ort),
    (0, b"ftrt", FileKind::TensorRt),
    (0, b"PAR1", FileKind::Parquet),
    (0, b"%PDF-", FileKind::Pdf),
    (0, b"\x7fELF", FileKind::Program),
    (0, b"MZ\x90\x00", FileKind::Program),
    (0, b"\xcf\xfa\xed\xfe", FileKind::Program),
    (0, b"\x89PNG\r\n\x1a\n", FileKind::Picture("PNG")),
    (0, b"\xff\xd8\xff", FileKind::Picture("JPEG")),
    (0, b"GIF87a", FileKind::Picture("GIF")),
    (0, b"GIF89a", FileKind::Picture("GIF")),
    (8, b"WEBP", FileKind::Picture("WebP")),
    (0, b"II*\x00", FileKind::Picture("TIFF")),
    (0, b"MM\x00*", FileKind::Picture("TIFF")),
    (0, b"II+\x00", FileKind::Picture("BigTIFF")),
    (0, b"MM\x00+", FileKind::Picture("BigTIFF")),
    (0, b"FUJIFILMCCD-RAW", FileKind::Picture("Fujifilm RAW")),
    (0, b"IIU\x00", FileKind::Picture("Panasonic RAW")),
    (0, b"8BPS", FileKind::Picture("Photoshop")),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", FileKind::Picture("JPEG XL")),
    (0, b"\xff\x0a", FileKind::Picture("JPEG XL")),
    (
        0,
        b"\x00\x00\x00\x0cjP  \r\n\x87\n",
        FileKind::Picture("JPEG 2000"),
    ),
    (0, b"\x1aE\xdf\xa3", FileKind::Video("Matroska or WebM")),
    (8, b"AVI LIST", FileKind::Video("AVI")),
    (0, b"\x1f\x8b", FileKind::Compressed("gzip")),
    (0, b"BZh", FileKind::Compressed("bzip2")),
    (0, b"\xfd7zXZ\x00", FileKind::Compressed("xz")),
    (0, b"\x28\xb5\x2f\xfd", FileKind::Compressed("zstd")),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind::Compressed("7-Zip")),
    (0, b"Rar!\x1a\x07", FileKind::Compressed("RAR")),
    (257, b"ustar", FileKind::Tar),
    (0, b"\xff\xfe", FileKind::Utf16),
    (0, b"\xfe\xff", FileKind::Utf16),
];

fn has(head: &[u8], at: usize, magic: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// PyTorch's zip begins with an entry `NAME/data.pkl`, or another in the folder of the same name.
fn zip(head: &[u8]) -> Option<FileKind> {
    if !head.starts_with(b"PK\x03\x04") {
        return None;
    }
    let length = head
        .get(26..28)
        .map_or(0, |n| usize::from(n[0]) + 256 * usize::from(n[1]));
    let name = head.get(30..).unwrap_or_default();
    let name = &name[..name.len().min(length)];
    let entries: [&[u8]; 4] = [b"/data.pkl", b"/.format_version", b"/version", b"/byteorder"];
    match entries.iter().any(|entry| name.ends_with(entry)) {
        true => Some(FileKind::PytorchZip),
        false => Some(FileKind::Zip),
    }
}

/// A pickle of protocol 2 to 5. PyTorch's begins with its magic number, the integer 0x1950a86a20f9469cfc6c.
fn pickle(head: &[u8]) -> Option<FileKind> {
    const PYTORCH: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    match head {
        [0x80, 2..=5, rest @ ..] if rest.starts_with(PYTORCH) => Some(FileKind::PytorchPickle),
        // An empty dictionary, list or tuple, a global, a frame, or a memo of a class.
        [0x80, 2..=5, b'}' | b']' | b')' | b'(' | b'c' | 0x95, rest @ ..] => {
            let named = |name: &[u8]| rest.windows(name.len()).any(|part| part == name);
            match named(b"numpy") && named(b"_reconstruct") {
                true => Some(FileKind::NumpyPickle),
                false => Some(FileKind::Pickle),
            }
        }
        _ => None,
    }
}

/// TensorFlow's files: the index of a checkpoint is a table whose first key is empty and has a header as its value, with the
/// number of data files and the version; a SavedModel's message begins with version 1 and a graph of at least 128 bytes; a
/// graph's begins with a node, whose first fields are its name and its operation.
fn tensorflow(head: &[u8]) -> Option<FileKind> {
    if let [0, 0, _, 0x08, _, rest @ ..] = head
        && rest.starts_with(b"\x1a\x02\x08\x01")
    {
        return Some(FileKind::TensorflowCheckpoint);
    }
    match head {
        [0x08, 0x01, 0x12, 0x80..=0xff, ..] => Some(FileKind::TensorflowSavedModel),
        [0x0a, rest @ ..] => {
            let length = rest.iter().position(|byte| *byte < 0x80)?;
            let [0x0a, name_length, rest @ ..] = rest.get(length + 1..)? else {
                return None;
            };
            let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
            let [0x12, _, operation, ..] = rest else {
                return None;
            };
            let is_graph = name.iter().all(u8::is_ascii_graphic) && operation.is_ascii_uppercase();
            is_graph.then_some(FileKind::TensorflowGraph)
        }
        _ => None,
    }
}

/// Eight bytes of a length, and a JSON object.
fn safetensors(head: &[u8]) -> Option<FileKind> {
    let length = u64::from_le_bytes(*head.first_chunk()?);
    let object = head.get(8) == Some(&b'{') && matches!(head.get(9), Some(b'"' | b'}' | b' '));
    (object && length < 1 << 32).then_some(FileKind::Safetensors)
}

/// Formats that are text.
fn text(head: &[u8]) -> Option<FileKind> {
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let begins = |word: &str| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    if begins("<!doctype html") || begins("<html") || begins("<head") {
        return Some(FileKind::WebPage);
    }
    if begins("<?xml") || begins("<svg") {
        let html = text.windows(5).any(|part| part.eq_ignore_ascii_case(b"<html"));
        return Some(if html { FileKind::WebPage } else { FileKind::Xml });
    }
    let after = |open: u8| text.strip_prefix(&[open]).map(<[u8]>::trim_ascii_start);
    match (after(b'{'), after(b'[')) {
        (Some([b'"' | b'}', ..]), _) => Some(FileKind::Json),
        (_, Some([b'"' | b'{' | b'[' | b']' | b'0'..=b'9' | b'-', ..])) => Some(FileKind::Json),
        _ => None,
    }
}

/// `ir_version`, a small number in field 1, and one of the fields that writers put next: the producer's name and version,
/// the domain, the model's version, a description, the graph, or the operator sets.
fn onnx(head: &[u8]) -> Option<FileKind> {
    match head {
        [0x08, 1..=31, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] => Some(FileKind::Onnx),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
