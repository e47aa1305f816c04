//! The program as one of many workers: lists that stream, shards, signals, empty work.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, failure, folder, picture, program, success, without_library};

/// Far longer than anything takes: only a program that hangs reaches it.
const LONG: Duration = Duration::from_secs(120);

/// A program that classifies the list on its stdin.
struct Streaming {
    child: Child,
    names: Option<ChildStdin>,
    results: Receiver<String>,
}

impl Streaming {
    fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbn-infer"));
        let mut child = without_library(&mut command)
            .current_dir(folder.path())
            .args(["--engine", "candle", "--list", "-", "--format", "json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, results) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| {
                let _ = send.send(line);
            });
        });
        Self {
            names: child.stdin.take(),
            child,
            results,
        }
    }

    fn send(&mut self, names: &str) {
        let stdin = self.names.as_mut().unwrap();
        stdin.write_all(names.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The path of the next result.
    fn receive(&self) -> String {
        let line = self.results.recv_timeout(LONG).expect("the program hangs");
        let line: Value = serde_json::from_str(&line).unwrap();
        line["path"].as_str().unwrap().to_owned()
    }

    /// Ends the list; gives the exit code and stderr.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.names.take());
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

#[test]
fn a_caller_that_waits_for_each_result_is_served() {
    let folder = folder();
    for name in ["a.png", "b.png"] {
        picture(&folder, name);
    }
    // A batch would hold all of them.
    let mut program = Streaming::start(&folder, &["--batch-size", "32"]);
    for name in ["a.png", "b.png", "gone.png", "a.png"] {
        program.send(&format!("{name}\n"));
        assert_eq!(program.receive(), name);
    }
    // A name that comes in pieces, with others before it.
    program.send("b.png\na.png\nb.p");
    assert_eq!(
        (program.receive(), program.receive()),
        ("b.png".into(), "a.png".into())
    );
    program.send("ng\n");
    assert_eq!(program.receive(), "b.png");
    let (code, stderr) = program.end();
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains("1 of 7 could not be classified"), "{stderr}");
}

#[test]
fn a_folder_in_a_list_is_classified_before_the_next_line() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for i in 0..5 {
        picture(&folder, &format!("photos/{i}.png"));
    }
    let mut program = Streaming::start(&folder, &["--batch-size", "4"]);
    for _ in 0..2 {
        program.send("photos\n");
        for i in 0..5 {
            assert_eq!(program.receive(), format!("photos/{i}.png"));
        }
    }
    assert_eq!(program.end().0, Some(0));
}

/// What Slurm and Kubernetes send, while the program waits for names.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_program_that_waits() {
    let folder = folder();
    picture(&folder, "a.png");
    let mut program = Streaming::start(&folder, &[]);
    program.send("a.png\n");
    program.receive();
    let pid = program.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    // Its stdin stays open.
    assert_eq!(program.child.wait().unwrap().code(), Some(130));
}

#[test]
fn an_empty_list_is_no_error() {
    let folder = folder();
    for list in ["", "\n\n"] {
        let run = success(program(&folder).args(["--list", "-"]).write_stdin(list));
        assert!(run.stderr.contains("0 images in "), "{}", run.stderr);
        assert!(
            !run.stderr.contains("warning") && !run.stderr.contains("parity"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "");
    }
    let arguments = ["--list", "-", "--format", "csv", "--output", "out.csv"];
    success(program(&folder).args(arguments).write_stdin(""));
    let csv = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!(csv, "path,rank,label,index,probability,error\n");
}

#[test]
fn quiet_counts_bad_images_and_does_not_list_them() {
    let folder = folder();
    picture(&folder, "a.png");
    std::fs::write(folder.path().join("b.png"), "no picture").unwrap();
    let run = failure(program(&folder).args(["-q", "a.png", "b.png", "gone.png"]), 3);
    assert_eq!(run.stderr, "error: 2 of 3 could not be classified\n");
    let arguments = ["-q", "--bad-images", "report", "a.png", "b.png"];
    assert_eq!(success(program(&folder).args(arguments)).stderr, "");
}

fn lines(folder: &TempDir, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Every N-th line of the shards, in turn, is the whole, also of shards that have nothing.
#[test]
fn shards_together_are_the_whole() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("photos")).unwrap();
    for i in 0..6 {
        picture(&folder, &format!("photos/{i}.png"));
    }
    std::fs::write(folder.path().join("photos/3.png"), "no picture").unwrap();
    let names: String = (0..6).map(|i| format!("photos/{i}.png\n")).collect();
    std::fs::write(folder.path().join("list"), names).unwrap();
    // One image at a time has the same result in every shard.
    let fixed = ["--batch-size", "1", "--format", "json", "--bad-images", "report"];
    success(program(&folder).args(fixed).args(["--output", "whole", "photos"]));
    let whole = lines(&folder, "whole");
    assert_eq!(whole.len(), 6);
    for inputs in [&["photos"][..], &["--list", "list"]] {
        for count in [1, 4, 7] {
            for index in 0..count {
                let shard = format!("{index}/{count}");
                let shard = ["--shard", &shard, "--output", "part-{shard}.jsonl"];
                success(program(&folder).args(fixed).args(shard).args(inputs));
            }
            let parts = (0..count).map(|index| lines(&folder, &format!("part-{index}.jsonl")));
            let parts: Vec<_> = parts.collect();
            let merged = (0..6).map(|i| parts[i % count][i / count].clone());
            assert_eq!(merged.collect::<Vec<_>>(), whole, "{inputs:?}, {count}");
            assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 6);
        }
    }
}

#[test]
fn a_launcher_says_which_shard() {
    let folder = folder();
    for name in ["a.png", "b.png", "c.png"] {
        picture(&folder, name);
    }
    let arguments = [
        "--format",
        "json",
        "--output",
        "out-{shard}",
        "a.png",
        "b.png",
        "c.png",
    ];
    let run = success(
        program(&folder)
            .args(["--shard", "launcher"])
            .args(arguments)
            .env("SLURM_PROCID", "0")
            .env("SLURM_NTASKS", "1")
            .env("OMPI_COMM_WORLD_RANK", "1")
            .env("OMPI_COMM_WORLD_SIZE", "2"),
    );
    assert!(
        run.stderr.contains("shard: 1/2, by OMPI_COMM_WORLD_RANK"),
        "{}",
        run.stderr
    );
    assert!(lines(&folder, "out-1")[0].contains("b.png"));
    let array = |shard: &str| {
        let mut command = program(&folder);
        command.args(["--shard", shard]).args(arguments);
        command
            .env("SLURM_ARRAY_TASK_ID", "2")
            .env("SLURM_ARRAY_TASK_COUNT", "1");
        common::run(&mut command)
    };
    assert_eq!(array("launcher/3").code, 0);
    assert!(lines(&folder, "out-2")[0].contains("c.png"));
    let unknown = array("launcher");
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("hint: `--shard launcher/N`"),
        "{}",
        unknown.stderr
    );
    for wrong in [
        &["--shard", "2/2", "a.png"][..],
        &["--shard", "x", "a.png"],
        &["--output", "{shard}", "a.png"],
        &["--html", "{shard}.html", "a.png"],
        &["--sort-into", "{shard}", "a.png"],
        &["--shard", "0/2", "--evaluate", "val"],
    ] {
        failure(program(&folder).args(wrong), 2);
    }
}

/// In a batch script the process is number 0 of the tasks that `srun` would start, but there are no others.
#[test]
fn one_process_for_several_tasks_of_slurm_is_refused() {
    let folder = folder();
    picture(&folder, "a.png");
    let slurm = |step: &[(&str, &str)]| {
        let mut command = program(&folder);
        command.args(["--shard", "launcher", "--format", "csv", "a.png"]);
        command.env("SLURM_PROCID", "0").env("SLURM_NTASKS", "2");
        common::run(command.envs(step.iter().copied()))
    };
    let batch = slurm(&[]);
    assert_eq!((batch.code, batch.stdout.as_str()), (1, ""));
    let expected = "error: Slurm allocated several tasks, but did not start this process as one of them\n\
                    hint: `srun mbn-infer ...` starts one for each task; `--shard I/N` names the shard\n";
    assert_eq!(batch.stderr, expected);
    let step = slurm(&[("SLURM_STEP_NUM_TASKS", "2")]);
    assert_eq!(step.code, 0, "{}", step.stderr);
    assert!(
        step.stderr.contains("shard: 0/2, by SLURM_PROCID"),
        "{}",
        step.stderr
    );
}

/// Every file and folder that a shard writes can have its number, and one that cannot be told from the others' is warned of.
#[test]
fn outputs_of_shards_have_their_number() {
    let folder = folder();
    for name in ["a.png", "b.png"] {
        picture(&folder, name);
    }
    let shard = |arguments: &[&str]| {
        let arguments = [&["--shard", "1/2"], arguments, &["a.png", "b.png"]].concat();
        success(program(&folder).args(arguments))
    };
    let run = shard(&[
        "--output",
        "out-{shard}.txt",
        "--html",
        "page-{shard}.html",
        "--sort-into",
        "sorted-{shard}",
    ]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let page = std::fs::read_to_string(folder.path().join("page-1.html")).unwrap();
    assert!(page.contains("b.png") && !page.contains("a.png"));
    assert!(lines(&folder, "out-1.txt")[0].contains("b.png"));
    assert!(folder.path().join("sorted-1").is_dir());
    let warning = |name: &str| {
        format!(
            "warning: `{name}` has the same name for every shard: in one folder, each replaces what another has written\n\
             hint: `{{shard}}` in the name becomes the number of the shard\n"
        )
    };
    for arguments in [["--output", "out.txt"], ["--html", "2024-11.html"]] {
        let run = shard(&arguments);
        assert!(run.stderr.contains(&warning(arguments[1])), "{}", run.stderr);
    }
    for arguments in [
        ["--output", "results-1.txt"],
        ["--output", "/dev/null"],
        ["--sort-into", "sorted"],
    ] {
        let run = shard(&arguments);
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    }
}
