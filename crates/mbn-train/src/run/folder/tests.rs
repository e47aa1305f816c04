//! Processes that start at the same time.

use std::sync::Barrier;

use super::super::names::AUGMENTED;
use super::*;
use crate::settings::RunArgs;

fn settings() -> Settings {
    Settings::resolve(RunArgs::default(), "d".into(), None).unwrap()
}

fn unnamed(runs: &Path, settings: &Settings) -> RunDir {
    RunDir::unnamed(runs, settings, "", |_| Ok(())).unwrap()
}

#[test]
fn starts_at_the_same_time_take_folders_of_their_own() {
    const STARTS: usize = 16;
    let folder = tempfile::tempdir().unwrap();
    let (runs, settings) = (folder.path().join("runs"), settings());
    let gate = Barrier::new(STARTS);
    let started: Vec<RunDir> = std::thread::scope(|scope| {
        let start = || {
            gate.wait();
            unnamed(&runs, &settings)
        };
        let threads: Vec<_> = (0..STARTS).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut found: Vec<_> = started.iter().map(|run| run.path().to_owned()).collect();
    found.sort();
    let mut expected: Vec<_> = names(&runs, &settings, "").take(STARTS).collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_a_stopped_search_left_is_taken_again_unless_it_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let (runs, settings) = (folder.path(), settings());
    let search = unnamed(runs, &settings);
    search.write_settings(&settings).unwrap();
    std::fs::write(search.file(AUGMENTED), "a picture").unwrap();
    let first = search.path().to_owned();
    let beside = unnamed(runs, &settings).path().to_owned();
    assert!(beside != first);
    std::fs::remove_dir_all(&beside).unwrap();
    drop(search);
    assert_eq!(unnamed(runs, &settings).path(), first);
    // Another search is another folder's.
    let other = Settings {
        seed: settings.seed + 1,
        ..settings
    };
    assert_eq!(unnamed(runs, &other).path(), beside);
}

#[test]
fn a_folder_in_use_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (out, settings) = (folder.path().join("run"), settings());
    let create = || RunDir::create(Some(&out), &settings, "", |_| Ok(()));
    let run = create().unwrap();
    let error = mbn_cli::message(&create().unwrap_err());
    assert!(
        error.contains("another mbn-train is using")
            && error.contains("hint: choose another folder with `--out`"),
        "{error}"
    );
    run.write(STATE, b"").unwrap();
    let error = mbn_cli::message(&RunDir::open(&out).unwrap_err());
    assert!(
        error.contains("another mbn-train is using") && error.contains("hint: wait until it has ended"),
        "{error}"
    );
}
