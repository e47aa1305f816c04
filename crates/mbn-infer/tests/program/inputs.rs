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
    failure(program(&folder).args(["--list", "gone"]), 1);
}

#[test]
#[cfg(unix)]
fn names_that_are_not_utf8_stay_valid_json() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    picture(&folder, "a.png");
    for name in [&b"n\xe8.png"[..], b"n\xe9.png"] {
        let name = std::ffi::OsStr::from_bytes(name);
        std::fs::copy(folder.path().join("a.png"), folder.path().join(name)).unwrap();
    }
    let expected = ["a.png", "n\u{fffd}E8.png", "n\u{fffd}E9.png"];
    let run = success(program(&folder).args(["--format", "json", "."]));
    let paths = run.stdout.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["path"].as_str().unwrap().trim_start_matches("./").to_owned()
    });
    assert_eq!(paths.collect::<Vec<_>>(), expected);
    for format in ["csv", "text"] {
        let run = success(program(&folder).args(["--format", format, "--top-k", "1", "."]));
        for name in expected {
            assert_eq!(run.stdout.matches(name).count(), 1, "{}", run.stdout);
        }
    }
}

/// Lists as editors, Windows and `find -print0` write them.
#[test]
fn lists_in_other_encodings_are_read_or_named() {
    let folder = folder();
    picture(&folder, "a b.png");
    picture(&folder, "c.png");
    let lines = |list: &[u8], more: &[&str]| {
        std::fs::write(folder.path().join("my list"), list).unwrap();
        let run = success(
            program(&folder)
                .args(["--format", "json", "--list", "my list"])
                .args(more),
        );
        run.stdout.lines().count()
    };
    assert_eq!(lines(b"\xef\xbb\xbfa b.png\nc.png\n", &[]), 2);
    assert_eq!(lines(b"\xef\xbb\xbfa b.png\r\nc.png\r\n", &[]), 2);
    assert_eq!(lines(b"a b.png\0c.png\0", &["--null"]), 2);
    #[cfg(unix)]
    {
        std::fs::copy(folder.path().join("c.png"), folder.path().join("d\ne.png")).unwrap();
        assert_eq!(lines(b"d\ne.png\0", &["--null"]), 1);
    }
    let run = failure(program(&folder).args(["--list", "-"]).write_stdin("c.png\0"), 1);
    assert!(
        run.stderr.contains("null byte") && run.stderr.contains("`--null`"),
        "{}",
        run.stderr
    );
    failure(program(&folder).args(["--null", "c.png"]), 2);

    let utf16: Vec<u8> = "\u{feff}c.png\r\na b.png\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(folder.path().join("my list"), utf16).unwrap();
    let run = failure(program(&folder).args(["--list", "my list"]), 1);
    assert!(
        run.stderr.contains("it is text in UTF-16, expected UTF-8"),
        "{}",
        run.stderr
    );
    // The advice works.
    let command = run
        .stderr
        .split('`')
        .find(|part| part.starts_with("iconv "))
        .unwrap();
    let words = shlex::split(command).unwrap();
    let converted = std::process::Command::new(&words[0])
        .args(&words[1..])
        .current_dir(folder.path())
        .output();
    if let Ok(converted) = converted {
        let run = success(
            program(&folder)
                .args(["--format", "json", "--list", "-"])
                .write_stdin(converted.stdout),
        );
        assert_eq!(run.stdout.lines().count(), 2);
    }
}

/// A folder with brackets in its name is that folder, and a file that it lacks is missing, not a pattern.
#[test]
fn brackets_in_names_are_no_pattern() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos [2024]")).unwrap();
    picture(&folder, "photos [2024]/a.png");
    let run = success(program(&folder).args(["--format", "json", "photos [2024]/*.png"]));
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    let path = "photos [2024]/gone.jpg";
    let run = common::run(program(&folder).args(["--format", "json", path]));
    assert_ne!(run.code, 0);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["error"], "no such file or folder");
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

/// One error says which build is needed, before anything is written.
#[cfg(not(feature = "cloud"))]
#[test]
fn urls_need_another_build() {
    let folder = folder();
    picture(&folder, "a.png");
    for url in [
        "s3://b/a.png",
        "gs://b/",
        "az://b/*.png",
        "http://h/a.png",
        "https://h/a.tar",
    ] {
        let run = failure(program(&folder).args(["a.png", url]), 1);
        let message = format!("cannot read `{url}`: this program was built without the feature `cloud`");
        assert!(run.stderr.contains(&message), "{}", run.stderr);
        assert!(
            run.stderr.contains("--features cloud") && run.stdout.is_empty(),
            "{}",
            run.stderr
        );
    }
    let list = program(&folder)
        .args(["--list", "-"])
        .write_stdin("a.png\ns3://b/a.png\n")
        .output()
        .unwrap();
    let run = common::Run::of(list);
    assert!(
        run.code == 1 && run.stdout.contains("a.png") && run.stderr.contains("`cloud`"),
        "{}",
        run.stderr
    );
}
