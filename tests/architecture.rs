//! The crates use each other as `docs/architecture.md` says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Crates whose row says "all" in words.
const IN_WORDS: [&str; 4] = ["mbn-fuzz", "mbn-train", "mbn-export", "mbn-infer"];

/// The names between backticks in `text` that are those of crates.
fn crates_in(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| name.starts_with("mbn-"))
        .map(str::to_owned)
        .collect()
}

/// What each crate may use, by the table: rows of a crate, its contents, and crates.
fn by_table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string("docs/architecture.md").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `mbn-"));
    let mut table = BTreeMap::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let [names, _, uses] = cells[..] else {
            panic!("three columns expected: {row}");
        };
        for name in crates_in(names) {
            table.insert(name, crates_in(uses));
        }
    }
    table
}

/// The crates of the workspace that a manifest has in `[dependencies]`, which leaves out those of tests.
fn by_manifest(name: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(format!("crates/{name}/Cargo.toml")).unwrap();
    let (_, after) = manifest.split_once("[dependencies]\n").unwrap();
    let keys = after
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next());
    keys.filter(|key| key.starts_with("mbn-"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_table_of_layers_is_that_of_the_manifests() {
    let table = by_table();
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir("crates").unwrap() {
        folders.insert(entry.unwrap().file_name().into_string().unwrap());
    }
    assert_eq!(
        table.keys().cloned().collect::<BTreeSet<_>>(),
        folders,
        "a row for each crate"
    );
    for (name, expected) in &table {
        let found = by_manifest(name);
        if !IN_WORDS.contains(&name.as_str()) {
            assert_eq!(&found, expected, "`{name}`: its manifest beside its row");
        }
    }
}

#[test]
fn no_program_uses_another() {
    let programs = ["mbn-train", "mbn-export", "mbn-infer"];
    for name in by_table().keys().filter(|name| *name != "mbn-fuzz") {
        let found = by_manifest(name);
        let of_programs: Vec<_> = programs
            .iter()
            .filter(|program| found.contains(**program))
            .collect();
        assert!(of_programs.is_empty(), "`{name}` uses {of_programs:?}");
    }
}
