use std::fs::File;
use std::io::{Seek, Write};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::Length;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;
use crate::inputs::container::{is_fault, shown};

const BINARY: &str = "message m { OPTIONAL BYTE_ARRAY photo; }";
const STRUCT: &str =
    "message m { OPTIONAL GROUP image { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); } }";
/// A struct that holds a list as no writer should make it, of which the `parquet` crate's reader panics.
const ODD_LIST: &str =
    "message m { OPTIONAL GROUP image { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8);
    OPTIONAL GROUP tags (LIST) { OPTIONAL BYTE_ARRAY one; OPTIONAL BYTE_ARRAY two; } } }";

const PICTURES: [Option<&str>; 3] = [Some("first"), None, Some("a third one")];

fn properties(with_dictionary: bool, version: WriterVersion, compression: Compression) -> WriterProperties {
    WriterProperties::builder()
        .set_dictionary_enabled(with_dictionary)
        .set_writer_version(version)
        .set_compression(compression)
        .build()
}

/// The pictures in each column of a file whose columns are all binary and optional, at this level.
fn written(schema: &str, properties: WriterProperties) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut group = file.next_row_group().unwrap();
    while let Some(mut column) = group.next_column().unwrap() {
        let typed = column.typed::<ByteArrayType>();
        let most = typed.get_descriptor().max_def_level();
        let values: Vec<_> = PICTURES.into_iter().flatten().map(ByteArray::from).collect();
        let levels: Vec<_> = PICTURES
            .iter()
            .map(|picture| if picture.is_some() { most } else { 0 })
            .collect();
        typed.write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    file.close().unwrap();
    bytes
}

fn plain(schema: &str) -> Vec<u8> {
    let properties = properties(false, WriterVersion::PARQUET_1_0, Compression::UNCOMPRESSED);
    written(schema, properties)
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// Path and content, or the problem, of each input.
fn read(bytes: &[u8]) -> Vec<String> {
    let table = match ParquetTable::open(file(bytes), Path::new("t.parquet"), None) {
        Ok(table) => table,
        Err(error) => return vec![format!("not opened: {error:#}")],
    };
    // Rows without an end would be an error, too.
    table.take(100).map(shown).collect()
}

fn expected(named: bool) -> [String; 3] {
    let names = if named {
        ["first", "1", "a third one"]
    } else {
        ["0", "1", "2"]
    };
    let contents = ["first", "row 1 has no picture", "a third one"];
    [0, 1, 2].map(|row| format!("t.parquet/{}: {}", names[row], contents[row]))
}

#[test]
fn pictures_are_read_whatever_else_their_struct_holds() {
    for (schema, named) in [(BINARY, false), (STRUCT, true), (ODD_LIST, true)] {
        for with_dictionary in [false, true] {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                let bytes = written(schema, properties(with_dictionary, version, Compression::SNAPPY));
                assert_eq!(read(&bytes), expected(named), "{schema}");
            }
        }
    }
}

/// Lists and maps hold no picture for each row, even if what is in them is called `bytes`.
#[test]
fn lists_and_maps_are_no_columns_of_pictures() {
    for (column, kind) in [
        (
            "OPTIONAL GROUP image (LIST) { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); }",
            "list",
        ),
        (
            "OPTIONAL GROUP image (LIST) { OPTIONAL BYTE_ARRAY bytes; }",
            "list",
        ),
        ("OPTIONAL GROUP image (MAP) { OPTIONAL BYTE_ARRAY bytes; }", "map"),
        (
            "REPEATED GROUP image { OPTIONAL BYTE_ARRAY bytes; }",
            "repeated struct<bytes: binary>",
        ),
        ("REPEATED BYTE_ARRAY image;", "repeated binary"),
        ("OPTIONAL BYTE_ARRAY image (UTF8);", "string"),
        ("OPTIONAL BYTE_ARRAY image (JSON);", "binary (json)"),
        (
            "OPTIONAL FIXED_LEN_BYTE_ARRAY (16) image;",
            "fixed_size_binary(16)",
        ),
        (
            "OPTIONAL GROUP image { OPTIONAL GROUP x { OPTIONAL BYTE_ARRAY jpg; OPTIONAL INT64 n; } }",
            "struct<x: struct<jpg: binary, n: int64>>",
        ),
    ] {
        let schema = Arc::new(parse_message_type(&format!("message m {{ {column} }}")).unwrap());
        let mut bytes = Vec::new();
        let writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default());
        writer.unwrap().close().unwrap();
        let found = read(&bytes);
        assert!(
            found.len() == 1 && found[0].contains("it has no column of images, expected one of binary data"),
            "{column}: {found:?}"
        );
        let part = format!("its columns are `image: {kind}`; write the bytes");
        assert!(found[0].contains(&part), "{column}: {found:?}");
    }
}

/// A page that refers to a dictionary which is not there makes the `parquet` crate's reader panic.
#[test]
fn a_row_of_which_the_reader_panics_ends_its_file() {
    let mut bytes = plain(BINARY);
    // The header of a data page: three values, encoded one after the other.
    let header = [0x2c, 0x15, 6, 0x15, 0];
    let place = bytes
        .windows(header.len())
        .position(|bytes| bytes == header)
        .unwrap();
    // By the dictionary.
    bytes[place + 4] = 8 << 1;
    let found = read(&bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    let start = "t.parquet: row 0 and those after it cannot be read: its content contradicts its description";
    assert!(found[0].starts_with(start), "{found:?}");
}

/// A file that is nothing but a footer.
fn footer(schema: &[u8]) -> Vec<u8> {
    // The version, then the schema, then no rows and no groups of them.
    let metadata = [&[0x15, 2, 0x19][..], schema, &[0x16, 0, 0x19, 0x0c, 0]].concat();
    let len = u32::try_from(metadata.len()).unwrap().to_le_bytes();
    [b"PAR1", &metadata[..], &len, b"PAR1"].concat()
}

/// The head of a list of so many structures.
fn list(count: u32) -> Vec<u8> {
    let mut bytes = vec![0xfc];
    varint(&mut bytes, count.into());
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A required group `a` with so many fields.
fn group(fields: u32) -> Vec<u8> {
    let mut bytes = vec![0x35, 0, 0x18, 1, b'a', 0x15];
    varint(&mut bytes, 2 * u64::from(fields));
    bytes.push(0);
    bytes
}

/// A required binary column `a`, with what follows its name.
fn leaf(rest: &[u8]) -> Vec<u8> {
    [&[0x15, 6 << 1, 0x25, 0, 0x18, 1, b'a'], rest, &[0]].concat()
}

/// The root, groups within each other, and a column in the innermost.
fn nested(levels: u32) -> Vec<u8> {
    let groups = (0..levels).flat_map(|_| group(1)).collect();
    footer(&[list(levels + 1), groups, leaf(&[])].concat())
}

#[test]
fn groups_within_each_other_have_a_limit() {
    let no_images = "it has no column of images";
    for (levels, part) in [
        (1, "no column of images, expected"),
        (64, no_images),
        (65, "it has more than 64 groups within each other"),
        (100_000, "it has more than 64 groups within each other"),
        (3_000_000, "it has more than 64 groups within each other"),
    ] {
        let found = read(&nested(levels));
        if levels == 1 {
            // The file is read as this test means it: a column of pictures, of which there are none.
            assert!(found.is_empty(), "{found:?}");
            continue;
        }
        assert!(found.len() == 1 && found[0].contains(part), "{levels}: {found:?}");
    }
    // Beside each other, there may be any number.
    let columns = 10_000;
    let groups: Vec<u8> = (0..columns)
        .flat_map(|_| [group(1), leaf(&[])].concat())
        .collect();
    let wide = footer(&[list(2 * columns + 1), group(columns), groups].concat());
    assert!(
        read(&wide)[0].contains("its columns are `a: struct<a: binary>`"),
        "{:?}",
        read(&wide)
    );
}

#[test]
fn a_schema_that_lies_is_refused() {
    let most = i32::MAX.unsigned_abs();
    // 1 MB of name around a thousand columns.
    let mut long = vec![0x35, 0, 0x18];
    varint(&mut long, 1 << 20);
    long.extend(vec![b'x'; 1 << 20]);
    long.push(0x15);
    varint(&mut long, 2000);
    long.push(0);
    let leaves: Vec<u8> = (0..1000).flat_map(|_| leaf(&[])).collect();
    for (schema, part) in [
        (
            [list(2), group(most), leaf(&[])].concat(),
            "a group should have 2147483647 fields, but 1 follow",
        ),
        (
            [list(2), group(2), leaf(&[])].concat(),
            "a group should have 2 fields, but 1 follow",
        ),
        ([list(most), group(1)].concat(), "it ends early"),
        (
            [list(1002), group(1), long, leaves].concat(),
            "the names of its columns have more than",
        ),
        // A name as a number, and a type of text as bytes.
        (
            [list(2), group(1), vec![0x45, 2, 0]].concat(),
            "field 4 has the type 5",
        ),
        (
            [list(2), group(1), leaf(&[0x6c, 0x18, 1, 0, 0])].concat(),
            "field [10, 1] has the type 8",
        ),
        (
            [list(2), group(1), leaf(&[0x6c, 0x5c, 0x18, 1, 9, 0, 0])].concat(),
            "field [10, 5, 1] has the type 8",
        ),
    ] {
        let found = read(&footer(&schema));
        assert!(found.len() == 1 && found[0].contains(part), "{part}: {found:?}");
    }
}

#[test]
fn other_content_is_named() {
    let whole = plain(BINARY);
    let mut encrypted = whole.clone();
    encrypted.splice(whole.len() - 1.., *b"E");
    let mut long = whole.clone();
    long.splice(whole.len() - 8..whole.len() - 4, [0xff; 4]);
    for (content, part) in [
        (&b""[..], "it has 0 bytes"),
        (b"PAR1", "it has 4 bytes"),
        (b"no table at all", "Corrupt footer"),
        (&encrypted, "its footer is encrypted"),
        (&long, "its footer should have 4294967295 bytes"),
        (&[0; 100], "Corrupt footer"),
    ] {
        let found = read(content);
        assert!(
            found.len() == 1
                && found[0].starts_with("not opened: it is no whole Parquet file: ")
                && found[0].contains(part),
            "{part}: {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Damaged data gives rows or an error, and no panic.
    #[test]
    fn damage_is_survived(kind in 0..3_usize, with_dictionary: bool, is_new: bool, compressed: bool, cut in any::<prop::sample::Index>(),
        is_cut in prop::bool::weighted(0.2),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let version = if is_new { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
        let compression = if compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
        let mut bytes = written([BINARY, STRUCT, ODD_LIST][kind], properties(with_dictionary, version, compression));
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read(&bytes);
    }
}

/// A file on a network's file system that is away after some reads.
#[cfg(target_os = "linux")]
struct Away {
    file: File,
    /// Reads until then.
    reads: std::sync::atomic::AtomicUsize,
}

#[cfg(target_os = "linux")]
impl Away {
    fn read<T>(&self, read: impl FnOnce(&File) -> parquet::errors::Result<T>) -> parquet::errors::Result<T> {
        use std::sync::atomic::Ordering::Relaxed;
        let left = self
            .reads
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        match left {
            Ok(_) => read(&self.file),
            Err(_) => Err(std::io::Error::from_raw_os_error(116).into()),
        }
    }
}

#[cfg(target_os = "linux")]
impl Length for Away {
    fn len(&self) -> u64 {
        Length::len(&self.file)
    }
}

#[cfg(target_os = "linux")]
impl ChunkReader for Away {
    type T = <File as ChunkReader>::T;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.read(|file| file.get_read(start))
    }

    fn get_bytes(&self, start: u64, len: usize) -> parquet::errors::Result<Bytes> {
        self.read(|file| file.get_bytes(start, len))
    }
}

/// It says nothing about the file, wherever it happens.
#[cfg(target_os = "linux")]
#[test]
fn a_fault_of_the_machine_is_told_from_a_damaged_file() {
    const STALE: &str = "Stale file handle (os error 116)";
    let bytes = plain(BINARY);
    let mut rows = Vec::new();
    for reads in 0.. {
        let away = Away {
            file: file(&bytes),
            reads: reads.into(),
        };
        match ParquetTable::open(away, Path::new("t.parquet"), None) {
            Err(error) => {
                assert!(is_fault(&error), "{error:#}");
                assert_eq!(format!("{error:#}"), STALE);
            }
            Ok(table) => {
                let found: Vec<_> = table.take(100).collect();
                let last = found.last().unwrap();
                if !last.is_of_machine {
                    assert_eq!(found.len(), PICTURES.len());
                    assert!(reads > 3, "{reads}");
                    break;
                }
                let row = found.len() - 1;
                let expected = format!("row {row} and those after it cannot be read: {STALE}");
                assert_eq!(last.problem.as_ref(), Some(&expected));
                rows.push(row);
            }
        }
    }
    assert!(!rows.is_empty());
    let error = ParquetTable::open(file(&bytes[..bytes.len() - 1]), Path::new("t.parquet"), None);
    assert!(!is_fault(&error.err().unwrap()));
}
