//! `bench`, with candle as the engine: works on any machine.

use serde_json::Value;

use crate::common::{bare, failure, folder, library, success};

const QUICK: [&str; 5] = ["bench", "--seconds", "0.02", "--warm-up", "1"];

fn lines(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_combination_has_a_row() {
    let folder = folder();
    let options = [
        "--engine",
        "candle",
        "--batch-size",
        "1,2",
        "--threads",
        "1,2",
        "--format",
        "json",
    ];
    let run = success(bare(&folder).args(QUICK).args(options));
    let rows = lines(&run.stdout);
    let combinations: Vec<_> = rows
        .iter()
        .map(|row| (row["threads"].as_u64().unwrap(), row["batch"].as_u64().unwrap()))
        .collect();
    assert_eq!(combinations, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    for row in &rows {
        let figure = |key: &str| row[key].as_f64().unwrap();
        assert_eq!(row["precision"], "fp32");
        assert!(row["calls"].as_u64().unwrap() >= 15, "{row}");
        assert!(
            figure("p50_ms") > 0.0 && figure("p50_ms") <= figure("p90_ms"),
            "{row}"
        );
        assert!(
            figure("p90_ms") <= figure("p95_ms") && figure("p95_ms") <= figure("p99_ms"),
            "{row}"
        );
        // Calls follow one another, so the rate is what their mean time gives, less what passes between them.
        let most = 1e3 * figure("batch") / figure("mean_ms");
        assert!(
            figure("images_per_s") > 0.0 && figure("images_per_s") <= 1.0001 * most,
            "{row}"
        );
    }
    assert!(run.stderr.contains("the machine was "), "{}", run.stderr);
}

/// ONNX Runtime computes four pictures however few are wanted; candle as many as are wanted.
#[test]
fn a_fixed_batch_is_measured_as_it_is() {
    let Some(library) = library() else { return };
    let folder = folder();
    let four = mbn_onnx::ExportOptions {
        batch: Some(4),
        ..Default::default()
    };
    crate::common::export(&folder, "four.onnx", &four);
    let options = [
        "--engine",
        "ort,candle",
        "--batch-size",
        "1,2",
        "--threads",
        "1",
        "--format",
        "json",
    ];
    let mut command = bare(&folder);
    command.args(QUICK).args(options).arg("--ort-lib").arg(library);
    let run = success(command.arg("four.onnx"));
    let rows = lines(&run.stdout);
    let batches: Vec<_> = rows.iter().map(|row| row["batch"].as_u64().unwrap()).collect();
    assert_eq!(batches, [4, 1, 2], "{}", run.stdout);
    let warning = "`four.onnx` takes 4 images at once in ONNX Runtime";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn options_of_all_commands_may_stand_before_it() {
    let folder = folder();
    let wrong = ["bench", "--seconds", "0"];
    let expected = failure(bare(&folder).args(wrong), 2).stderr;
    assert!(expected.contains("`--seconds 0`"), "{expected}");
    for before in [&["-q"][..], &["--log-level", "error"]] {
        let run = failure(bare(&folder).args(before).args(wrong), 2);
        assert_eq!(run.stderr, expected);
    }
}

#[test]
fn the_table_has_a_line_for_each_model() {
    let folder = folder();
    crate::common::export(&folder, "a.onnx", &Default::default());
    crate::common::other_weights(&folder, "b.safetensors");
    std::fs::write(folder.path().join("c.onnx"), "no model").unwrap();
    let options = ["--engine", "candle", "--batch-size", "1", "--threads", "1"];
    let run = success(
        bare(&folder)
            .args(QUICK)
            .args(options)
            .args(["a.onnx", "b.safetensors"]),
    );
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.stdout);
    assert!(lines[0].contains("P99") && lines[2].contains("a.onnx") && lines[3].contains("b.safetensors"));
    let run = failure(bare(&folder).args(QUICK).args(options).arg("c.onnx"), 1);
    assert!(run.stderr.contains("c.onnx"), "{}", run.stderr);
    failure(bare(&folder).args(["bench", "--seconds", "0"]), 2);
}

#[test]
fn both_engines_are_measured() {
    let Some(library) = library() else { return };
    let folder = folder();
    let mut command = bare(&folder);
    command.env("ORT_DYLIB_PATH", library);
    let options = [
        "--engine",
        "ort,candle",
        "--batch-size",
        "2",
        "--threads",
        "1",
        "--format",
        "json",
    ];
    let rows = lines(&success(command.args(QUICK).args(options)).stdout);
    let engines: Vec<_> = rows.iter().map(|row| row["engine"].as_str().unwrap()).collect();
    assert!(
        engines[0].starts_with("ONNX Runtime") && engines[1].starts_with("candle"),
        "{engines:?}"
    );
    assert_eq!(engines.len(), 2);
}

/// The figures follow from the latencies of the calls by the definitions of `onnxruntime_perf_test`: of the latencies in ascending
/// order the one at the place `size_t(total * 0.95)`, and runs divided by the time from the first to the last.
#[test]
fn figures_follow_from_the_recorded_latencies() {
    let folder = folder();
    let options = ["--engine", "candle", "--batch-size", "1,2", "--threads", "1"];
    let run = success(
        bare(&folder)
            .args([
                "bench",
                "--seconds",
                "1",
                "--format",
                "json",
                "--latencies",
                "calls.csv",
            ])
            .args(options),
    );
    let mut reader = csv::Reader::from_path(folder.path().join("calls.csv")).unwrap();
    let calls: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for row in lines(&run.stdout) {
        let figure = |key: &str| row[key].as_f64().unwrap();
        let batch = row["batch"].to_string();
        let own = calls.iter().filter(|call| call[4] == *batch);
        let (mut rounds, mut sorted) = (std::collections::BTreeSet::new(), Vec::new());
        for call in own {
            assert_eq!(
                (&call[0], &call[2]),
                (row["model"].as_str().unwrap(), row["engine"].as_str().unwrap())
            );
            rounds.insert(call[5].to_owned());
            sorted.push(call[7].parse::<f64>().unwrap());
        }
        let (total, sum) = (sorted.len(), sorted.iter().sum::<f64>());
        sorted.sort_by(f64::total_cmp);
        assert_eq!((Some(total as u64), rounds.len()), (row["calls"].as_u64(), 5));
        for (key, part) in [
            ("p50_ms", 0.5),
            ("p90_ms", 0.9),
            ("p95_ms", 0.95),
            ("p99_ms", 0.99),
        ] {
            let place = (total as f64 * part).floor() as usize;
            let expected = 1e3 * sorted[place];
            assert!(
                (figure(key) - expected).abs() < 1e-9 * expected,
                "{key}: {row}, expected {expected}"
            );
        }
        assert!(
            (figure("mean_ms") - 1e3 * sum / total as f64).abs() < 1e-9 * figure("mean_ms"),
            "{row}"
        );
        let most = figure("batch") * total as f64 / sum;
        assert!(
            figure("images_per_s") > 0.0 && figure("images_per_s") <= 1.0001 * most,
            "{row}"
        );
    }
    let refused = failure(bare(&folder).args(["bench", "--latencies", "gone/calls.csv"]), 1);
    assert!(
        refused.stderr.contains("there is no folder `gone`"),
        "{}",
        refused.stderr
    );
}
