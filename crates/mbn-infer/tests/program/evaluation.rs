//! `--evaluate`: the class that each image is known to be of is in the results, and what was found in files.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{class_names, failure, folder, picture, program, success};

/// Pictures of two classes, one of them in a folder below its class's, and a broken one.
fn labelled() -> TempDir {
    let folder = folder();
    let names = class_names();
    let deep = format!("val/{}/more", names[1]);
    for class in [&format!("val/{}", names[0]), &deep] {
        std::fs::create_dir_all(folder.path().join(class)).unwrap();
    }
    picture(&folder, &format!("val/{}/a.png", names[0]));
    picture(&folder, &format!("{deep}/b.png"));
    std::fs::write(folder.path().join(&deep).join("c.png"), "no picture").unwrap();
    folder
}

fn evaluated(folder: &TempDir, arguments: &[&str]) -> String {
    let mut command = program(folder);
    command.args(["--top-k", "1"]).args(arguments);
    failure(command.args(["--evaluate", "val"]), 3).stdout
}

#[test]
fn json_has_the_true_class() {
    let folder = labelled();
    let names = class_names();
    let expected = |class: usize| json!({"label": names[class], "index": class});
    let found = evaluated(&folder, &["--format", "json"]);
    let rows: Vec<Value> = found
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let classes: Vec<_> = rows.iter().map(|row| row["class"].clone()).collect();
    assert_eq!(classes, [expected(0), expected(1), expected(1)]);
    assert!(rows[1]["predictions"].is_array() && rows[2]["error"].is_string());
    // Only of folders whose names are classes.
    let plain = failure(program(&folder).args(["--format", "json", "val"]), 3).stdout;
    assert!(!plain.contains("\"class\""), "{plain}");
}

#[test]
fn tables_have_the_true_class() {
    let folder = labelled();
    let names = class_names();
    let rows = [(&names[0], 0), (&names[1], 1), (&names[1], 1)];
    let found = evaluated(&folder, &["--format", "csv"]);
    let lines: Vec<_> = found.lines().collect();
    assert!(lines[0].ends_with(",error,true_label,true_index"), "{found}");
    for (line, (label, index)) in lines[1..].iter().zip(rows) {
        assert!(line.ends_with(&format!(",{label},{index}")), "{line}");
    }
    let plain = failure(program(&folder).args(["--format", "csv", "val"]), 3).stdout;
    assert!(
        plain.starts_with("path,rank,label,index,probability,error\n"),
        "{plain}"
    );
    // A file is kept as JSON lines until it is whole, a pipe gets Parquet itself.
    evaluated(&folder, &["--format", "parquet", "--output", "out.parquet"]);
    let file = std::fs::File::open(folder.path().join("out.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let found = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        (row.get_string(6).unwrap().clone(), row.get_int(7).unwrap())
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        rows.map(|(label, index)| (label.clone(), index))
    );
}

#[test]
fn an_evaluation_is_written_as_files() {
    let folder = folder();
    let names = class_names();
    for (class, name) in names[..3].iter().enumerate() {
        let path = format!("val/{name}");
        std::fs::create_dir_all(folder.path().join(&path)).unwrap();
        (0..=class).for_each(|i| picture(&folder, &format!("{path}/{i}.png")));
    }
    let run = success(program(&folder).args([
        "--evaluate",
        "--evaluation",
        "new/results",
        "--threshold",
        "0.1",
        "val",
    ]));
    assert!(
        run.stderr.contains("mean over the classes: precision "),
        "{}",
        run.stderr
    );
    let read = |name: &str| std::fs::read(folder.path().join("new/results").join(name)).unwrap();
    let json: Value = serde_json::from_slice(&read("evaluation.json")).unwrap();
    assert_eq!(json["images"], 6);
    assert_eq!((&json["unusable"], &json["paths"]), (&0.into(), &["val"].into()));
    assert!(json["model"].as_str().unwrap().contains("built into"), "{json}");
    assert!(json["engine"].as_str().unwrap().contains("candle"), "{json}");
    let made_by = &json["made_by"];
    assert_eq!(made_by["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(made_by["model"].as_str().unwrap().len(), 64);
    assert!(made_by["preprocessing"]["size"].is_u64(), "{made_by}");
    assert_eq!(made_by["scores"]["function"], "softmax");
    assert_eq!(made_by["--threshold"], 0.1);
    assert_eq!(json["classes"][2]["images"], 3);
    assert_eq!(json["classes"][2]["label"], names[2].as_str());
    let confused = json["confusion"].as_array().unwrap();
    assert_eq!(
        confused
            .iter()
            .map(|cell| cell["images"].as_u64().unwrap())
            .sum::<u64>(),
        6
    );
    let top1 = format!("top-1 {:.2} %", 100.0 * json["top1"].as_f64().unwrap());
    assert!(run.stderr.contains(&top1), "{}", run.stderr);
    // What was asked for is said whatever else is not.
    let quiet = success(program(&folder).args(["-q", "--evaluate", "val"])).stderr;
    assert!(quiet.contains(&top1) && !quiet.contains("engine:"), "{quiet}");
    let table = String::from_utf8(read("classes.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + names.len());
    assert!(table.lines().nth(3).unwrap().contains(",3,"), "{table}");
    for picture in ["confusion.png", "reliability.png"] {
        assert!(image::load_from_memory(&read(picture)).unwrap().width() > 100);
    }
    // Without an image there is nothing to draw, and what an earlier run drew is not left beside the figures.
    std::fs::create_dir_all(folder.path().join("none")).unwrap();
    for drawn in ["evaluation.json", "confusion.png", "reliability.png"] {
        std::fs::copy(
            folder.path().join("new/results").join(drawn),
            folder.path().join("none").join(drawn),
        )
        .unwrap();
    }
    std::fs::create_dir_all(folder.path().join("empty").join(&names[0])).unwrap();
    failure(
        program(&folder).args(["--evaluate", "--evaluation", "none", "empty"]),
        3,
    );
    let none = std::fs::read(folder.path().join("none/evaluation.json")).unwrap();
    let none: Value = serde_json::from_slice(&none).unwrap();
    assert_eq!((&none["images"], &none["unusable"]), (&0.into(), &1.into()));
    for figure in [
        "top1",
        "top5",
        "mean_precision",
        "mean_recall",
        "mean_f1",
        "expected_calibration_error",
    ] {
        assert!(none.get(figure).unwrap().is_null(), "{figure}: {none}");
        assert!(json[figure].is_f64(), "{figure}: {json}");
    }
    let is_known = |range: &Value| range["images"] != 0;
    for range in json["reliability"].as_array().unwrap() {
        assert_eq!(range["accuracy"].is_f64(), is_known(range), "{range}");
        assert_eq!(range["confidence"].is_f64(), is_known(range), "{range}");
    }
    for drawn in ["confusion.png", "reliability.png"] {
        assert!(!folder.path().join("none").join(drawn).exists(), "{drawn}");
    }
    failure(program(&folder).args(["--evaluation", "none", "val"]), 2);
}

/// An evaluation sees every image, so its output cannot be continued: neither by one, nor as a run without it.
#[test]
fn the_output_of_an_evaluation_is_not_continued() {
    let folder = labelled();
    let options = ["--format", "json", "--output", "out"];
    let bad = ["--bad-images", "report"];
    std::fs::write(folder.path().join("list"), "val\n\0\n").unwrap();
    // An error ends this run after some results.
    let run = failure(
        program(&folder).args(options).args(bad).args(["--list", "list"]),
        1,
    );
    let partial = folder.path().join("out.partial");
    assert!(partial.exists(), "{}", run.stderr);
    let made_by = folder.path().join("out.partial.json");
    let said = std::fs::read_to_string(&made_by).unwrap();
    assert!(said.contains("\"--evaluate\": null"), "{said}");
    std::fs::write(
        &made_by,
        said.replace("\"--evaluate\": null", "\"--evaluate\": true"),
    )
    .unwrap();
    let run = failure(program(&folder).args(options).args(["--resume", "val"]), 1);
    assert!(
        run.stderr.contains("it was made by a run with `--evaluate`"),
        "{}",
        run.stderr
    );
    // What a new evaluation says about that file does not advise `--resume`, which it would refuse.
    let run = failure(program(&folder).args(options).args(["--evaluate", "val"]), 3);
    assert!(
        run.stderr.contains("is written anew") && !run.stderr.contains("--resume"),
        "{}",
        run.stderr
    );
}
