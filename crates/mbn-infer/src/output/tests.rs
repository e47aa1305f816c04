//! Each format, read back.

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::RowAccessor;

use super::*;
use crate::predictions::Prediction;

const PREDICTIONS: [Prediction<'_>; 2] = [
    Prediction {
        label: "golf \"ball\", white",
        index: 7,
        probability: 0.75,
    },
    Prediction {
        label: "tench",
        index: 0,
        probability: 0.25,
    },
];

fn open(format: OutputFormat, path: &Path) -> Result<Box<dyn Writer>> {
    open_with(format, Extra::default(), path)
}

fn open_with(format: OutputFormat, extra: Extra, path: &Path) -> Result<Box<dyn Writer>> {
    Destination::open(Some(path), false)?.begin(Form { format, extra }, None)
}

/// Writes an image, a failure and an image; gives the file's content.
fn written(format: OutputFormat) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results");
    let writer = fill(open(format, &path).unwrap());
    assert!(!path.exists(), "the file has its name before it is whole");
    writer.finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::read(path).unwrap()
}

fn fill(mut writer: Box<dyn Writer>) -> Box<dyn Writer> {
    let all = Classified::new(&PREDICTIONS, None);
    writer.image(Path::new("a.png"), None, Ok(&all)).unwrap();
    let failed = writer.image(Path::new("b, c.png"), None, Err("no image"));
    failed.unwrap();
    writer.flush().unwrap();
    let second = Classified::new(&PREDICTIONS[1..], None);
    writer.image(Path::new("d.png"), None, Ok(&second)).unwrap();
    writer
}

/// Writes an image under a threshold with everything that can be written, and a failure; gives the file's content.
fn written_in_full(format: OutputFormat, features: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results");
    let extra = Extra {
        uncertain: true,
        logits: true,
        features,
        true_class: true,
    };
    let class = TrueClass {
        label: "a class, another",
        index: 7,
    };
    let mut writer = open_with(format, extra, &path).unwrap();
    let found = Classified {
        logits: Some(&[0.5, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.5]),
        features: features.then_some(&[0.25, 3.0]),
        ..Classified::new(&PREDICTIONS, Some(0.25))
    };
    writer.image(Path::new("a.png"), Some(class), Ok(&found)).unwrap();
    let failed = writer.image(Path::new("b.png"), Some(class), Err("no image"));
    failed.unwrap();
    let failed = writer.image(Path::new("folder"), None, Err("no folder"));
    failed.unwrap();
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn json_has_what_is_wanted_besides() {
    let text = String::from_utf8(written_in_full(OutputFormat::Json, true)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(first["uncertain"], false);
    assert_eq!(first["logits"][7], 1.5);
    assert_eq!(first["features"], serde_json::json!([0.25, 3.0]));
    let class = r#""class":{"label":"a class, another","index":7}}"#;
    assert!(lines[0].ends_with(class), "{}", lines[0]);
    assert_eq!(
        lines[1..],
        [
            format!(r#"{{"path":"b.png","error":"no image",{class}"#),
            r#"{"path":"folder","error":"no folder"}"#.to_owned()
        ]
    );
}

#[test]
fn csv_has_columns_for_what_is_wanted_besides() {
    let text = String::from_utf8(written_in_full(OutputFormat::Csv, true)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "path,rank,label,index,probability,error,uncertain,logit,features,true_label,true_index",
            "a.png,1,\"golf \"\"ball\"\", white\",7,0.75,,false,1.5,\"[0.25,3.0]\",\"a class, another\",7",
            "a.png,2,tench,0,0.25,,false,0.5,,\"a class, another\",7",
            "b.png,,,,,no image,,,,\"a class, another\",7",
            "folder,,,,,no folder,,,,,",
        ]
    );
}

#[test]
fn parquet_has_columns_for_what_is_wanted_besides() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.parquet");
    std::fs::write(&path, written_in_full(OutputFormat::Parquet, false)).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert!(!rows[0].get_bool(6).unwrap());
    assert_eq!(
        (rows[0].get_float(7).unwrap(), rows[1].get_float(7).unwrap()),
        (1.5, 0.5)
    );
    assert!(rows[2].get_bool(6).is_err() && rows[2].get_float(7).is_err());
    for row in &rows[..3] {
        assert_eq!(
            (row.get_string(8).unwrap().as_str(), row.get_int(9).unwrap()),
            ("a class, another", 7)
        );
    }
    assert!(rows[3].get_string(8).is_err() && rows[3].get_int(9).is_err());
}

#[test]
fn text_lists_what_could_be_classified() {
    let text = String::from_utf8(written(OutputFormat::Text)).unwrap();
    assert_eq!(
        text,
        "a.png: golf \"ball\", white 75.0 %, tench 25.0 %\nd.png: tench 25.0 %\n"
    );
}

#[test]
fn json_is_an_object_a_line() {
    let text = String::from_utf8(written(OutputFormat::Json)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], r#"{"path":"b, c.png","error":"no image"}"#);
    assert_eq!(
        lines[2],
        r#"{"path":"d.png","predictions":[{"label":"tench","index":0,"probability":0.25}]}"#
    );
    let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(first["predictions"][0]["label"], "golf \"ball\", white");
    assert_eq!(lines.len(), 3);
}

#[test]
fn csv_has_a_row_for_each_class_and_failure() {
    let bytes = written(OutputFormat::Csv);
    let mut reader = ::csv::Reader::from_reader(&bytes[..]);
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(rows[0], ["a.png", "1", "golf \"ball\", white", "7", "0.75", ""]);
    assert_eq!(rows[1], ["a.png", "2", "tench", "0", "0.25", ""]);
    assert_eq!(rows[2], ["b, c.png", "", "", "", "", "no image"]);
    assert_eq!(rows[3], ["d.png", "1", "tench", "0", "0.25", ""]);
    assert_eq!(rows.len(), 4);
}

#[test]
fn parquet_has_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.parquet");
    std::fs::write(&path, written(OutputFormat::Parquet)).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0].get_string(0).unwrap(), "a.png");
    assert_eq!(rows[1].get_int(1).unwrap(), 2);
    assert_eq!(rows[0].get_string(2).unwrap(), "golf \"ball\", white");
    assert_eq!(rows[0].get_int(3).unwrap(), 7);
    assert_eq!(rows[1].get_float(4).unwrap(), 0.25);
    assert_eq!(rows[2].get_string(5).unwrap(), "no image");
    assert!(rows[2].get_string(2).is_err() && rows[0].get_string(5).is_err());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone/results");
    let error = open(OutputFormat::Json, &path).err().unwrap();
    assert!(error.to_string().contains("gone/results"), "{error}");
}

#[test]
fn a_name_stays_on_its_line() {
    assert_eq!(
        printable("a\nb\u{1b}[31m\u{e9}.png"),
        "a\\nb\\u{1b}[31m\u{e9}.png"
    );
    assert!(matches!(printable("caf\u{e9} 1.png"), Cow::Borrowed(_)));
}

/// A pipe's reader gets the results, whatever the format, and the pipe stays.
#[cfg(unix)]
#[test]
fn a_pipe_is_written_to() {
    use std::os::unix::fs::FileTypeExt;
    let folder = tempfile::tempdir().unwrap();
    let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("pipe", &link).unwrap();
    for format in [
        OutputFormat::Text,
        OutputFormat::Json,
        OutputFormat::Csv,
        OutputFormat::Parquet,
    ] {
        let from = pipe.clone();
        let reader = std::thread::spawn(move || std::fs::read(from).unwrap());
        let writer = fill(open(format, &link).unwrap());
        writer.finish().unwrap();
        assert_eq!(reader.join().unwrap(), written(format), "{format:?}");
    }
    assert!(pipe.metadata().unwrap().file_type().is_fifo() && link.is_symlink());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
