//! Files in folders that may hold pictures, and the patterns that find them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use super::{LeftOut, Reason};
use crate::file_kind::FileKind;

impl LeftOut {
    /// Counts a file with this path below the folder that is searched. Of one that may hold pictures the pattern is kept that finds
    /// all of its kind beside it.
    pub(crate) fn add_file(&mut self, reason: Reason, path: &Path) {
        let extension = path.extension().and_then(OsStr::to_str);
        match (&reason, extension) {
            (Reason::File(FileKind::Container(_)), Some(extension)) => {
                let pattern = path.with_file_name(format!("*.{extension}"));
                self.add_named(reason, pattern.to_string_lossy());
            }
            _ => self.add(reason),
        }
    }

    /// Patterns that find the files which may hold pictures, from the folder on that was searched: `*.tar`, `deeper/*.parquet`, or
    /// `**/*.tar` where they are in several folders.
    pub fn containers(&self) -> Vec<String> {
        let groups = self.0.iter().filter_map(|(reason, group)| match reason {
            Reason::File(FileKind::Container(_)) => Some(&group.names),
            _ => None,
        });
        let mut by_name: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for pattern in groups.flatten() {
            let name = pattern.rsplit('/').next().unwrap_or(pattern);
            by_name.entry(name).or_default().insert(pattern);
        }
        let pattern = |(name, patterns): (&str, BTreeSet<&str>)| match patterns.len() {
            1 => patterns.into_iter().collect(),
            _ => format!("**/{name}"),
        };
        by_name.into_iter().map(pattern).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_hold_pictures_are_found_by_patterns() {
        let mut found = LeftOut::default();
        let mut add = |path: &str| {
            let kind = FileKind::of_extension(path.rsplit('.').next().unwrap()).unwrap();
            found.add_file(Reason::File(kind), Path::new(path));
        };
        for path in ["0.tar", "1.tar", "a/b.arrow", "a/c.feather", "x.zip"] {
            add(path);
        }
        for folder in 0..9 {
            add(&format!("{folder}/t.parquet"));
        }
        assert_eq!(
            found.containers(),
            ["a/*.arrow", "a/*.feather", "**/*.parquet", "*.tar"]
        );
        assert_eq!(found.to_string(), "2 tar archive, 9 Parquet, 2 Arrow, 1 archive");
        assert!(LeftOut::default().containers().is_empty());
    }
}
