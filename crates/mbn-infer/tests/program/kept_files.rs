//! Files that are read stay as they are, whatever output is named like one.

use std::path::Path;

use tempfile::TempDir;

use crate::common::{Run, bare, failure, folder, picture, program, success};

/// A picture, a list of it, and names of classes.
fn start() -> TempDir {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for name in ["a.png", "photos/b.png"] {
        picture(&folder, name);
    }
    std::fs::write(folder.path().join("list.txt"), "photos/b.png\n").unwrap();
    let names: String = (0..10).map(|i| format!("{i}\n")).collect();
    std::fs::write(folder.path().join("names.txt"), names).unwrap();
    folder
}

/// All files below a folder, with what they hold.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    all.sort();
    all
}

/// Runs the program, which must refuse the options and leave all files alone.
fn refused(folder: &TempDir, options: &str) -> Run {
    let before = files(folder.path());
    let run = failure(program(folder).args(options.split(' ')), 2);
    assert_eq!(run.stdout, "");
    assert!(files(folder.path()) == before, "{options}");
    run
}

#[test]
fn no_output_replaces_a_file_that_is_named() {
    let folder = start();
    let taken = [
        "--output a.png a.png",
        "--html ./a.png a.png",
        "--output photos/../a.png a.png",
    ];
    let named = [
        "--list list.txt --output list.txt",
        "--classes names.txt --html names.txt a.png",
        "--weights w.safetensors --output w.safetensors a.png",
        "--model m.onnx --format json --output m.onnx a.png",
        "--output model.onnx a.png",
        // The check reads it.
        "--model m.onnx --output m.safetensors a.png",
        "--output r --list r.partial",
    ];
    for name in [
        "w.safetensors",
        "m.onnx",
        "m.safetensors",
        "model.onnx",
        "r.partial",
    ] {
        std::fs::write(folder.path().join(name), "a.png\n").unwrap();
    }
    for options in taken.iter().chain(&named) {
        let run = refused(&folder, options);
        assert!(
            run.stderr.contains("is the file that is read"),
            "{options}: {}",
            run.stderr
        );
        assert!(
            run.stderr.contains("would be replaced"),
            "{options}: {}",
            run.stderr
        );
    }
    // The results are called so until they are complete.
    let run = refused(&folder, "--output r --list r.partial");
    let message = "`r.partial`, the unfinished `--output`, is the file that is read";
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

/// Without them, the model is built into the program.
#[test]
fn an_output_may_be_called_like_files_that_would_be_read_if_they_existed() {
    let folder = start();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    for output in ["config.json", "model.onnx"] {
        success(program(&folder).args(["--output", output, "a.png"]));
    }
    refused(&folder, "--output model.onnx a.png");
}

#[test]
fn a_measurement_replaces_no_model() {
    let folder = start();
    for name in ["m.onnx", "model.onnx"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    for options in [
        "bench --latencies ./m.onnx m.onnx",
        "bench --latencies model.onnx",
    ] {
        let before = files(folder.path());
        let run = failure(bare(&folder).args(options.split(' ')), 2);
        assert!(
            run.stderr.contains("is the file that is read"),
            "{options}: {}",
            run.stderr
        );
        assert!(files(folder.path()) == before, "{options}");
    }
}

#[test]
fn no_output_replaces_a_picture_of_a_folder_a_pattern_or_a_list() {
    let folder = start();
    let mut archive = tar::Builder::new(std::fs::File::create(folder.path().join("photos/c.tar")).unwrap());
    for name in ["in/a.png", "in/b.png"] {
        archive
            .append_path_with_name(folder.path().join("a.png"), name)
            .unwrap();
    }
    archive.finish().unwrap();
    // Its content may be replaced, but it is read.
    for name in ["photos/0.png", "list2.txt"] {
        std::fs::write(folder.path().join(name), "photos/0.png\n").unwrap();
    }
    let read = "is the file that is read";
    for (options, part) in [
        ("--output photos/0.png photos", read),
        ("--html photos/0.png photos/*.png", read),
        ("--output photos/0.png --list list2.txt", read),
        ("--output photos/0.png a.png photos", read),
        (
            "--output photos/b.png photos",
            "is a PNG picture, which text would replace",
        ),
        ("--output photos/c.tar photos/*.tar", "is a tar archive"),
    ] {
        let before = files(folder.path());
        // The command line alone does not show it.
        let run = failure(program(&folder).args(options.split(' ')), 1);
        assert!(run.stderr.contains(part), "{options}: {}", run.stderr);
        let after = files(folder.path());
        let is_kept = |file: &(String, Vec<u8>)| after.contains(file);
        assert!(before.iter().all(is_kept), "{options}");
    }
    std::fs::remove_file(folder.path().join("photos/0.png")).unwrap();
    // Other files of the folder may be replaced.
    for _ in 0..2 {
        success(program(&folder).args(["--output", "photos/results.txt", "photos"]));
    }
}

/// A shell that expands `--html *.png` gives the option the name of the first picture.
#[test]
fn no_output_replaces_a_file_of_another_kind() {
    let folder = start();
    picture(&folder, "c.jpg");
    let header = br#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
    let len = (header.len() as u64).to_le_bytes();
    std::fs::write(folder.path().join("w.safetensors"), [&len[..], header].concat()).unwrap();
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(folder.path().join("mine/classes.csv"), "id,name\n").unwrap();
    for (options, part) in [
        (
            "--html c.jpg a.png",
            "`--html c.jpg` is a JPEG picture, which text would replace",
        ),
        ("-q --output c.jpg a.png", "`--output c.jpg` is a JPEG picture"),
        ("--output w.safetensors a.png", "is a safetensors file"),
        (
            "--evaluate --evaluation mine photos",
            "would replace `mine/classes.csv`",
        ),
    ] {
        let before = files(folder.path());
        let run = failure(program(&folder).args(options.split(' ')), 1);
        assert!(run.stderr.contains(part), "{options}: {}", run.stderr);
        assert!(files(folder.path()) == before, "{options}");
    }
}

/// Another model would classify.
#[test]
fn a_model_among_the_pictures_is_refused_by_name() {
    let folder = start();
    std::fs::write(folder.path().join("m.onnx"), "").unwrap();
    let run = refused(&folder, "m.onnx a.png");
    assert!(
        run.stderr.contains("`--model m.onnx` classifies with it"),
        "{}",
        run.stderr
    );
}

#[test]
fn two_outputs_are_two_files() {
    let folder = start();
    for options in [
        "--output r --html r a.png",
        "--output r --html photos/../r a.png",
        "--output e/classes.csv --evaluate --evaluation e photos",
    ] {
        std::fs::create_dir_all(folder.path().join("e")).unwrap();
        let run = refused(&folder, options);
        assert!(
            run.stderr.contains("are the same file"),
            "{options}: {}",
            run.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn links_are_the_file_that_they_lead_to() {
    let folder = start();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("a.png", at("soft")).unwrap();
    std::fs::hard_link(at("a.png"), at("hard")).unwrap();
    for (output, message) in [
        (
            "soft",
            "is the file that is read as `a.png`, and would be replaced",
        ),
        ("hard", "is the same file as `a.png`, which is read"),
    ] {
        let run = refused(&folder, &format!("--output {output} a.png"));
        let expected = format!("`--output {output}` {message}");
        assert!(run.stderr.contains(&expected), "{}", run.stderr);
    }
}
