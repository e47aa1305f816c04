//! Lists of paths, names that are not UTF-8, and folders of classes.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{self, failure, folder, picture, program, success};

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
fn names_that_are_not_utf8_stay_valid_json() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    picture(&folder, "a.png");
    let name = std::ffi::OsStr::from_bytes(b"n\xe9.png");
    std::fs::rename(folder.path().join("a.png"), folder.path().join(name)).unwrap();
    let run = success(program(&folder).args(["--format", "json"]).arg(name));
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["path"], "n\u{fffd}.png");
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
    // Its first message shows that it has started; next it reads the list.
    child.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let pid = child.id().to_string();
    // Not SIGINT: background jobs of a shell ignore it, and so do the processes that they start.
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
        3,
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
