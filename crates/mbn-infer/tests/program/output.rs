//! Where results go, and what happens if they cannot be written.

use std::io::Read;
use std::process::Stdio;

use crate::common::{Run, failure, folder, picture, program, success};

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
fn an_output_that_cannot_be_written_is_refused_before_the_work() {
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
fn a_write_error_names_the_output_once() {
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

/// Results that nobody reads any more, as with `| head -1`, end a run that has nothing else to do.
#[test]
fn other_outputs_are_whole_when_nobody_reads_the_results() {
    let folder = folder();
    let class = format!("in/{}", crate::common::class_names()[0]);
    std::fs::create_dir_all(folder.path().join(&class)).unwrap();
    for i in 0..9 {
        picture(&folder, &format!("{class}/{i}.png"));
    }
    for (options, goes_on) in [
        (&[][..], false),
        (&["--html", "page.html"], true),
        (&["--sort-into", "sorted"], true),
        (&["--evaluate"], true),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-infer"))
            .args(["--engine", "candle", "--batch-size", "2", "--format", "json"])
            .args(options)
            .arg("in")
            .current_dir(folder.path())
            .stdout(writer)
            .output()
            .unwrap();
        let run = Run::of(output);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let is_whole = run.stderr.contains("9 images in ");
        assert_eq!(is_whole, goes_on, "{options:?}: {}", run.stderr);
    }
    assert!(folder.path().join("page.html").is_file());
}

#[test]
fn copies_in_the_folder_of_the_inputs_are_not_classified() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("in/deep")).unwrap();
    for name in ["in/a.png", "in/deep/b.png", "in/z.png"] {
        picture(&folder, name);
    }
    for (options, input) in [
        (&[][..], "in"),
        (&["--sort-links"], "in"),
        (&[], "in/**/*.png"),
        (&[], "in/*"),
    ] {
        let sort = || {
            let arguments = ["--format", "csv", "--sort-into", "in/sorted", input];
            success(program(&folder).args(options).args(arguments))
        };
        let first = sort();
        let again = sort();
        assert_eq!(first.stdout, again.stdout, "{options:?} {input}");
        let (done, left_out) = ("0 pictures", "in a folder that this run writes (`sorted`)");
        assert!(
            again.stderr.contains(done) && (input.contains("**") || again.stderr.contains(left_out)),
            "{}",
            again.stderr
        );
        std::fs::remove_dir_all(folder.path().join("in/sorted")).unwrap();
    }
    // Copies among the pictures themselves, or among those of a class.
    for arguments in [
        &["--sort-into", "in", "in"][..],
        &["--sort-into", "in", "in/deep"],
        &["--evaluate", "--sort-into", "in/deep/sorted", "in"],
    ] {
        let run = failure(program(&folder).args(arguments), 2);
        assert!(
            run.stderr.contains("cannot be used with the input `in") && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn pictures_are_sorted_into_folders_of_their_classes() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    for name in ["in/a.png", "in/b.png", "in/c.png"] {
        picture(&folder, name);
    }
    std::fs::write(folder.path().join("in/broken.png"), "no picture").unwrap();
    let sort = |extra: &[&str]| {
        let arguments = ["--format", "csv", "--top-k", "1", "--sort-into", "out"];
        failure(program(&folder).args(arguments).args(extra).arg("in"), 3)
    };
    let run = sort(&[]);
    assert!(
        run.stderr.contains("3 pictures copied into class folders"),
        "{}",
        run.stderr
    );
    assert!(sort(&[]).stderr.contains("3 lay there already"));
    let mut reader = csv::Reader::from_reader(run.stdout.as_bytes());
    let mut sorted = 0;
    for row in reader
        .records()
        .map(Result::unwrap)
        .filter(|row| row[5].is_empty())
    {
        let path = folder
            .path()
            .join("out")
            .join(&row[2])
            .join(row[0].trim_start_matches("in/"));
        assert_eq!(
            std::fs::read(path).unwrap(),
            std::fs::read(folder.path().join(&row[0])).unwrap()
        );
        sorted += 1;
    }
    assert_eq!(sorted, 3);
    failure(program(&folder).args(["--sort-links", "in"]), 2);
    // A class folder that cannot be made.
    std::fs::create_dir(folder.path().join("blocked")).unwrap();
    for class in crate::common::class_names() {
        std::fs::write(folder.path().join("blocked").join(class), "").unwrap();
    }
    let run = failure(program(&folder).args(["--sort-into", "blocked", "in"]), 1);
    assert!(
        run.stderr
            .contains("error: cannot sort `in/a.png` into `blocked/"),
        "{}",
        run.stderr
    );
}

/// A name that is too long with a number costs the picture its copy. `-q` leaves the number of such pictures.
#[test]
fn pictures_that_could_not_be_sorted_are_counted() {
    let folder = folder();
    let name = format!("{}.png", "a".repeat(251));
    for part in ["in/1", "in/2"] {
        std::fs::create_dir_all(folder.path().join(part)).unwrap();
        image::RgbImage::from_pixel(20, 20, image::Rgb([9; 3]))
            .save(folder.path().join(part).join(&name))
            .unwrap();
    }
    // Another file, of the same class.
    let png = folder.path().join("in/2").join(&name);
    let mut content = std::fs::read(&png).unwrap();
    content.push(0);
    std::fs::write(&png, content).unwrap();
    let run = failure(program(&folder).args(["-q", "--sort-into", "out", "in"]), 3);
    assert_eq!(
        run.stderr,
        "error: 1 picture copied into class folders; 1 could not be\n"
    );
}

#[test]
fn a_dash_is_stdout_and_never_a_file() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    picture(&folder, "in/a.png");
    let expected = success(program(&folder).args(["--format", "csv", "in"])).stdout;
    let run = success(program(&folder).args(["--format", "csv", "--output", "-", "in"]));
    assert_eq!(run.stdout, expected);
    for (arguments, message) in [
        (&["--html", "-"][..], "`-` stands for stdout"),
        (&["--sort-into", "-"], "`-` stands for stdout"),
        (&["--evaluate", "--evaluation", "-"], "`-` stands for stdout"),
        (
            &["--format", "json", "--output", "-", "--resume"],
            "`--resume` needs a file",
        ),
    ] {
        let run = failure(program(&folder).args(arguments).arg("in"), 2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
    // A path says that it is a file.
    success(program(&folder).args(["--format", "csv", "--output", "./-", "in"]));
    let written = std::fs::read_to_string(folder.path().join("-")).unwrap();
    assert_eq!(written, expected);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_name_that_promises_another_format_is_warned_of() {
    let folder = folder();
    picture(&folder, "a.png");
    for (name, format, usual) in [
        ("r.csv", "text", Some("csv")),
        ("r.CSV", "json", Some("csv")),
        ("r.jsonl", "csv", Some("json")),
        ("r.parquet", "json", Some("parquet")),
        ("r.jsonl", "json", None),
        ("r.csv", "csv", None),
        ("r.txt", "text", None),
        ("r", "text", None),
        ("r.out", "parquet", None),
    ] {
        let run = success(program(&folder).args(["--format", format, "--output", name, "a.png"]));
        let warning = usual.map(|usual| format!("hint: `--format {usual}` writes that"));
        match warning {
            Some(warning) => assert!(run.stderr.contains(&warning), "{name} {format}: {}", run.stderr),
            None => assert!(!run.stderr.contains("hint: `--format"), "{}", run.stderr),
        }
    }
}

/// `/dev/stdout` is stdout by another name: other outputs are whole when its reader is gone.
#[cfg(target_os = "linux")]
#[test]
fn stdout_may_be_named_as_a_device() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    for i in 0..3 {
        picture(&folder, &format!("in/{i}.png"));
    }
    let expected = success(program(&folder).args(["--format", "csv", "in"])).stdout;
    for (options, goes_on) in [(&[][..], false), (&["--html", "page.html"], true)] {
        let run = |stdout: std::process::Stdio| {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_mbn-infer"))
                .args(["--engine", "candle", "--format", "csv", "--output", "/dev/stdout"])
                .args(options)
                .arg("in")
                .current_dir(folder.path())
                .stdout(stdout)
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
                .wait_with_output();
            Run::of(output.unwrap())
        };
        assert_eq!(run(std::process::Stdio::piped()).stdout, expected, "{options:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let alone = run(writer.into());
        assert_eq!(alone.code, 0, "{}", alone.stderr);
        assert_eq!(alone.stderr.contains("3 images in "), goes_on, "{}", alone.stderr);
    }
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert!(page.contains("2.png"));
}

/// A folder of copies that lies among the inputs is none for any shard: else they would count the pictures differently.
#[test]
fn shards_that_sort_into_the_folder_of_the_inputs_have_every_picture_once() {
    let folder = folder();
    std::fs::create_dir_all(folder.path().join("in/a")).unwrap();
    std::fs::create_dir_all(folder.path().join("in/A-2024")).unwrap();
    for name in ["a/1", "a/2", "A-2024/3", "4", "5", "6", "7"] {
        picture(&folder, &format!("in/{name}.png"));
    }
    let names = |run: &Run| -> Vec<String> {
        let lines = run.stdout.lines();
        lines
            .map(|line| line.split(": ").next().unwrap().to_owned())
            .collect()
    };
    let mut expected = names(&success(program(&folder).arg("in")));
    expected.sort();
    for input in ["in", "in/*", "in/**/*.png"] {
        for _ in 0..2 {
            let mut found = Vec::new();
            for shard in ["0/3", "1/3", "2/3"] {
                let arguments = ["--shard", shard, "--sort-into", "in/A-{shard}", input];
                found.extend(names(&success(program(&folder).args(arguments))));
            }
            found.sort();
            assert_eq!(found, expected, "{input}");
        }
    }
    // Every shard refuses the folder of one of them, and a name in it has an error in its place.
    for shard in ["0/3", "1/3"] {
        let arguments = ["--shard", shard, "--sort-into", "in/A-{shard}", "in/A-1"];
        let run = failure(program(&folder).args(arguments), 2);
        assert!(run.stderr.contains("would be mixed"), "{}", run.stderr);
    }
    let copies: Vec<_> = std::fs::read_dir(folder.path().join("in/A-1"))
        .unwrap()
        .flat_map(|class| std::fs::read_dir(class.unwrap().path()).unwrap())
        .map(|copy| copy.unwrap().path())
        .collect();
    let copy = copies[0].strip_prefix(folder.path()).unwrap().to_str().unwrap();
    std::fs::write(
        folder.path().join("list"),
        format!("in/4.png\n{copy}\nin/5.png\n"),
    )
    .unwrap();
    let arguments = ["--format", "json", "--sort-into", "in/A-1", "--list", "list"];
    let run = failure(program(&folder).args(arguments), 3);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].contains(copy) && lines[1].contains("it lies in a folder that this run writes"),
        "{}",
        run.stdout
    );
}
