//! Exit codes when some inputs, or all, cannot be used.

use serde_json::Value;

use crate::common::{failure, folder, picture, program, stderr, success};

/// One good picture and one of each kind that is not.
fn mixed() -> tempfile::TempDir {
    let folder = folder();
    picture(&folder, "a.png");
    std::fs::write(folder.path().join("text.png"), "text").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    folder
}

#[test]
fn some_or_all_bad_inputs_are_exit_code_3_or_0() {
    let folder = mixed();
    for inputs in [
        &["a.png", "text.png"][..],
        &["a.png", "gone.png"],
        &["a.png", "empty"],
        &["a.png", "*.gif"],
        &["text.png"],
        &["empty"],
        &["gone.png", "empty", "text.png"],
    ] {
        let run = failure(program(&folder).args(inputs), 3);
        assert!(run.stderr.contains("error: `"), "{}", run.stderr);
        let explicit = failure(program(&folder).args(["--bad-images", "fail"]).args(inputs), 3);
        assert_eq!(explicit.stdout, run.stdout);
        let report = success(program(&folder).args(["--bad-images", "report"]).args(inputs));
        assert_eq!(report.stdout, run.stdout);
        assert!(
            report.stderr.contains("could not be classified"),
            "{}",
            report.stderr
        );
        assert!(!report.stderr.contains("error: "), "{}", report.stderr);
    }
    success(program(&folder).args(["--bad-images", "report", "a.png"]));
    failure(program(&folder).args(["--bad-images", "skip", "a.png"]), 2);
}

/// Every format but text, which has only what could be classified, shows path and error.
#[test]
fn results_show_path_and_error() {
    let folder = mixed();
    let inputs = ["--bad-images", "report", "text.png", "a.png", "gone.png"];
    let json = success(program(&folder).args(["--format", "json"]).args(inputs)).stdout;
    let lines: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["path"], "text.png");
    assert!(lines[0]["error"].as_str().unwrap().contains("not an image"));
    assert_eq!(
        lines[2],
        serde_json::json!({"path": "gone.png", "error": "no such file or folder"})
    );
    let csv = success(program(&folder).args(["--format", "csv"]).args(inputs)).stdout;
    let rows: Vec<&str> = csv.lines().collect();
    assert!(
        rows[1].starts_with("text.png,,,,,") && rows[1].contains("not an image"),
        "{csv}"
    );
    assert_eq!(rows[5], "gone.png,,,,,no such file or folder");
}

/// A failed check is worse than a bad input.
#[test]
fn other_failures_keep_exit_code_1() {
    let folder = mixed();
    for report in ["fail", "report"] {
        let arguments = ["--bad-images", report, "--model", "text.png", "text.png"];
        failure(program(&folder).args(arguments), 1);
    }
}

/// A picture has 60 x 40 pixels.
#[test]
fn the_limit_of_pixels_is_an_option() {
    let folder = mixed();
    success(program(&folder).args(["--max-pixels", "2400", "a.png"]));
    let refused = failure(program(&folder).args(["--max-pixels", "2399", "a.png"]), 3);
    assert!(
        stderr(&refused)
            .contains("60 x 40 pixels (2400 pixels), expected at most 2399 pixels; `--max-pixels`"),
        "{}",
        stderr(&refused)
    );
    failure(program(&folder).args(["--max-pixels", "0", "a.png"]), 2);
}
