//! Replays the files that fuzzing starts from, and those that once failed, within the limits that the fuzzer sets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod limits;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use limits::Limits;
use mbn_data::{DecodeOptions, PictureFormat, decode_bytes_with, decode_with_libjpeg};
use mbn_fuzz::TARGETS;

/// Processor time and memory of one file. A small file must not ask for more.
const LIMITS: Limits = Limits {
    seconds: 5.0,
    megabytes: 512,
};
/// Bytes of all corpora together: they are part of the repository.
const MOST_BYTES: u64 = 300_000;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a target's corpus, sorted.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = fuzz_folder().join("corpora").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap())).collect()
}

#[test]
fn every_file_of_every_corpus_is_read_or_refused_within_the_limits() {
    for (target, run) in TARGETS {
        let files = corpus(target);
        assert!(!files.is_empty(), "`{target}` has no corpus");
        for path in files {
            let bytes = fs::read(&path).unwrap();
            if let Err(excess) = LIMITS.call(|| run(&bytes)) {
                panic!("{}: {excess}", path.display());
            }
        }
    }
}

/// The files to start from are legal; those that once failed were decoded to pixels that libjpeg does not give.
#[test]
fn both_jpeg_decoders_give_the_same_pixels() {
    let files = [corpus("jpeg"), corpus("pictures")].concat();
    let mut compared = 0;
    for path in files {
        let bytes = fs::read(&path).unwrap();
        let options = DecodeOptions::default();
        if PictureFormat::recognise(&bytes) != Some(PictureFormat::Jpeg) {
            continue;
        }
        let found = decode_bytes_with(&bytes, &options).map(|decoded| decoded.image);
        let expected = decode_with_libjpeg(&bytes, &options).map(|decoded| decoded.image);
        assert_eq!(found.is_ok(), expected.is_ok(), "{}", path.display());
        if let (Ok(found), Ok(expected)) = (found, expected) {
            assert!(found == expected, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared} files");
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folder = fuzz_folder();
    assert_eq!(names(&folder.join("fuzz_targets")), targets);
    assert_eq!(names(&folder.join("corpora")), targets);
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in &targets {
        let body = fs::read_to_string(folder.join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(body.contains(&format!("mbn_fuzz::{target}(")), "{body}");
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
    }
}

#[test]
fn the_corpora_are_small() {
    let files = TARGETS.iter().flat_map(|(target, _)| corpus(target));
    let bytes: u64 = files.map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}

/// What is fuzzed must be what is built: the workspace of the targets has a lock file of its own.
#[test]
fn the_fuzzed_versions_are_the_workspaces() {
    let fuzz = fs::read_to_string(fuzz_folder().join("Cargo.lock")).unwrap();
    let workspace = fs::read_to_string(fuzz_folder().join("../Cargo.lock")).unwrap();
    let packages = |lock: &str| -> BTreeSet<String> {
        let blocks = lock.split("[[package]]").skip(1);
        blocks
            .map(|block| block.trim().lines().take(2).collect::<Vec<_>>().join(" "))
            .collect()
    };
    let (fuzz, workspace) = (packages(&fuzz), packages(&workspace));
    let name = |package: &String| package.split(" version").next().unwrap().to_owned();
    let known: BTreeSet<_> = workspace.iter().map(name).collect();
    let other: Vec<_> = fuzz
        .difference(&workspace)
        .filter(|package| known.contains(&name(package)))
        .collect();
    assert!(other.is_empty(), "copy Cargo.lock to fuzz/: {other:?}");
}
