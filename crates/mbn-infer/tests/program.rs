//! The program as a user runs it, with candle as the engine: works on any machine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{Run, failure, folder, picture, program, stderr, success};
use serde_json::Value;

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
            1,
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
fn a_list_on_stdin_or_in_a_file_is_classified() {
    let folder = folder();
    picture(&folder, "a b.png");
    std::fs::write(folder.path().join("list"), "a b.png\n\na b.png\n").unwrap();
    let from_file = success(program(&folder).args(["--format", "json", "--list", "list"]));
    assert_eq!(from_file.stdout.lines().count(), 2);
    let from_stdin = success(
        program(&folder)
            .args(["--format", "json", "--list", "-"])
            .write_stdin("a b.png\na b.png"),
    );
    assert_eq!(from_stdin.stdout, from_file.stdout);
    let run = failure(program(&folder).args(["--list", "-"]).write_stdin("\n"), 1);
    assert!(run.stderr.contains("names no path"), "{}", run.stderr);
    failure(program(&folder).args(["--list", "gone"]), 1);
}

#[test]
#[cfg(unix)]
fn names_that_are_no_text_stay_valid_json() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    picture(&folder, "a.png");
    let name = std::ffi::OsStr::from_bytes(b"n\xe9.png");
    std::fs::rename(folder.path().join("a.png"), folder.path().join(name)).unwrap();
    let run = success(program(&folder).args(["--format", "json"]).arg(name));
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["path"], "n\u{fffd}.png");
}

#[test]
fn an_output_file_is_whole_and_stdout_empty() {
    let folder = folder();
    picture(&folder, "a.png");
    for (format, start) in [
        ("json", &b"{\"path\""[..]),
        ("csv", b"path,rank"),
        ("parquet", b"PAR1"),
        ("text", b"a.png: "),
    ] {
        let run = success(program(&folder).args(["--format", format, "--output", "out", "a.png"]));
        assert_eq!(run.stdout, "");
        let content = std::fs::read(folder.path().join("out")).unwrap();
        assert!(content.starts_with(start), "{format}");
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_refused_before_the_work() {
    let folder = folder();
    picture(&folder, "a.png");
    for (output, part) in [("gone/out", "no folder `gone`"), (".", "it is a folder")] {
        let run = failure(program(&folder).args(["--output", output, "a.png"]), 1);
        assert!(
            run.stderr.contains(&format!("cannot write `{output}`")),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains(part) && !run.stderr.contains("model: "),
            "{}",
            run.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn an_output_that_is_a_link_or_a_pipe_stays_one() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = folder();
    picture(&folder, "a.png");
    let path = |name: &str| folder.path().join(name);
    let expected = success(program(&folder).arg("a.png")).stdout;
    std::fs::write(path("file"), "old").unwrap();
    symlink("file", path("link")).unwrap();
    success(program(&folder).args(["--output", "link", "a.png"]));
    assert_eq!(std::fs::read_to_string(path("file")).unwrap(), expected);
    assert!(path("link").is_symlink());

    assert!(
        std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    let pipe = path("pipe");
    let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
    success(program(&folder).args(["--output", "pipe", "a.png"]));
    assert_eq!(reader.join().unwrap(), expected);
    assert!(path("pipe").metadata().unwrap().file_type().is_fifo());
}

/// Results that do not fit, on a stand-in for a full disk.
#[cfg(target_os = "linux")]
#[test]
fn an_error_of_writing_names_where_to_once() {
    let folder = folder();
    picture(&folder, "a.png");
    for format in ["text", "json", "csv", "parquet"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-infer"))
            .args(["--engine", "candle", "--format", format, "a.png"])
            .current_dir(folder.path())
            .stdout(full)
            .output()
            .unwrap();
        let run = Run::of(output);
        assert_eq!(run.code, 1);
        let expected = "error: cannot write to stdout: No space left on device (os error 28)\n";
        assert!(run.stderr.ends_with(expected), "{format}: {}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_list_that_does_not_end_can_be_interrupted() {
    let folder = folder();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-infer"))
        .args(["--engine", "candle", "--list", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Its first message says that it has begun; the list is what it reads next.
    child.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let pid = child.id().to_string();
    // Not SIGINT, which a shell's background jobs ignore, and what they start.
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn candle_takes_the_weights_that_are_in_the_model() {
    let folder = folder();
    picture(&folder, "a.png");
    common::export(&folder, "model.onnx", &mbn_onnx::ExportOptions::default());
    let mut bytes = std::fs::read(folder.path().join("model.onnx")).unwrap();
    // The classifier's last bias becomes 100: the last class wins, and the hash of the old weights stays.
    let weights = mbn_infer::builtin::weights().unwrap();
    let bias = weights.values("fc.bias").last().unwrap().to_le_bytes();
    let at = bytes.windows(4).rposition(|window| window == bias).unwrap();
    bytes[at..at + 4].copy_from_slice(&100.0f32.to_le_bytes());
    std::fs::write(folder.path().join("model.onnx"), bytes).unwrap();
    let run = success(program(&folder).args(["--top-k", "1", "a.png"]));
    let last = common::class_names().pop().unwrap();
    assert_eq!(run.stdout, format!("a.png: {last} 100.0 %\n"));
    assert!(
        run.stderr.contains("weights: those in `model.onnx`"),
        "{}",
        run.stderr
    );
    // A float16 model has none that candle could take.
    let half = mbn_onnx::ExportOptions {
        precision: mbn_onnx::Precision::Fp16,
        ..mbn_onnx::ExportOptions::default()
    };
    common::export(&folder, "half.onnx", &half);
    let run = success(program(&folder).args(["--model", "half.onnx", "a.png"]));
    let from = "weights: the weights built into the program, from which `half.onnx` says";
    assert!(run.stderr.contains(from), "{}", run.stderr);
}

#[test]
fn settings_of_cuda_without_a_device_are_a_warning() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = success(program(&folder).args(["--tf32", "a.png"]));
    let warning = "warning: `--tf32` has no effect, since no CUDA device is used";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn evaluate_counts_by_folder() {
    let folder = folder();
    let names = common::class_names();
    for (i, name) in names.iter().take(2).enumerate() {
        std::fs::create_dir_all(folder.path().join("val").join(name)).unwrap();
        picture(&folder, &format!("val/{name}/{i}.png"));
    }
    let run = success(program(&folder).args(["--evaluate", "--format", "json", "val"]));
    assert!(run.stderr.contains("accuracy: top-1 "), "{}", run.stderr);
    assert!(run.stderr.contains("of 2 images"), "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2);

    std::fs::rename(
        folder.path().join("val").join(&names[0]),
        folder.path().join("val/unicorn"),
    )
    .unwrap();
    let run = failure(program(&folder).args(["--evaluate", "val"]), 1);
    assert!(
        run.stderr.contains("`unicorn`") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );
}

#[test]
fn evaluate_reports_what_cannot_be_read_and_classifies_the_others() {
    let folder = folder();
    let names = common::class_names();
    for name in &names[..2] {
        std::fs::create_dir_all(folder.path().join("val").join(name)).unwrap();
    }
    picture(&folder, &format!("val/{}/1.png", names[0]));
    std::fs::write(folder.path().join("val").join(&names[0]).join("2.png"), "text").unwrap();
    let run = failure(
        program(&folder).args(["--evaluate", "--format", "json", "gone", "val"]),
        1,
    );
    let paths: Vec<String> = run
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let expected = ["gone", "val/{0}/1.png", "val/{0}/2.png", "val/{1}"];
    let expected = expected.map(|path| path.replace("{0}", &names[0]).replace("{1}", &names[1]));
    assert_eq!(paths, expected);
    assert!(run.stderr.contains("of 1 image\n"), "{}", run.stderr);
    assert!(
        run.stderr.contains("3 of 4 could not be classified"),
        "{}",
        run.stderr
    );
}

#[test]
fn mistakes_on_the_command_line_are_exit_code_2() {
    let folder = folder();
    for arguments in [
        &[][..],
        &["--engine", "tensorflow", "a.png"],
        &["--engine", "candle", "--parity", "all", "a.png"],
        &["--top-k", "0", "a.png"],
        &["--batch-size", "0", "a.png"],
        &["--device", "gpu", "a.png"],
        &["--evaluate", "--list", "x", "a"],
        &["--threads", "100000", "a.png"],
    ] {
        let run = failure(common::bare(&folder).args(arguments), 2);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
}

#[test]
fn cuda_is_refused_where_it_cannot_be_had() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = failure(program(&folder).args(["--device", "cuda", "a.png"]), 1);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("`--device cuda:0` cannot be had"),
        "{}",
        run.stderr
    );
}

#[test]
fn models_that_cannot_be_used_are_named() {
    let folder = folder();
    picture(&folder, "a.png");
    std::fs::write(folder.path().join("empty.onnx"), b"").unwrap();
    std::fs::write(folder.path().join("text.onnx"), b"this is a text").unwrap();
    std::fs::write(folder.path().join("text.safetensors"), b"this is a text").unwrap();
    for model in ["gone.onnx", "empty.onnx", "text.onnx", "text.safetensors", "."] {
        let run = failure(program(&folder).args(["--model", model, "a.png"]), 1);
        assert!(run.stderr.contains(&format!("`{model}`")), "{}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn candle_runs_our_own_onnx_files() {
    let folder = folder();
    picture(&folder, "a.png");
    let expected = success(program(&folder).args(["--format", "csv", "a.png"])).stdout;
    common::export(&folder, "model.onnx", &mbn_onnx::ExportOptions::default());
    let run = success(program(&folder).args(["--format", "csv", "a.png"]));
    assert_eq!(run.stdout, expected);
    assert!(run.stderr.contains("model: `model.onnx`"), "{}", run.stderr);
}

#[test]
fn weights_of_another_hash_are_refused() {
    let folder = folder();
    picture(&folder, "a.png");
    common::other_weights(&folder, "other.safetensors");
    let run = failure(
        program(&folder).args(["--weights", "other.safetensors", "a.png"]),
        1,
    );
    assert!(
        run.stderr.contains("SHA-256") && run.stderr.contains("--model other"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let folder = folder();
    for i in 0..40 {
        picture(&folder, &format!("{i:02}.png"));
    }
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-infer"))
        .args(["--engine", "candle", "--batch-size", "1", "--format", "json", "."])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    assert!(
        !messages.contains("error") && !messages.contains("panicked"),
        "{messages}"
    );
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
    if found.stderr.contains("the system's") || found.stderr.contains("engine: ONNX Runtime") {
        let reason = "the system has an ONNX Runtime of its own";
        mbn_testing::skip(mbn_testing::Needs::Other, reason);
        return;
    }
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(found.stdout.starts_with("a.png: "));
    assert!(stderr(&found).contains("ONNX Runtime was not found, candle classifies alone"));
    assert!(stderr(&found).contains("make onnxruntime"));
    let refused = run(&["--engine", "ort", "a.png"]);
    assert_eq!(refused.code, 1);
    assert!(stderr(&refused).contains("make onnxruntime"));
    let unchecked = run(&["--parity", "all", "a.png"]);
    assert_eq!(unchecked.code, 1, "{}", unchecked.stderr);
}
