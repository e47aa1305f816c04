use std::io::Read;

use super::*;
use crate::file_id::still_has_its_name;

fn names(folder: &Path) -> Vec<OsString> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn an_unfinished_output_stays_and_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, "old").unwrap();
    let mut file = PartialFile::open(&path).unwrap();
    assert!(file.is_locked());
    file.write_all(b"one\ntw").unwrap();
    drop(file);
    assert_eq!(names(folder.path()), ["out", "out.partial"]);
    let mut file = PartialFile::open(&path).unwrap();
    assert_eq!(file.len().unwrap(), 6);
    file.continue_at(4).unwrap();
    file.write_all(b"2\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    file.commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n2\n");
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn an_empty_or_discarded_one_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    drop(PartialFile::open(&path).unwrap());
    let mut file = PartialFile::open(&path).unwrap();
    file.write_all(b"x").unwrap();
    file.discard().unwrap();
    assert!(names(folder.path()).is_empty());
}

#[test]
fn one_process_at_a_time_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let mut first = PartialFile::open(&path).unwrap();
    first.write_all(b"first").unwrap();
    let refused = PartialFile::open(&path).unwrap_err();
    assert!(matches!(refused.problem, PartialProblem::Locked), "{refused}");
    // The first one finishes between the second one's opening and locking.
    let mut stale = File::open(first.partial_path()).unwrap();
    first.commit().unwrap();
    // Waits for processes that other tests are starting: each has a copy of the file for a moment.
    stale.lock().unwrap();
    assert!(!still_has_its_name(&stale, &with_suffix(&path)).unwrap());
    let second = PartialFile::open(&path).unwrap();
    assert!(second.is_empty().unwrap());
    drop(second);
    let mut content = String::new();
    stale.read_to_string(&mut content).unwrap();
    assert_eq!(content, "first");
}

#[cfg(unix)]
#[test]
fn a_link_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("there", &link).unwrap();
    let mut file = PartialFile::open(&link).unwrap();
    file.write_all(b"x").unwrap();
    file.commit().unwrap();
    assert!(link.is_symlink());
    assert_eq!(names(folder.path()), ["link", "there"]);
    let stream = PartialFile::open(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(stream.problem, PartialProblem::Output(_)), "{stream}");
}
