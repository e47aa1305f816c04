//! Options that contradict each other, or that need a device that the machine lacks.

use crate::common::{self, failure, folder, picture, program, success};

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
fn settings_of_cuda_without_a_device_are_a_warning() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = success(program(&folder).args(["--tf32", "a.png"]));
    let warning = "warning: `--tf32` has no effect, since no CUDA device is used";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn cuda_is_refused_where_it_is_not_available() {
    let folder = folder();
    picture(&folder, "a.png");
    let run = failure(program(&folder).args(["--device", "cuda", "a.png"]), 1);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("`--device cuda:0` is not available"),
        "{}",
        run.stderr
    );
}
