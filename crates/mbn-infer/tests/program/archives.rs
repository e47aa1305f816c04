//! Pictures in tar archives, and in Parquet and Arrow files.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{NAMES, Run, failure, folder, picture, pictures, program, results, success};

/// Writes an archive of the pictures with a label beside each.
pub fn archive(folder: &TempDir, name: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in NAMES {
        archive
            .append_path_with_name(folder.path().join(name), format!("in/{name}"))
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        archive
            .append_data(&mut header, format!("in/{name}.cls"), &b"7"[..])
            .unwrap();
    }
    let bytes = archive.into_inner().unwrap();
    std::fs::write(folder.path().join(name), &bytes).unwrap();
    bytes
}

fn json(folder: &TempDir) -> assert_cmd::Command {
    let mut command = program(folder);
    command.args(["--format", "json", "--batch-size", "1"]);
    command
}

/// The results of the pictures as files, below `base`.
fn expected(folder: &TempDir, base: &str) -> Vec<(String, Value)> {
    let found = results(&failure(json(folder).args(NAMES), 3)).into_iter();
    found
        .map(|(path, found)| (format!("{base}/{path}"), found))
        .collect()
}

#[test]
fn pictures_in_a_tar_archive_are_classified_as_files_are() {
    let folder = pictures();
    let bytes = archive(&folder, "1.tar");
    archive(&folder, "2.TAR");
    let (one, two) = (expected(&folder, "1.tar/in"), expected(&folder, "2.TAR/in"));
    let both = [one.clone(), two].concat();
    let run = failure(json(&folder).args(["1.tar", "2.TAR"]), 3);
    assert_eq!(results(&run), both);
    assert!(run.stderr.contains("left out: 6 "), "{}", run.stderr);
    assert_eq!(results(&failure(json(&folder).arg("*.[tT][aA][rR]"), 3)), both);
    let list = json(&folder)
        .args(["--list", "-"])
        .write_stdin("1.tar\n2.TAR\n")
        .output()
        .unwrap();
    assert_eq!(results(&Run::of(list)), both);
    let stdin = failure(json(&folder).arg("-").write_stdin(bytes.clone()), 3);
    assert_eq!(results(&stdin), expected(&folder, "-/in"));
    let shard = failure(json(&folder).args(["--shard", "1/3", "1.tar", "2.TAR"]), 3);
    assert_eq!(results(&shard), [both[1].clone(), both[4].clone()]);
    failure(json(&folder).args(["--list", "-", "-"]), 2);

    // One that ends early: what is there is classified.
    let stdin = failure(json(&folder).arg("-").write_stdin(&bytes[..bytes.len() / 2]), 3);
    let found = results(&stdin);
    assert_eq!(
        found.last().unwrap(),
        &(
            "-".to_owned(),
            Value::from("the archive ends early, more may be missing")
        )
    );
    assert_eq!(found[0], expected(&folder, "-/in")[0]);
    std::fs::write(folder.path().join("1.tar"), &bytes[..bytes.len() / 2]).unwrap();
    let run = failure(json(&folder).args(["1.tar", "a.png"]), 3);
    let found = results(&run);
    let cut = found.iter().position(|(path, _)| path == "1.tar").unwrap();
    assert_eq!(found[..cut], one[..cut]);
    assert_eq!(found[cut].1, "the archive ends early, more may be missing");
    assert_eq!(found.len(), cut + 2);
}

/// Known before anything begins where a path says it, and else no reason to lose the other results.
#[test]
fn pictures_in_archives_are_not_sorted() {
    let folder = pictures();
    archive(&folder, "1.tar");
    std::fs::create_dir(folder.path().join("photos.tar")).unwrap();
    std::fs::rename(
        folder.path().join("a.png"),
        folder.path().join("photos.tar/a.png"),
    )
    .unwrap();
    for path in ["1.tar", "*.tar", "-", "s3://bucket/a.png"] {
        let arguments = ["--sort-into", "sorted", "--output", "out", "c.png", path];
        let run = failure(program(&folder).args(arguments), 2);
        let expected = format!(
            "error: `--sort-into sorted` cannot be used with the input `{path}`: the pictures in it are no files of their own\n\
             hint: unpack the archive, or copy the objects to a folder, or leave `--sort-into` out\n"
        );
        assert_eq!(run.stderr, expected);
        assert!(!folder.path().join("sorted").exists() && !folder.path().join("out").exists());
    }
    // A folder may have such a name.
    success(program(&folder).args(["--sort-into", "sorted", "photos.tar"]));
    std::fs::write(folder.path().join("list"), "c.png\n1.tar\nphotos.tar/a.png\n").unwrap();
    let arguments = [
        "--sort-into",
        "sorted",
        "--html",
        "page.html",
        "--list",
        "list",
        "--bad-images",
        "report",
    ];
    let run = failure(json(&folder).args(arguments), 3);
    assert_eq!(results(&run).len(), 5);
    assert!(folder.path().join("page.html").is_file());
    assert!(
        run.stderr
            .contains("1 picture copied into class folders; 2 could not be; 1 lay there already"),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.matches("it is not a file of its own").count(), 2);
    assert_eq!(run.stderr.matches("hint: unpack the archive").count(), 1);
}

#[test]
fn an_archive_is_continued_where_it_was_interrupted() {
    let folder = pictures();
    archive(&folder, "1.tar");
    let arguments = ["--bad-images", "report", "--output", "out"];
    success(json(&folder).args(arguments).arg("1.tar"));
    let whole = std::fs::read_to_string(folder.path().join("out")).unwrap();
    // The results of the first picture, from a run that ends with an error after it.
    std::fs::remove_file(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("list"), "1.tar\n\0\n").unwrap();
    let run = failure(json(&folder).args(arguments).args(["--list", "list"]), 1);
    assert!(run.stderr.contains("null byte"), "{}", run.stderr);
    assert!(folder.path().join("out.partial").exists());
    success(json(&folder).args(arguments).args(["--resume", "1.tar"]));
    assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), whole);
}

/// A picture and its name, or null.
type Row<'a> = Option<(Vec<u8>, Option<&'a str>)>;

/// Rows that a file has together.
const ROW_GROUP: usize = 2;

#[test]
fn what_is_no_tar_archive_is_said_with_what_to_do() {
    let folder = folder();
    picture(&folder, "a.jpg");
    let jpeg = std::fs::read(folder.path().join("a.jpg")).unwrap();
    let gzip = [b"\x1f\x8b\x08\x00".as_slice(), &[7; 1000]].concat();
    std::fs::write(folder.path().join("a.tar"), &gzip).unwrap();
    let of_gzip = |file: &str| {
        format!(
            "it is a file compressed by gzip, expected a tar archive; `gzip -dc {file} | mbn-infer -` reads it, if it holds a \
             tar archive"
        )
    };
    let of_jpeg = "it is a JPEG picture, expected a tar archive; give its path to classify it";
    for (path, stdin, problem) in [
        ("a.tar", b"".as_slice(), of_gzip("a.tar")),
        ("-", &gzip, of_gzip("FILE")),
        ("-", &jpeg, of_jpeg.to_owned()),
    ] {
        let run = failure(json(&folder).arg(path).write_stdin(stdin), 3);
        assert_eq!(results(&run), [(path.to_owned(), problem.into())]);
    }
}

/// Writes a Parquet file with one column of pictures.
fn table(folder: &TempDir, name: &str, schema: &str, rows: &[Row<'_>]) {
    let file = std::fs::File::create(folder.path().join(name)).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    for rows in rows.chunks(ROW_GROUP) {
        add_rows(&mut writer, rows);
    }
    writer.close().unwrap();
}

fn add_rows(writer: &mut SerializedFileWriter<std::fs::File>, rows: &[Row<'_>]) {
    let mut group = writer.next_row_group().unwrap();
    let is_struct = rows.iter().flatten().any(|(_, path)| path.is_some());
    let columns: Vec<Vec<Option<ByteArray>>> = vec![
        rows.iter()
            .map(|row| row.as_ref().map(|(bytes, _)| bytes.clone().into()))
            .collect(),
        rows.iter()
            .map(|row| row.as_ref().and_then(|(_, path)| path.map(ByteArray::from)))
            .collect(),
    ];
    let depth = if is_struct { 2 } else { 1 };
    for column in &columns[..depth as usize] {
        let levels: Vec<i16> = rows
            .iter()
            .zip(column)
            .map(|(row, value)| match (row, value) {
                (_, Some(_)) => depth,
                (Some(_), None) => depth - 1,
                (None, None) => 0,
            })
            .collect();
        let values: Vec<ByteArray> = column.iter().flatten().cloned().collect();
        let mut writer = group.next_column().unwrap().unwrap();
        writer
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(&levels), None)
            .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
}

const STRUCT: &str =
    "message m { OPTIONAL GROUP image { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); } }";
const BINARY: &str = "message m { OPTIONAL BYTE_ARRAY photo; }";

#[test]
fn pictures_in_a_parquet_file_are_classified_as_files_are() {
    let folder = pictures();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let rows = |named: bool| -> Vec<_> {
        let row = |name: &'static str| Some((read(name), named.then_some(name)));
        vec![row(NAMES[0]), None, row(NAMES[1]), row(NAMES[2])]
    };
    table(&folder, "struct.parquet", STRUCT, &rows(true));
    table(&folder, "binary.parquet", BINARY, &rows(false));
    let files = results(&failure(json(&folder).args(NAMES), 3));
    for (file, names) in [
        ("struct.parquet", ["a.png", "1", "b.jpg", "c.png"]),
        ("binary.parquet", ["0", "1", "2", "3"]),
    ] {
        let run = failure(json(&folder).arg(file), 3);
        let found = results(&run);
        let paths: Vec<_> = found.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(paths, names.map(|name| format!("{file}/{name}")));
        assert_eq!(found[1].1, "row 1 has no picture");
        let pictures = [0, 2, 3].map(|row: usize| found[row].1.clone());
        assert_eq!(
            pictures.to_vec(),
            files.iter().map(|(_, found)| found.clone()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn parquet_files_that_cannot_be_read_are_inputs_that_cannot_be_used() {
    let folder = pictures();
    let row = || {
        vec![Some((
            std::fs::read(folder.path().join("a.png")).unwrap(),
            Some("a.png"),
        ))]
    };
    table(&folder, "whole.parquet", STRUCT, &row());
    table(
        &folder,
        "text.parquet",
        "message m { OPTIONAL BYTE_ARRAY label (UTF8); }",
        &[],
    );
    let two = "message m { OPTIONAL BYTE_ARRAY before; OPTIONAL BYTE_ARRAY after; }";
    let whole = std::fs::read(folder.path().join("whole.parquet")).unwrap();
    std::fs::write(folder.path().join("cut.parquet"), &whole[..whole.len() - 20]).unwrap();
    let mut broken = whole.clone();
    broken[8..60].fill(0xff);
    std::fs::write(folder.path().join("broken.parquet"), &broken).unwrap();
    let schema = Arc::new(parse_message_type(two).unwrap());
    let file = std::fs::File::create(folder.path().join("two.parquet")).unwrap();
    SerializedFileWriter::new(file, schema, Arc::default())
        .unwrap()
        .close()
        .unwrap();
    let lists = "message m { OPTIONAL GROUP image (LIST) { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); } }";
    table(&folder, "lists.parquet", lists, &row());
    // Its only page refers to a dictionary that is not there, of which the `parquet` crate panics.
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let schema = Arc::new(parse_message_type(BINARY).unwrap());
    let mut odd = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut odd, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values = [ByteArray::from("a picture")];
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, Some(&[1]), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let header = [0x2c, 0x15, 2, 0x15, 0];
    let place = odd
        .windows(header.len())
        .position(|bytes| bytes == header)
        .unwrap();
    odd[place + 4] = 8 << 1;
    std::fs::write(folder.path().join("odd.parquet"), odd).unwrap();
    for (file, part) in [
        ("lists.parquet", "it has no column of images"),
        (
            "odd.parquet",
            "row 0 and those after it cannot be read: its content contradicts its description",
        ),
        ("cut.parquet", "it is no whole Parquet file"),
        ("text.parquet", "no column of images"),
        (
            "two.parquet",
            "several of its columns may hold images, `before`, `after`",
        ),
        ("broken.parquet", "row 0 and those after it cannot be read"),
        ("gone.parquet", "no such file"),
    ] {
        let run = failure(json(&folder).args([file, "a.png"]), 3);
        let found = results(&run);
        assert!(
            found.len() == 2 && found[0].1.as_str().unwrap().contains(part),
            "{file}: {found:?}"
        );
        // What a library says when it panics helps nobody.
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

/// Arrow's stream of a column `image`, in batches of two rows.
pub fn arrow(images: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    let batches: Vec<_> = images.chunks(2).map(batch).collect();
    let mut writer = StreamWriter::try_new(&mut stream, &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    stream
}

fn batch(images: &[Vec<u8>]) -> RecordBatch {
    let column: ArrayRef = Arc::new(BinaryArray::from_iter_values(images));
    RecordBatch::try_from_iter([("image", column)]).unwrap()
}

/// A Parquet file with a column `image`.
#[cfg(feature = "cloud")]
pub fn parquet(images: &[Vec<u8>]) -> Vec<u8> {
    compressed(images, Compression::UNCOMPRESSED)
}

fn compressed(images: &[Vec<u8>], compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type("message m { REQUIRED BYTE_ARRAY image; }").unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let values: Vec<ByteArray> = images.iter().cloned().map(Into::into).collect();
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    file
}

/// Pictures' content, and their results as files.
fn images() -> (TempDir, Vec<Vec<u8>>, Vec<Value>) {
    let folder = pictures();
    let images = NAMES.map(|name| std::fs::read(folder.path().join(name)).unwrap());
    let files = results(&failure(json(&folder).args(NAMES), 3));
    (
        folder,
        images.into(),
        files.into_iter().map(|(_, found)| found).collect(),
    )
}

#[test]
fn parquet_files_of_every_compression_are_read() {
    let (folder, images, files) = images();
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::BROTLI(BrotliLevel::default()),
    ] {
        std::fs::write(folder.path().join("t.parquet"), compressed(&images, compression)).unwrap();
        let found = results(&failure(json(&folder).arg("t.parquet"), 3));
        let found: Vec<_> = found.into_iter().map(|(_, found)| found).collect();
        assert_eq!(found, files, "{compression:?}");
    }
}

#[test]
fn pictures_in_an_arrow_file_or_stream_are_classified_as_files_are() {
    let (folder, images, files) = images();
    let stream = arrow(&images);
    let mut file = Vec::new();
    let batch = batch(&images);
    let mut writer = FileWriter::try_new(&mut file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    for (name, content) in [
        ("t.arrow", &stream),
        ("T.ARROWS", &stream),
        ("u.arrow", &file),
        ("t.feather", &file),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
        let found = results(&failure(json(&folder).arg(name), 3)).into_iter();
        let expected = files
            .iter()
            .enumerate()
            .map(|(row, found)| (format!("{name}/{row}"), found.clone()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
    let list = json(&folder)
        .args(["--list", "-"])
        .write_stdin("t.arrow\na.png\n")
        .output()
        .unwrap();
    assert_eq!(results(&Run::of(list)).len(), 4);
    let shard = results(&failure(
        json(&folder).args(["--shard", "1/2", "t.arrow", "u.arrow"]),
        3,
    ));
    assert_eq!(
        shard.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["t.arrow/1", "u.arrow/0", "u.arrow/2"]
    );

    // One that ends early: the pictures of whole batches are there.
    std::fs::write(folder.path().join("t.arrow"), &stream[..stream.len() - 100]).unwrap();
    let found = results(&failure(json(&folder).args(["t.arrow", "a.png"]), 3));
    assert_eq!(found.len(), 4);
    assert_eq!(found[2].0, "t.arrow");
    assert_eq!(found[2].1, "it ends early, after 2 rows; more may be missing");
    std::fs::write(folder.path().join("t.arrow"), "no stream").unwrap();
    let found = results(&failure(
        json(&folder).args(["t.arrow", "gone.arrow", "a.png"]),
        3,
    ));
    assert!(
        found[0]
            .1
            .as_str()
            .unwrap()
            .contains("it is no Arrow stream or file"),
        "{found:?}"
    );
    assert_eq!(found.len(), 3);
}

#[test]
fn an_option_chooses_the_column() {
    let (folder, images, files) = images();
    let after: ArrayRef = Arc::new(BinaryArray::from_iter_values(&images));
    let before: ArrayRef = Arc::new(BinaryArray::from_iter_values([b"x"; 3]));
    let label: ArrayRef = Arc::new(arrow_array::Int32Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("label", label), ("before", before), ("after", after)]).unwrap();
    let mut writer = FileWriter::try_new(
        std::fs::File::create(folder.path().join("t.arrow")).unwrap(),
        &batch.schema(),
    )
    .unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let two = "message m { OPTIONAL BYTE_ARRAY before; OPTIONAL BYTE_ARRAY after; OPTIONAL INT32 label; }";
    let file = std::fs::File::create(folder.path().join("t.parquet")).unwrap();
    let mut parquet =
        SerializedFileWriter::new(file, Arc::new(parse_message_type(two).unwrap()), Arc::default()).unwrap();
    let mut group = parquet.next_row_group().unwrap();
    for values in [vec![b"x".to_vec(); 3], images.clone()] {
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> = values.into_iter().map(Into::into).collect();
        column
            .typed::<ByteArrayType>()
            .write_batch(&values, Some(&[1; 3]), None)
            .unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<parquet::data_type::Int32Type>()
        .write_batch(&[1, 2, 3], Some(&[1; 3]), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    parquet.close().unwrap();
    for table in ["t.arrow", "t.parquet"] {
        let found = results(&failure(json(&folder).args(["--column", "after", table]), 3)).into_iter();
        assert_eq!(
            found.map(|(_, found)| found).collect::<Vec<_>>(),
            files,
            "{table}"
        );
        for (arguments, part) in [
            (
                &[table][..],
                "several of its columns may hold images, `before`, `after`",
            ),
            (
                &["--column", "label", table][..],
                "its column `label` is `int32` and holds no images, expected",
            ),
            (
                &["--column", "picture", table][..],
                "it has no column `picture`; its columns are ",
            ),
        ] {
            let found = results(&failure(json(&folder).args(arguments), 3));
            assert!(
                found.len() == 1 && found[0].1.as_str().unwrap().contains(part),
                "{found:?}"
            );
        }
    }
}

/// The rows before one that cannot be read are classified.
#[test]
fn a_broken_row_of_a_parquet_file_ends_it() {
    let folder = pictures();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let row = |name| Some((read(name), Some(name)));
    let rows = [row("a.png"), row("c.png"), row("a.png"), row("c.png")];
    table(&folder, "t.parquet", STRUCT, &rows);
    let whole = results(&success(json(&folder).arg("t.parquet")));
    let file = std::fs::File::open(folder.path().join("t.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let (start, length) = reader.metadata().row_group(1).column(0).byte_range();
    let mut broken = read("t.parquet");
    broken[start as usize..][..length as usize].fill(0xff);
    std::fs::write(folder.path().join("t.parquet"), broken).unwrap();
    let run = failure(json(&folder).args(["t.parquet", "a.png"]), 3);
    let found = results(&run);
    assert_eq!(found[..2], whole[..2]);
    assert_eq!((found.len(), found[2].0.as_str()), (4, "t.parquet"));
    let problem = found[2].1.as_str().unwrap();
    assert!(
        problem.starts_with("row 2 and those after it cannot be read: "),
        "{problem}"
    );
    let said = format!("error: `t.parquet`: {problem}\n");
    assert!(run.stderr.contains(&said), "{}", run.stderr);
}
