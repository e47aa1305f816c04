//! What a run does not replace: files that it reads, its own, and the user's.

use crate::common::{data, read, refused, run};
use predicates::prelude::*;
use predicates::str::contains;

const SMALL: &str = "--data data --alpha 0.25 --size 32 --batch-size 8 --epochs 1 --no-publish";

#[test]
fn a_file_that_is_read_is_not_written() {
    let folder = data();
    let path = folder.path();
    run(path, &format!("{SMALL} --out first")).success();
    std::fs::copy(path.join("first/best.safetensors"), path.join("w.safetensors")).unwrap();
    std::fs::create_dir(path.join("own")).unwrap();
    std::fs::copy(path.join("first/settings.toml"), path.join("own/settings.toml")).unwrap();
    std::fs::write(path.join("names.txt"), "blue\nred\n").unwrap();
    let kept = [
        "w.safetensors",
        "names.txt",
        "own/settings.toml",
        "first/state.safetensors",
    ];
    let before = kept.map(|name| read(path.join(name)));
    let published = SMALL.replace("--no-publish", "--publish w.safetensors");
    for (arguments, message) in [
        (
            format!("{published} --init ./w.safetensors --out run"),
            "`--publish w.safetensors` is the file that is read as `./w.safetensors`",
        ),
        (
            format!("{published} --teacher w.safetensors --out run"),
            "`--publish w.safetensors` is the file that is read, and would be replaced",
        ),
        (
            SMALL.replace(
                "--no-publish",
                "--publish names.txt --init w.safetensors --init-classes names.txt --out run",
            ),
            "`--publish names.txt` is the file that is read",
        ),
        (
            "--config own/settings.toml --no-publish --out own".to_owned(),
            "`--out own/settings.toml` is the file that is read",
        ),
        (
            SMALL.replace("--no-publish", "--publish run/best.safetensors --out run"),
            "`--publish run/best.safetensors` and `--out run/best.safetensors` are the same file",
        ),
        (
            "--resume first --publish first/state.safetensors".to_owned(),
            "are the same file",
        ),
    ] {
        run(path, &arguments).code(2).stderr(contains(message));
        assert!(!path.join("run").exists(), "{arguments}");
        assert!(kept.map(|name| read(path.join(name))) == before, "{arguments}");
    }
}

/// The weights cannot be published where the run's folder or a file in it will be, whoever chooses the folder.
#[test]
fn nothing_is_published_in_place_of_the_run() {
    let folder = data();
    let path = folder.path();
    let published = SMALL.replace("--no-publish", "");
    for (options, message) in [
        (
            "--out new --publish new",
            "`--publish new` and `--out new` are the same file",
        ),
        (
            "--out ./new/run --publish new",
            "`--publish new` and `--out ./new` are the same file",
        ),
        (
            "--publish runs/data_0.25/best.safetensors",
            "`--publish runs/data_0.25/best.safetensors` and `runs/data_0.25/best.safetensors` are the same file",
        ),
        (
            "--publish runs/data_0.25",
            "`--publish runs/data_0.25` and `runs/data_0.25` are the same file",
        ),
    ] {
        run(path, &format!("{published} {options}"))
            .code(2)
            .stderr(contains(message).and(contains("train loss").not()));
        assert!(
            !path.join("new").exists() && !path.join("runs").exists(),
            "{options}"
        );
    }
    // Beside them it is.
    run(
        path,
        &format!("{published} --publish runs/other/best.safetensors"),
    )
    .success();
    assert!(path.join("runs/other/best.safetensors").is_file());
}

/// The user's own files, or those of an earlier search, have the names of a run's.
#[test]
fn files_in_a_folder_without_a_run_are_not_replaced() {
    let folder = data();
    let path = folder.path();
    std::fs::create_dir(path.join("own")).unwrap();
    for name in ["curves.png", "settings.toml", "notes.txt"] {
        std::fs::write(path.join("own").join(name), "mine").unwrap();
    }
    for more in ["", " --lr-find"] {
        let line = format!("{SMALL} --out own{more}");
        run(path, &line).code(1).stderr(
            contains("run folder `own` holds no run that can be resumed, but has `settings.toml` and `curves.png` already")
                .and(contains("hint: choose another `--out`, or move what is there away")),
        );
    }
    for name in ["curves.png", "settings.toml", "notes.txt"] {
        assert_eq!(read(path.join("own").join(name)), b"mine");
    }
    assert_eq!(path.join("own").read_dir().unwrap().count(), 3);
    // What stays where it is does not matter.
    for name in ["curves.png", "settings.toml"] {
        std::fs::remove_file(path.join("own").join(name)).unwrap();
    }
    run(path, &format!("{SMALL} --out own")).success();

    std::fs::write(path.join("thesis.txt"), "years of work").unwrap();
    let published = SMALL.replace("--no-publish", "--publish thesis.txt");
    let messages = [
        "`--publish thesis.txt` cannot be written: there is a file already, which does not begin as weights do",
        "hint: choose another file with `--publish`",
    ];
    refused(path, &published, 1, &messages);
    run(path, "--resume own --publish thesis.txt")
        .code(1)
        .stderr(contains(messages[0]));
    assert_eq!(read(path.join("thesis.txt")), b"years of work");
    // Weights are replaced.
    std::fs::copy(path.join("own/last.safetensors"), path.join("w.safetensors")).unwrap();
    run(path, "--resume own --publish w.safetensors").success();
}
