//! Names of folders for classes.

use std::collections::BTreeSet;

/// Characters that some system does not allow in a file's name.
const NOT_ALLOWED: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|'];

/// A name for each class's folder: the class's own where every system allows it. Otherwise `_` stands for what is not allowed, and the
/// class's number tells it from others of that name.
pub(super) fn folder_names(classes: &[String]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let names = classes.iter().enumerate().map(|(class, name)| {
        let mut folder = allowed(name);
        // Some systems take upper and lower case for the same.
        while !taken.insert(folder.to_lowercase()) {
            folder = format!("{folder}-{class}");
        }
        folder
    });
    names.collect()
}

fn allowed(name: &str) -> String {
    let replaced = |c: char| {
        if c.is_control() || NOT_ALLOWED.contains(&c) {
            '_'
        } else {
            c
        }
    };
    let name: String = name.chars().map(replaced).collect();
    // A leading dot hides a folder, and `..` leads out of it; a dot or a space at the end vanishes on some systems.
    let name = name.trim_end_matches(['.', ' ']);
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_where_they_can_and_no_two_are_alike() {
        let classes = [
            "golf ball",
            "a/b",
            "a:b",
            "..",
            "",
            ".hidden",
            "Tench",
            "tench",
            "a_b-2",
            "end.",
            "\u{e9}t\u{e9}",
        ];
        let names = folder_names(&classes.map(str::to_owned));
        let expected = [
            "golf ball",
            "a_b",
            "a_b-2",
            "_",
            "_-4",
            "_hidden",
            "Tench",
            "tench-7",
            "a_b-2-8",
            "end",
            "\u{e9}t\u{e9}",
        ];
        assert_eq!(names, expected);
    }
}
