//! What goes wrong around the program: permissions, full disks, closed pipes, Ctrl-C. Each has its exit code and its message.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, failure, folder, picture, program, success, without_library};

const DENIED: &str = "Permission denied (os error 13)";

/// A user whom permissions bind, unlike root: `nobody`, by the number that it has on most systems.
const NOBODY: u32 = 65534;

/// A folder that every user can enter, with a picture and the program.
fn open_folder() -> TempDir {
    let folder = folder();
    picture(&folder, "a.png");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (built, here) = (env!("CARGO_BIN_EXE_mbn-infer"), folder.path().join("mbn-infer"));
    // It may have been built where only root can go.
    if fs::hard_link(built, &here).is_err() {
        fs::copy(built, &here).unwrap();
    }
    folder
}

/// The program of an [`open_folder`], with candle, as a user other than root.
fn as_user(folder: &TempDir) -> assert_cmd::Command {
    let mut command = Command::new(folder.path().join("mbn-infer"));
    without_library(&mut command)
        .current_dir(folder.path())
        .args(["--engine", "candle"]);
    let is_root = folder.path().metadata().unwrap().uid() == 0;
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    assert_cmd::Command::from_std(command)
}

/// A file or folder that the program may not use; the tests' own user may remove it in the end.
struct Locked(PathBuf);

impl Locked {
    fn file(folder: &TempDir, name: &str) -> Self {
        let path = folder.path().join(name);
        fs::copy(folder.path().join("a.png"), &path).unwrap();
        Self::with_mode(path, 0o000)
    }

    fn folder(folder: &TempDir, name: &str, mode: u32) -> Self {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        fs::copy(folder.path().join("a.png"), path.join("a.png")).unwrap();
        Self::with_mode(path, mode)
    }

    fn with_mode(path: PathBuf, mode: u32) -> Self {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755));
    }
}

#[test]
fn inputs_that_cannot_be_read_are_named_and_the_others_classified() {
    let folder = open_folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let _locked = [
        Locked::file(&folder, "secret.png"),
        Locked::file(&folder, "secret.tar"),
        Locked::file(&folder, "secret.parquet"),
        Locked::folder(&folder, "locked", 0o000),
        Locked::folder(&folder, "in/locked", 0o000),
    ];
    for (input, named, problem) in [
        ("gone.png", "gone.png", "no such file or folder"),
        ("*.gif", "*.gif", "no file matches the pattern"),
        ("empty", "empty", "the folder has no images"),
        ("a.png/b.png", "a.png/b.png", "Not a directory (os error 20)"),
        ("secret.png", "secret.png", DENIED),
        ("secret.tar", "secret.tar", DENIED),
        ("secret.parquet", "secret.parquet", DENIED),
        ("locked", "locked", DENIED),
        ("locked/a.png", "locked/a.png", DENIED),
        ("locked/*.png", "locked/*.png", DENIED),
        ("in", "in/locked", DENIED),
    ] {
        let run = failure(as_user(&folder).args(["--format", "json", input, "a.png"]), 3);
        let lines: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{}", run.stdout);
        assert_eq!(lines[0]["path"], named);
        let error = lines[0]["error"].as_str().unwrap();
        assert!(error.starts_with(problem), "{input}: {error}");
        assert!(lines[1]["predictions"].is_array(), "{input}");
        let said = format!("error: `{named}`: {error}\n");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
        assert!(
            run.stderr.ends_with("error: 1 of 2 could not be classified\n"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn files_that_the_work_needs_and_that_cannot_be_read_end_it() {
    let folder = open_folder();
    let names = ["list", "m.onnx", "m.safetensors", "names.txt"];
    let _locked = names.map(|name| Locked::file(&folder, name));
    for (option, file, message) in [
        ("--list", "list", "cannot read the list `list`"),
        ("--model", "m.onnx", "model file `m.onnx` cannot be used"),
        (
            "--model",
            "m.safetensors",
            "weight file `m.safetensors` cannot be used",
        ),
        (
            "--weights",
            "m.safetensors",
            "weight file `m.safetensors` cannot be used",
        ),
        (
            "--classes",
            "names.txt",
            "cannot read class names from `names.txt`",
        ),
    ] {
        let run = failure(as_user(&folder).args([option, file, "a.png"]), 1);
        let expected = format!("error: {message}: {DENIED}\n");
        assert!(run.stderr.ends_with(&expected), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn outputs_that_a_user_may_not_write_are_refused_before_the_work() {
    let folder = open_folder();
    fs::create_dir(folder.path().join("partial")).unwrap();
    let _locked = [
        Locked::folder(&folder, "closed", 0o555),
        Locked::folder(&folder, "locked", 0o000),
        Locked::file(&folder, "partial/out.partial"),
    ];
    let everybody = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder.path().join("partial"), everybody).unwrap();
    let closed = format!("folder `closed` cannot be written to: {DENIED}");
    for (option, output, message) in [
        ("--output", "closed/out", closed.as_str()),
        ("--html", "closed/page.html", &closed),
        ("--sort-into", "closed/new", &closed),
        ("--sort-into", "closed", &closed),
        ("--evaluation", "closed/new/below", &closed),
        ("--evaluation", "closed", &closed),
        ("--output", "locked/out", DENIED),
        ("--html", "locked/page.html", DENIED),
        ("--output", "partial/out", DENIED),
        ("--sort-into", "a.png", "`a.png` is a file, expected a folder"),
    ] {
        let mut command = as_user(&folder);
        command.args([option, output, "a.png"]);
        if option == "--evaluation" {
            command.arg("--evaluate");
        }
        let run = failure(&mut command, 1);
        let name = output.replace("partial/out", "partial/out.partial");
        let expected = format!("error: cannot write `{name}`: {message}\n");
        assert_eq!((run.stderr.as_str(), run.stdout.as_str()), (&*expected, ""));
    }
}

/// A reader that is gone before the first result, as `| true` is.
#[test]
fn nobody_reads_stdout_and_that_is_no_error() {
    let folder = folder();
    for name in ["a.png", "b.png"] {
        picture(&folder, name);
    }
    for format in ["text", "json", "csv", "parquet"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
        let mut child = without_library(&mut command)
            .args(["--engine", "candle", "--format", format, "."])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let run = common::Run::of(child.wait_with_output().unwrap());
        assert_eq!(run.code, 0, "{format}: {}", run.stderr);
        assert!(
            !run.stderr.contains("error") && !run.stderr.contains("panicked"),
            "{}",
            run.stderr
        );
    }
}

/// Pictures, and a network that takes little time.
fn small() -> TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("photos")).unwrap();
    for i in 0..12 {
        picture(&folder, &format!("photos/{i:02}.png"));
    }
    common::small_weights()
        .save(&folder.path().join("small.safetensors"))
        .unwrap();
    folder
}

/// One image at a time has the same result in every run.
const FIXED: [&str; 5] = ["--model", "small.safetensors", "--batch-size", "1", "photos"];

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle.
#[test]
fn a_disk_that_gets_full_is_named_and_what_was_written_is_continued() {
    let folder = small();
    let limited = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        without_library(&mut command)
            .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_mbn-infer"))
            .args(["--engine", "candle"])
            .args(arguments)
            .args(FIXED)
            .current_dir(folder.path());
        failure(&mut assert_cmd::Command::from_std(command), 1)
    };
    let path = |name: &str| folder.path().join(name);
    let before = names(folder.path());
    for form in [
        &["--format", "json", "--features"][..],
        &["--format", "csv", "--features"],
        &["--format", "parquet", "--logits", "--top-k", "10"],
    ] {
        let with_output = |output: &'static str| [form, &["--output", output]].concat();
        success(program(&folder).args(with_output("expected")).args(FIXED));
        let run = limited(&with_output("out"));
        let expected = "error: cannot write `out`: File too large (os error 27)\n\
                        hint: `out.partial` has the results so far: make room, then `--resume` continues it\n";
        assert!(run.stderr.ends_with(expected), "{form:?}: {}", run.stderr);
        assert!(!path("out").exists() && path("out.partial").exists());
        success(
            program(&folder)
                .arg("--resume")
                .args(with_output("out"))
                .args(FIXED),
        );
        assert!(
            fs::read(path("out")).unwrap() == fs::read(path("expected")).unwrap(),
            "{form:?}"
        );
        fs::remove_file(path("out")).unwrap();
        fs::remove_file(path("expected")).unwrap();
        assert_eq!(names(folder.path()), before);
    }
    let run = limited(&["--html", "page.html"]);
    let expected = "error: cannot write `page.html`: File too large (os error 27)\n";
    assert!(run.stderr.ends_with(expected), "{}", run.stderr);
    assert_eq!(names(folder.path()), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_named() {
    let folder = small();
    for format in ["text", "json", "csv", "parquet"] {
        let arguments = ["--format", format, "--output", "/dev/full"];
        let run = failure(program(&folder).args(arguments).args(FIXED), 1);
        let expected = "error: cannot write `/dev/full`: No space left on device (os error 28)\n";
        assert!(run.stderr.ends_with(expected), "{format}: {}", run.stderr);
    }
}

/// Ctrl-C at any instant ends the program, and leaves a whole output, or one that can be continued, or none.
#[test]
fn an_interrupt_at_any_instant_loses_nothing() {
    const INSTANTS: u32 = 24;
    let folder = small();
    // Background jobs of a shell ignore SIGINT, and so do the processes that they start, unless this works.
    let resets = Command::new("env")
        .args(["--default-signal=INT", "true"])
        .output();
    let resets = resets.is_ok_and(|output| output.status.success());
    let arguments = ["--engine", "candle", "--format", "json", "--output", "out"];
    let start = |resume: &[&str]| {
        let mut command = Command::new(if resets {
            "env"
        } else {
            env!("CARGO_BIN_EXE_mbn-infer")
        });
        if resets {
            command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_mbn-infer")]);
        }
        without_library(&mut command)
            .args(arguments)
            .args(FIXED)
            .args(resume)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let begin = Instant::now();
    assert!(start(&[]).wait_with_output().unwrap().status.success());
    let whole_run = begin.elapsed().max(Duration::from_millis(1));
    let path = |name: &str| folder.path().join(name);
    let expected = fs::read(path("out")).unwrap();
    let mut stopped = 0;
    for instant in 0..INSTANTS {
        fs::remove_file(path("out")).unwrap();
        let child = start(&[]);
        std::thread::sleep(whole_run * instant / INSTANTS);
        let signal = if resets { "-INT" } else { "-TERM" };
        // It may have ended already.
        let _ = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !stderr.contains("panicked") && !stderr.contains("error"),
            "{instant}: {stderr}"
        );
        match (output.status.code(), output.status.signal()) {
            (Some(0), None) => assert!(fs::read(path("out")).unwrap() == expected),
            // Killed by the signal itself: the program had not begun.
            (Some(130), None) | (None, Some(2 | 15)) => {
                stopped += 1;
                assert!(!path("out").exists());
                let partial = fs::read(path("out.partial")).unwrap_or_default();
                assert!(expected.starts_with(&partial), "{instant}");
                if !partial.is_empty() {
                    assert!(
                        stderr.ends_with("hint: `--resume` continues it\n"),
                        "{instant}: {stderr}"
                    );
                }
            }
            other => panic!("{instant}: {other:?}, {stderr}"),
        }
        assert!(start(&["--resume"]).wait_with_output().unwrap().status.success());
        assert!(fs::read(path("out")).unwrap() == expected, "{instant}");
        assert_eq!(names(folder.path()), ["out", "photos", "small.safetensors"]);
    }
    assert!(stopped > 0, "the signals came too late");
}
