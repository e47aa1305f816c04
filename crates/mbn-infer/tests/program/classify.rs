//! What the program prints for good and bad files, with candle as the engine: works on any machine.

use serde_json::Value;

use crate::common::{self, Run, failure, folder, picture, program, stderr, success};

#[test]
fn prints_the_likeliest_classes_and_nothing_else_on_stdout() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = success(program(&folder).args(["--top-k", "2", "a.png"]));
    let line = run.stdout.strip_suffix('\n').unwrap();
    let (path, classes) = line.split_once(": ").unwrap();
    assert_eq!(
        (path, classes.split(", ").count(), line.lines().count()),
        ("a.png", 2, 1)
    );
    assert!(classes.ends_with(" %"), "{line}");
    for part in ["model: ", "engine: candle", "device: cpu, since", "1 image in"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn quiet_says_nothing_on_stderr() {
    let folder = folder();
    picture(&folder, "a.png");
    assert_eq!(success(program(&folder).args(["--quiet", "a.png"])).stderr, "");
}

#[test]
fn bad_files_are_reported_in_their_place_and_the_others_classified() {
    let folder = folder();
    for name in ["a.png", "b.jpg", "c.png"] {
        picture(&folder, name);
    }
    let whole = std::fs::read(folder.path().join("b.jpg")).unwrap();
    std::fs::write(folder.path().join("truncated.jpg"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(folder.path().join("text.png"), b"this is a text").unwrap();
    std::fs::write(folder.path().join("empty.png"), b"").unwrap();
    std::fs::create_dir(folder.path().join("nothing")).unwrap();
    let paths = [
        "a.png",
        "truncated.jpg",
        "b.jpg",
        "text.png",
        "missing.png",
        "empty.png",
        "nothing",
        "*.gif",
        "c.png",
        "a.png",
    ];
    let good = ["a.png", "b.jpg", "c.png"];
    for batch in ["1", "4", "64"] {
        let run = failure(
            program(&folder)
                .args(["--format", "json", "--batch-size", batch])
                .args(paths),
            3,
        );
        let lines: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let found: Vec<_> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
        assert_eq!(found, paths);
        for line in &lines {
            let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
            if good.contains(&line["path"].as_str().unwrap()) {
                assert_eq!(keys, ["path", "predictions"]);
                let probability = line["predictions"][0]["probability"].as_f64().unwrap();
                assert!((0.0..=1.0).contains(&probability));
            } else {
                assert_eq!(keys, ["error", "path"]);
                assert!(
                    run.stderr.contains(line["path"].as_str().unwrap()),
                    "{}",
                    run.stderr
                );
            }
        }
        assert_eq!(lines[0]["predictions"], lines[9]["predictions"]);
        assert_ne!(lines[0]["predictions"], lines[2]["predictions"]);
        assert!(
            run.stderr.contains("6 of 10 could not be classified"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn the_batch_size_does_not_change_the_results() {
    let folder = folder();
    for i in 0..9 {
        picture(&folder, &format!("{i}.png"));
    }
    let results = |batch: &str| {
        let run = success(program(&folder).args(["--format", "csv", "--batch-size", batch, "."]));
        let rows = run
            .stdout
            .lines()
            .skip(1)
            .map(|row| row.split(',').map(str::to_owned).collect());
        rows.collect::<Vec<Vec<String>>>()
    };
    let expected = results("1");
    assert_eq!(expected.len(), 9 * 3);
    for batch in ["4", "64"] {
        let found = results(batch);
        let column =
            |rows: &[Vec<String>], i: usize| rows.iter().map(|row| row[i].clone()).collect::<Vec<_>>();
        let numbers = |rows: &[Vec<String>]| {
            column(rows, 4)
                .iter()
                .map(|p| p.parse().unwrap())
                .collect::<Vec<f64>>()
        };
        assert_eq!(column(&found, 0), column(&expected, 0));
        common::assert_same(&numbers(&found), &numbers(&expected));
    }
}

#[test]
fn without_onnx_runtime_candle_classifies_and_says_so() {
    let folder = folder();
    picture(&folder, "a.png");
    // A copy of the program, away from the repository and what `make onnxruntime` put there.
    let program = folder.path().join("mbn-infer");
    std::fs::copy(env!("CARGO_BIN_EXE_mbn-infer"), &program).unwrap();
    let run = |arguments: &[&str]| {
        let output = common::without_library(&mut std::process::Command::new(&program))
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        Run::of(output)
    };
    let found = run(&["a.png"]);
    if found.stderr.contains("engine: ONNX Runtime") {
        let reason = "the system has an ONNX Runtime of its own";
        mbn_testing::skip(mbn_testing::Needs::Other, reason);
        return;
    }
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stdout.starts_with("a.png: "));
    assert!(stderr(&found).contains("ONNX Runtime was not found, candle classifies alone"));
    assert!(stderr(&found).contains("make onnxruntime"));
    // candle reads the weights that are named.
    let weights = run(&["--parity", "off", "--weights", "gone.safetensors", "a.png"]);
    assert_eq!(weights.code, 1, "{}", weights.stderr);
    assert!(weights.stderr.contains("gone.safetensors"), "{}", weights.stderr);
    let refused = run(&["--engine", "ort", "a.png"]);
    assert_eq!(refused.code, 1);
    assert!(stderr(&refused).contains("make onnxruntime"));
    let unchecked = run(&["--parity", "all", "a.png"]);
    assert_eq!(unchecked.code, 1, "{}", unchecked.stderr);
}

/// Predictions of the second class of a name would count as wrong.
#[test]
fn a_folder_of_several_classes_is_not_evaluated() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("ev/ball")).unwrap();
    picture(&folder, "ev/ball/a.png");
    let evaluate = |names: &str, code| {
        std::fs::write(folder.path().join("names.txt"), names).unwrap();
        let mut command = program(&folder);
        failure(command.args(["--classes", "names.txt", "--evaluate", "ev"]), code)
    };
    let run = evaluate("a\nb\nc\nd\ne\nf\ng\nball\ni\nball\n", 1);
    let message =
        "these folders in `ev` are named like several classes of the model: `ball` (indexes 7 and 9)";
    assert!(run.stderr.contains(message), "{}", run.stderr);
    assert!(run.stderr.contains("hint: `--classes FILE`"), "{}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    evaluate("a\nb\nc\nd\ne\nf\ng\nball\ni\nother ball\n", 0);
}

#[test]
fn an_evaluation_on_training_images_is_called_so() {
    let folder = folder();
    let data_set = mbn_infer::builtin::weights().unwrap().metadata().training.clone();
    let data_set = data_set.unwrap().data_set;
    for part in ["train", "val"] {
        let part = format!("{data_set}/{part}");
        let class = format!("{part}/{}", common::class_names()[0]);
        std::fs::create_dir_all(folder.path().join(&class)).unwrap();
        picture(&folder, &format!("{class}/a.png"));
        let run = success(program(&folder).args(["--evaluate", &part]));
        let is_warned = run.stderr.contains("is not that on new images");
        assert_eq!(is_warned, part.ends_with("train"), "{}", run.stderr);
    }
}

#[test]
fn photos_that_are_decoded_at_a_fraction_are_counted() {
    let folder = folder();
    picture(&folder, "small.jpg");
    let large = image::RgbImage::from_fn(1600, 1200, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]));
    large.save(folder.path().join("large.jpg")).unwrap();
    large.save(folder.path().join("large.png")).unwrap();
    let all = ["small.jpg", "large.jpg", "large.png"];
    let run = success(program(&folder).args(all));
    let told = "changes the input a little: 1 JPEG file; `--full-decode` decodes every pixel";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    for args in [&["--full-decode", "large.jpg"][..], &["small.jpg", "large.png"]] {
        let run = success(program(&folder).args(args));
        assert!(!run.stderr.contains("JPEG file"), "{}", run.stderr);
    }
}
