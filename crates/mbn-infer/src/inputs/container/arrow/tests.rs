use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BinaryViewBuilder, LargeBinaryBuilder, StringBuilder, StructBuilder,
};
use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::Schema;
use proptest::prelude::*;

use super::*;
use crate::inputs::container::{is_fault, shown};

const PICTURES: [Option<&[u8]>; 3] = [Some(b"first"), None, Some(b"a third one")];

/// Columns of the pictures, in each type that may hold them.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let binary: BinaryBuilder = fill(BinaryBuilder::new(), BinaryBuilder::append_option);
    let large: LargeBinaryBuilder = fill(LargeBinaryBuilder::new(), LargeBinaryBuilder::append_option);
    let view: BinaryViewBuilder = fill(BinaryViewBuilder::new(), BinaryViewBuilder::append_option);
    let fields = vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ];
    let mut structs = StructBuilder::from_fields(fields, 0);
    for picture in PICTURES {
        structs
            .field_builder::<BinaryBuilder>(0)
            .unwrap()
            .append_option(picture);
        let name = picture.map(|picture| format!("{}.png", picture.len()));
        structs
            .field_builder::<StringBuilder>(1)
            .unwrap()
            .append_option(name);
        structs.append(picture.is_some());
    }
    let finished = |mut builder: Box<dyn arrow_array::builder::ArrayBuilder>| builder.finish();
    vec![
        ("binary", finished(Box::new(binary))),
        ("large_binary", finished(Box::new(large))),
        ("binary_view", finished(Box::new(view))),
        ("struct", finished(Box::new(structs))),
    ]
}

fn fill<B>(mut builder: B, append: fn(&mut B, Option<&'static [u8]>)) -> B {
    PICTURES
        .into_iter()
        .for_each(|picture| append(&mut builder, picture));
    builder
}

/// Two batches of the column, behind one that holds no pictures.
fn batches(column: &ArrayRef) -> (Arc<Schema>, RecordBatch) {
    let label: ArrayRef = Arc::new(Int32Array::from(vec![7; column.len()]));
    let batch = RecordBatch::try_from_iter([("label", label), ("image", Arc::clone(column))]).unwrap();
    (batch.schema(), batch)
}

fn written(column: &ArrayRef, as_file: bool, compression: Option<CompressionType>) -> Vec<u8> {
    let (schema, batch) = batches(column);
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    let mut bytes = Vec::new();
    if as_file {
        let mut writer = FileWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
        (0..2).for_each(|_| writer.write(&batch).unwrap());
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
        (0..2).for_each(|_| writer.write(&batch).unwrap());
        writer.finish().unwrap();
    }
    bytes
}

/// Path and content, or the problem, of each input.
fn read(bytes: &[u8]) -> Vec<String> {
    let table = match ArrowTable::open(bytes, Path::new("t.arrow"), None) {
        Ok(table) => table,
        Err(error) => return vec![format!("not opened: {error:#}")],
    };
    table.map(shown).collect()
}

fn expected(named: bool) -> Vec<String> {
    let name = |row: usize, len: usize| {
        if named {
            format!("{len}.png")
        } else {
            row.to_string()
        }
    };
    let batch = |start: usize| {
        [
            format!("t.arrow/{}: first", name(start, 5)),
            format!("t.arrow/{0}: row {0} has no picture", start + 1),
            format!("t.arrow/{}: a third one", name(start + 2, 11)),
        ]
    };
    [batch(0), batch(3)].concat()
}

#[test]
fn every_type_of_column_is_read_from_streams_and_files() {
    let compressions = [
        None,
        Some(CompressionType::LZ4_FRAME),
        Some(CompressionType::ZSTD),
    ];
    for (kind, column) in columns() {
        for as_file in [false, true] {
            for compression in compressions {
                let found = read(&written(&column, as_file, compression));
                assert_eq!(
                    found,
                    expected(kind == "struct"),
                    "{kind} {as_file} {compression:?}"
                );
            }
        }
    }
}

/// Wherever Arrow data is cut, the rows of whole batches are found, and one error says that more is missing.
#[test]
fn data_that_ends_early_is_an_error_after_its_rows() {
    for as_file in [false, true] {
        let (_, column) = &columns()[0];
        let whole = written(column, as_file, None);
        let rows = expected(false);
        for cut in 0..whole.len() {
            let found = read(&whole[..cut]);
            let (error, found) = found.split_last().unwrap();
            assert!(
                error.starts_with("not opened") || error.contains("it ends early"),
                "{as_file} {cut}: {error}"
            );
            assert!(
                [0, 3, 6].contains(&found.len()) && *found == rows[..found.len()],
                "{cut}"
            );
        }
        assert_eq!(read(&whole), rows);
    }
}

#[test]
fn other_content_is_named() {
    for (content, part) in [
        (&b""[..], "no Arrow stream or file"),
        (b"FEA1\0\0\0\0\0\0\0\0", "Feather file of version 1"),
        (b"PAR1 and so on", "no Arrow stream or file"),
        (b"ARROW1\0\0", "no Arrow stream or file"),
        (&[0; 100], "it is empty"),
    ] {
        let found = read(content);
        assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
    }
}

/// What a column is that holds no pictures, in the words of Arrow's tools.
#[test]
fn a_column_without_pictures_is_named_with_its_type() {
    let field = |kind| Arc::new(Field::new("item", kind, true));
    let inner = DataType::Struct(vec![Field::new("jpg", DataType::Binary, true)].into());
    for (kind, expected) in [
        (
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Binary)),
            "dictionary<binary>",
        ),
        (DataType::List(field(DataType::Binary)), "list<binary>"),
        (DataType::FixedSizeBinary(16), "fixed_size_binary(16)"),
        (
            DataType::Struct(vec![Field::new("x", inner, true)].into()),
            "struct<x: struct<jpg: binary>>",
        ),
        (DataType::Utf8, "string"),
    ] {
        let schema = Schema::new(vec![Field::new("image", kind, true)]);
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &schema).unwrap();
        writer.finish().unwrap();
        let found = read(&bytes);
        let part = format!("its columns are `image: {expected}`; write the bytes of the picture files");
        assert!(found[0].contains(&part), "{found:?}");
    }
}

/// As a table has it that was written from the paths of files.
#[test]
fn a_row_with_a_path_alone_is_told_from_one_without_a_picture() {
    let fields = vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ];
    let mut structs = StructBuilder::from_fields(fields, 0);
    structs.field_builder::<BinaryBuilder>(0).unwrap().append_null();
    let names = structs.field_builder::<StringBuilder>(1).unwrap();
    names.append_value("photos/a.png");
    structs.append(true);
    let found = read(&written(&(Arc::new(structs.finish()) as ArrayRef), false, None));
    assert_eq!(
        found[0],
        "t.arrow/photos/a.png: row 0 has no bytes, only the path `photos/a.png`: embed the pictures in the table, or classify \
         the files"
    );
}

proptest! {
    /// Damaged data gives rows or an error, and no panic.
    #[test]
    fn damage_is_survived(kind in 0..4_usize, as_file: bool, compressed: bool,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let compression = compressed.then_some(CompressionType::LZ4_FRAME);
        let mut bytes = written(&columns()[kind].1, as_file, compression);
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        read(&bytes);
    }
}

/// Content of a network's file system that is away after some bytes.
#[cfg(target_os = "linux")]
struct Away<'a>(&'a [u8]);

#[cfg(target_os = "linux")]
impl Read for Away<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::from_raw_os_error(116)),
            n => Ok(n),
        }
    }
}

/// It says nothing about the data, wherever it happens.
#[cfg(target_os = "linux")]
#[test]
fn a_fault_of_the_machine_is_told_from_damaged_data() {
    const STALE: &str = "Stale file handle (os error 116)";
    let (schema, batch) = batches(&columns()[0].1);
    let mut file = FileWriter::try_new(Vec::new(), &schema).unwrap();
    file.write(&batch).unwrap();
    file.write(&batch).unwrap();
    let bytes = file.into_inner().unwrap();
    let mut opened = 0;
    for len in 0..=bytes.len() {
        match ArrowTable::open(Away(&bytes[..len]), Path::new("t.arrow"), None) {
            Err(error) => {
                assert!(is_fault(&error), "{len}: {error:#}");
                assert_eq!(format!("{error:#}"), STALE);
            }
            Ok(table) => {
                let found: Vec<_> = table.take(100).collect();
                let last = found.last().unwrap();
                assert!(last.is_of_machine, "{len}: {:?}", last.problem);
                let row = found.len() - 1;
                let expected = format!("row {row} and those after it cannot be read: {STALE}");
                assert_eq!(last.problem.as_ref(), Some(&expected));
                opened += 1;
            }
        }
    }
    assert!(opened > 0);
    let cut = ArrowTable::open(&bytes[..40], Path::new("t.arrow"), None);
    assert!(!is_fault(&cut.err().unwrap()));
}
