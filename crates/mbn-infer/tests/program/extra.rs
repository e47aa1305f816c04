//! What is written besides the predictions: uncertain results, logits and features.

use mbn_onnx::ExportOptions;
use serde_json::Value;

use crate::common::{bare, class_names, export, failure, folder, library, picture, program, success};

/// Of a feature or a logit in float32, from engines that add in other orders.
const SAME: f64 = 1e-4;

fn rows(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn values(row: &Value, key: &str) -> Vec<f64> {
    let values = row[key].as_array().unwrap();
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

fn pictures(folder: &tempfile::TempDir) -> [&'static str; 3] {
    let names = ["a.png", "b.png", "c.png"];
    names.iter().for_each(|name| picture(folder, name));
    std::fs::write(folder.path().join("broken.png"), "no picture").unwrap();
    names
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= SAME * e.abs().max(1.0), "{f}, expected {e}");
    }
}

/// Softmax of the logits gives the probabilities, the classifier's product of the features gives the logits, each in the row of its
/// picture: a broken one between them moves nothing.
#[test]
fn logits_and_features_belong_to_their_picture() {
    let folder = folder();
    pictures(&folder);
    let paths = ["a.png", "broken.png", "b.png", "c.png"];
    let options = ["--logits", "--features", "--format", "json", "--top-k", "10"];
    let run = failure(program(&folder).args(options).args(paths), 3);
    let folded = mbn_infer::builtin::weights().unwrap().fold();
    let rows = rows(&run.stdout);
    assert!(rows[1].get("logits").is_none() && rows[1].get("features").is_none());
    for row in [&rows[0], &rows[2], &rows[3]] {
        let (logits, features) = (values(row, "logits"), values(row, "features"));
        let product: Vec<f64> = folded
            .fc_weight
            .chunks(features.len())
            .zip(&folded.fc_bias)
            .map(|(weights, bias)| {
                let products = weights.iter().zip(&features).map(|(w, x)| f64::from(*w) * x);
                products.sum::<f64>() + f64::from(*bias)
            })
            .collect();
        assert_close(&logits, &product);
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        for prediction in row["predictions"].as_array().unwrap() {
            let logit = logits[prediction["index"].as_u64().unwrap() as usize];
            let probability = prediction["probability"].as_f64().unwrap();
            assert!((logit.exp() / sum - probability).abs() <= SAME, "{prediction}");
        }
    }
    assert_ne!(rows[0]["features"], rows[2]["features"]);
}

/// A file that gives features, also one that takes batches of two alone, gives candle's, and so do weights.
#[test]
fn onnx_runtime_gives_the_features_of_the_file() {
    let Some(library) = library() else { return };
    let folder = folder();
    let paths = pictures(&folder);
    let options = ["--logits", "--features", "--format", "json"];
    let expected = rows(&success(program(&folder).args(options).args(paths)).stdout);
    mbn_infer::builtin::weights()
        .unwrap()
        .save(&folder.path().join("weights.safetensors"))
        .unwrap();
    for (name, batch) in [
        ("any.onnx", None),
        ("two.onnx", Some(2)),
        ("weights.safetensors", None),
    ] {
        let with_features = ExportOptions {
            features: true,
            batch,
            ..ExportOptions::default()
        };
        if name.ends_with(".onnx") {
            export(&folder, name, &with_features);
        }
        for batch_size in ["1", "2", "4"] {
            let mut command = bare(&folder);
            command.args([
                "--device",
                "cpu",
                "--parity",
                "off",
                "--batch-size",
                batch_size,
                "--model",
                name,
            ]);
            command.args(options).args(paths).arg("--ort-lib").arg(&library);
            let found = rows(&success(&mut command).stdout);
            for (found, expected) in found.iter().zip(&expected) {
                for key in ["logits", "features"] {
                    assert_close(&values(found, key), &values(expected, key));
                }
            }
        }
    }
    export(&folder, "without.onnx", &ExportOptions::default());
    let mut command = bare(&folder);
    command.args([
        "--device",
        "cpu",
        "--model",
        "without.onnx",
        "--features",
        "--format",
        "csv",
        "a.png",
    ]);
    let run = failure(command.arg("--ort-lib").arg(&library), 1);
    for part in [
        "`--features` cannot be written",
        "hint: `mbn-export --weights FILE --features",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn results_under_the_threshold_are_uncertain() {
    let folder = folder();
    let paths = pictures(&folder);
    let classify = |options: &[&str]| success(program(&folder).args(options).args(paths)).stdout;
    let all = rows(&classify(&["--format", "json"]));
    let first = |row: &Value| row["predictions"][0]["probability"].as_f64().unwrap();
    let mut firsts: Vec<f64> = all.iter().map(first).collect();
    firsts.sort_by(f64::total_cmp);
    // Between the most and the second most certain picture.
    let threshold = ((firsts[1] + firsts[2]) / 2.0).to_string();
    let found = rows(&classify(&["--format", "json", "--threshold", &threshold]));
    let certain: Vec<bool> = found.iter().map(|row| row["uncertain"] == false).collect();
    assert_eq!(certain.iter().filter(|certain| **certain).count(), 1);
    for (row, all) in found.iter().zip(&all) {
        // The likeliest class stays, of the others those that reach the threshold.
        assert_eq!(row["predictions"][0], all["predictions"][0]);
        let kept = row["predictions"].as_array().unwrap();
        assert!(
            kept[1..]
                .iter()
                .all(|p| p["probability"].as_f64().unwrap() >= threshold.parse().unwrap())
        );
        assert_eq!(row["uncertain"] == false, first(all) == firsts[2]);
    }
    let text = classify(&["--threshold", &threshold]);
    assert_eq!(text.matches(".png: uncertain: ").count(), 2, "{text}");
    let run = success(
        program(&folder)
            .args(["--threshold", &threshold, "--sort-into", "sorted"])
            .args(paths),
    );
    assert!(run.stderr.contains("2 of 3 images uncertain"), "{}", run.stderr);
    assert_eq!(
        std::fs::read_dir(folder.path().join("sorted/uncertain"))
            .unwrap()
            .count(),
        2
    );
}

#[test]
fn an_evaluation_says_how_good_certain_results_are() {
    let folder = folder();
    let names = class_names();
    std::fs::create_dir_all(folder.path().join("val").join(&names[0])).unwrap();
    for name in ["1.png", "2.png"] {
        picture(&folder, &format!("val/{}/{name}", names[0]));
    }
    let run =
        success(program(&folder).args(["--evaluate", "--evaluation", "out", "--threshold", "0", "val"]));
    assert!(
        run.stderr
            .contains("at a probability of 0 or more: 100.00 % of the images"),
        "{}",
        run.stderr
    );
    let json = std::fs::read_to_string(folder.path().join("out/evaluation.json")).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["certain"]["images"], 2);
    assert_eq!(json["certain"]["top1"], json["top1"]);
}

/// The files that an unfinished output has beside it are not another output's.
#[test]
fn outputs_do_not_meet_the_unfinished_one() {
    let folder = folder();
    picture(&folder, "a.png");
    for page in ["out.json.partial", "out.json.partial.json"] {
        let arguments = [
            "--format", "json", "--output", "out.json", "--html", page, "a.png",
        ];
        let run = failure(program(&folder).args(arguments), 2);
        assert!(run.stderr.contains(page), "{}", run.stderr);
        assert!(!folder.path().join("out.json").exists());
    }
}

#[test]
fn a_class_that_is_called_uncertain_keeps_its_folder() {
    let folder = folder();
    let paths = pictures(&folder);
    let mut names = class_names();
    names.pop();
    std::fs::write(
        folder.path().join("names.txt"),
        names.join("\n") + "\nuncertain\n",
    )
    .unwrap();
    let arguments = [
        "--classes",
        "names.txt",
        "--threshold",
        "1",
        "--sort-into",
        "sorted",
    ];
    let run = success(program(&folder).args(arguments).args(paths));
    let named = format!("get the folder `uncertain-{}`", names.len() + 1);
    assert!(run.stderr.contains(&named), "{}", run.stderr);
    let sorted = folder
        .path()
        .join(format!("sorted/uncertain-{}", names.len() + 1));
    assert_eq!(std::fs::read_dir(sorted).unwrap().count(), paths.len());
}
