//! Outputs that are continued after a run was interrupted or killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, Run, failure, folder, picture, program, success, without_library};

const PICTURES: usize = 30;

/// Kills in one test run; `make resume-test` sets more.
const KILLS: &str = "MBN_RESUME_KILLS";

/// A folder with pictures, two of which cannot be used, and a network that takes little time.
fn pictures() -> TempDir {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for i in 0..PICTURES {
        picture(&folder, &format!("photos/{i:02}.png"));
    }
    for name in ["photos/05.png", "photos/line\nbreak \"a\", b.png"] {
        std::fs::write(folder.path().join(name), "no picture").unwrap();
    }
    let weights = common::small_weights();
    weights.save(&folder.path().join("small.safetensors")).unwrap();
    folder
}

/// One image at a time has the same result in every run.
const FIXED: [&str; 10] = [
    "--model",
    "small.safetensors",
    "--batch-size",
    "1",
    "--threads",
    "2",
    "--bad-images",
    "report",
    "--top-k",
    "2",
];

/// Forms of results that can be continued.
fn forms(threshold: &str) -> [Vec<&str>; 6] {
    let extra = ["--logits", "--features"];
    [
        vec!["--format", "json"],
        vec!["--format", "csv"],
        vec!["--format", "parquet"],
        varying(threshold).to_vec(),
        [&["--format", "csv"][..], &extra].concat(),
        [&varying(threshold)[..], &extra].concat(),
    ]
}

fn varying(threshold: &str) -> [&str; 4] {
    ["--format", "csv", "--threshold", threshold]
}

/// A threshold with which some images have one row in CSV and others two: half of the second classes are less probable.
fn threshold(folder: &TempDir) -> String {
    let arguments = ["--format", "json", "photos"];
    let run = success(program(folder).args(FIXED).args(arguments));
    let second = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["predictions"][1]["probability"].as_f64()
    };
    let mut seconds: Vec<f64> = run.stdout.lines().filter_map(second).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    (0.5 * (seconds[middle - 1] + seconds[middle])).to_string()
}

fn start(folder: &TempDir, form: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    without_library(&mut command)
        .current_dir(folder.path())
        .args(["--engine", "candle", "--resume", "--output", "out"])
        .args(form)
        .args(FIXED)
        .arg("photos")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Numbers that look random, the same in every run of the test.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit.max(1)
    }
}

/// Killed at any instant and continued, every input has its result once. Sometimes the end of what was written is lost as well, as
/// when the power fails.
#[test]
fn a_run_that_is_killed_at_any_instant_is_continued() {
    let kills = std::env::var(KILLS).map_or(12, |kills| kills.parse().unwrap());
    let folder = pictures();
    let threshold = threshold(&folder);
    let forms = forms(&threshold);
    let (out, partial) = (folder.path().join("out"), folder.path().join("out.partial"));
    let mut random = Random(1);
    let (mut killed, mut whole_runs) = (0, 0);
    for form in forms.iter().cycle() {
        if killed >= kills && whole_runs >= forms.len() {
            break;
        }
        let begin = Instant::now();
        let arguments = ["--output", "expected", "photos"];
        success(program(&folder).args(FIXED).args(form).args(arguments));
        let whole = begin.elapsed();
        let expected = std::fs::read(folder.path().join("expected")).unwrap();
        loop {
            let mut child = start(&folder, form);
            if random.below(2) == 0 {
                std::thread::sleep(Duration::from_micros(random.below(whole.as_micros() as u64)));
            } else {
                // While it writes.
                let length = random.below(expected.len() as u64);
                let written = || partial.metadata().map_or(0, |partial| partial.len());
                while written() < length && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            let _ = child.kill();
            let run = Run::of_killed(child.wait_with_output().unwrap());
            let Some(run) = run else {
                killed += 1;
                let length = partial.metadata().map_or(0, |partial| partial.len());
                if random.below(3) == 0 && length > 0 {
                    let file = std::fs::OpenOptions::new().write(true).open(&partial).unwrap();
                    file.set_len(length - random.below(length.min(100))).unwrap();
                }
                continue;
            };
            assert_eq!(run.code, 0, "{}", run.stderr);
            break;
        }
        whole_runs += 1;
        assert!(
            std::fs::read(&out).unwrap() == expected,
            "{form:?}: {killed} kills"
        );
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            !left.iter().any(|name| name.to_string_lossy().contains("partial")),
            "{left:?}"
        );
        std::fs::remove_file(&out).unwrap();
    }
    println!("{killed} runs were killed, {whole_runs} outputs are whole");
}

/// That a run found a finished output.
fn assert_complete(run: &Run) {
    assert!(
        run.stderr
            .contains("`out` is complete, with 31 inputs: nothing is left to do"),
        "{}",
        run.stderr
    );
}

/// A finished output of which the last image has fewer rows than others is complete, and not continued once more.
#[test]
fn an_output_whose_images_have_different_numbers_of_rows_is_known_to_be_complete() {
    let folder = pictures();
    let threshold = threshold(&folder);
    let run = || {
        let arguments = ["--resume", "--output", "out", "photos"];
        success(
            program(&folder)
                .args(FIXED)
                .args(varying(&threshold))
                .args(arguments),
        )
    };
    run();
    let read = || std::fs::read_to_string(folder.path().join("out")).unwrap();
    let text = read();
    let second = csv::Reader::from_reader(text.as_bytes())
        .records()
        .filter(|row| &row.as_ref().unwrap()[1] == "2")
        .count();
    assert!(
        (1..PICTURES - 1).contains(&second),
        "the threshold leaves all images alike"
    );
    let again = run();
    assert_complete(&again);
    assert_eq!(read(), text);
}

/// Leaves an output of which `keep` bytes are written.
fn interrupted(folder: &TempDir, format: &str, keep: usize) -> PathBuf {
    let arguments = ["--format", format, "--output", "out", "photos"];
    success(program(folder).args(FIXED).args(arguments));
    // What says which run it is, from a run that cannot begin to write.
    let mut child = start_waiting(folder, format);
    let partial = folder.path().join("out.partial");
    let made_by = folder.path().join("out.partial.json");
    while !made_by.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let whole = std::fs::read(folder.path().join("out")).unwrap();
    std::fs::remove_file(folder.path().join("out")).unwrap();
    std::fs::write(&partial, &whole[..keep]).unwrap();
    partial
}

/// A run that waits for its list.
pub fn start_waiting(folder: &TempDir, format: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    without_library(&mut command)
        .current_dir(folder.path())
        .args([
            "--engine", "candle", "--format", format, "--output", "out", "--list", "-",
        ])
        .args(FIXED)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_do_not_write_one_output() {
    let folder = pictures();
    let mut first = start_waiting(&folder, "json");
    while !folder.path().join("out.partial.json").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    for resume in [&[][..], &["--resume"]] {
        let arguments = ["--format", "json", "--output", "out", "photos"];
        let run = failure(program(&folder).args(FIXED).args(arguments).args(resume), 1);
        let expected = "error: cannot write `out.partial`: another process is writing it\nhint: ";
        assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    }
    drop(first.stdin.take());
    assert!(first.wait().unwrap().success());
    assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"");
}

#[test]
fn only_the_same_run_is_continued() {
    let folder = pictures();
    let resume = |more: &[&str]| {
        let mut command = program(&folder);
        command.args(["--resume", "--output", "out"]).args(&FIXED[..8]);
        for (option, value) in [("--format", "json"), ("--top-k", "2")] {
            if !more.contains(&option) {
                command.args([option, value]);
            }
        }
        common::run(command.args(more))
    };
    let partial = interrupted(&folder, "json", 1000);
    let before = std::fs::read(&partial).unwrap();
    std::fs::write(folder.path().join("list"), "photos/01.png\n").unwrap();
    for (arguments, part) in [
        (
            &["--top-k", "3", "photos"][..],
            "it was made by --top-k 2, now it is 3",
        ),
        (
            &["--format", "csv", "photos"],
            "made by --format \"json\", now it is \"csv\"",
        ),
        (
            &["--full-decode", "photos"],
            "made by --full-decode false, now it is true",
        ),
        (
            &["--shard", "0/2", "photos"],
            "made by --shard \"0/1\", now it is \"0/2\"",
        ),
        (
            &["photos/01.png", "photos/00.png"],
            "its result 1 is of `photos/00.png`, but input 1 is `photos/01.png`",
        ),
        (&["--list", "list"], "but input 1 is `photos/01.png`"),
        (
            &["photos/00.png"],
            "its result 2 is of `photos/01.png`, but there are no more inputs",
        ),
    ] {
        let run = resume(arguments);
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(
            run.stderr.contains(part) && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
        // What is whole stays.
        let left = std::fs::read(&partial).unwrap();
        assert!(left.len() > 900 && before.starts_with(&left));
    }
    let run = resume(&["photos"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("`out.partial` is continued after "),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("2 of 31 could not be classified"),
        "{}",
        run.stderr
    );
    let found = std::fs::read_to_string(folder.path().join("out")).unwrap();
    assert_eq!(found.lines().count(), PICTURES + 1);
    // Once more: nothing is left to do.
    let again = resume(&["photos"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.stderr);
    assert_complete(&again);
    assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), found);
    // What the first run reported still counts.
    let mut command = program(&folder);
    command.args([
        "--model",
        "small.safetensors",
        "--batch-size",
        "1",
        "--top-k",
        "2",
    ]);
    failure(
        command.args(["--resume", "--format", "json", "--output", "out", "photos"]),
        3,
    );
}

#[test]
fn an_unfinished_output_without_its_origin_is_not_continued() {
    let folder = pictures();
    let partial = interrupted(&folder, "csv", 500);
    std::fs::remove_file(folder.path().join("out.partial.json")).unwrap();
    let arguments = ["--format", "csv", "--output", "out", "photos"];
    let run = failure(program(&folder).args(FIXED).args(arguments).arg("--resume"), 1);
    assert!(
        run.stderr
            .contains("`out.partial.json`, which says what made it, is missing"),
        "{}",
        run.stderr
    );
    assert!(partial.exists());
    // Without `--resume` it is written anew.
    let run = success(program(&folder).args(FIXED).args(arguments));
    assert!(
        run.stderr
            .contains("warning: `out.partial`, which an interrupted run left, is written anew\nhint: "),
        "{}",
        run.stderr
    );
    assert!(!partial.exists());
}

#[test]
fn a_file_that_holds_no_results_is_not_taken_for_complete() {
    let folder = pictures();
    let arguments = ["--resume", "--output", "out", "photos"];
    for format in ["json", "csv", "parquet"] {
        std::fs::write(folder.path().join("out"), "my notes\n").unwrap();
        let run = failure(
            program(&folder)
                .args(FIXED)
                .args(["--format", format])
                .args(arguments),
            1,
        );
        assert!(
            run.stderr
                .contains("`out`: it is there, but does not hold results"),
            "{}",
            run.stderr
        );
        assert_eq!(
            std::fs::read_to_string(folder.path().join("out")).unwrap(),
            "my notes\n"
        );
    }
}

#[test]
fn what_cannot_be_continued_is_said_before_the_work() {
    let folder = pictures();
    for (arguments, part) in [
        (
            &["--format", "text", "--output", "out"][..],
            "`--resume` cannot continue `--format text`",
        ),
        (&["--format", "json"], "--output"),
        (
            &["--format", "json", "--output", "out", "--evaluate"],
            "`--resume` cannot be used with `--evaluate`",
        ),
        (
            &["--format", "json", "--output", "out", "--sort-into", "sorted"],
            "`--resume` cannot be used with `--sort-into`",
        ),
    ] {
        let run = failure(program(&folder).arg("--resume").args(arguments).arg("photos"), 2);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

/// What Slurm sends before it kills leaves an output that is continued, and says how.
#[cfg(unix)]
#[test]
fn an_interrupted_run_says_how_it_is_continued() {
    use std::io::Write;
    let folder = pictures();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
    let mut child = without_library(&mut child)
        .current_dir(folder.path())
        .args([
            "--engine", "candle", "--format", "json", "--output", "out", "--list", "-",
        ])
        .args(FIXED)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It stays open: the end of the list would end the run.
    let mut names = child.stdin.take().unwrap();
    names.write_all(b"photos/00.png\nphotos/01.png\n").unwrap();
    let partial = folder.path().join("out.partial");
    let written = || std::fs::read_to_string(&partial).map_or(0, |text| text.lines().count());
    while written() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.code, 130);
    assert!(
        run.stderr
            .ends_with("`out.partial` has the results so far\nhint: `--resume` continues it\n"),
        "{}",
        run.stderr
    );
    let arguments = ["--resume", "--format", "json", "--output", "out", "--list", "-"];
    let list = "photos/00.png\nphotos/01.png\nphotos/02.png\n";
    success(program(&folder).args(FIXED).args(arguments).write_stdin(list));
    let text = std::fs::read_to_string(folder.path().join("out")).unwrap();
    let paths = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].to_string());
    let expected: Vec<_> = list.lines().map(|path| format!("\"{path}\"")).collect();
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}
