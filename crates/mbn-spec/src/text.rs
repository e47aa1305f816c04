//! Numbers and lists in the form that messages and tables print.

use std::fmt::Display;

/// `1234567` as `1,234,567`.
pub fn thousands(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number of things: `0 images`, `1 image`, `2 classes`. `thing` is the singular of a regular English noun.
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {}", plural(number, thing))
}

/// The noun for a number of things, without the number: see [`counted`].
pub fn plural(number: usize, thing: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| thing.ends_with(ending));
    if number == 1 {
        return thing.to_owned();
    }
    match thing.strip_suffix('y') {
        Some(stem) if !ends(&["ay", "ey", "oy", "uy"]) => format!("{stem}ies"),
        // Spoken with a k.
        _ if ends(&["epoch"]) => format!("{thing}s"),
        _ if ends(&["s", "x", "z", "ch", "sh"]) => format!("{thing}es"),
        _ => format!("{thing}s"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn joined(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    match (items.pop(), items.len()) {
        (None, _) => String::new(),
        (Some(last), 0) => last,
        (Some(last), _) => format!("{} and {last}", items.join(", ")),
    }
}

/// The first `limit` items and the number of others: `a, b and 3 more`.
pub fn listed(items: impl IntoIterator<Item = impl Display>, limit: usize) -> String {
    let (shown, more) = first(items, limit);
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The first `limit` items and the number of others, each on an indented line of its own. Starts with a line break.
pub fn listed_lines(items: impl IntoIterator<Item = impl Display>, limit: usize) -> String {
    let (mut lines, more) = first(items, limit);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.iter().map(|line| format!("\n  {line}")).collect()
}

fn first(items: impl IntoIterator<Item = impl Display>, limit: usize) -> (Vec<String>, usize) {
    let mut items = items.into_iter();
    let shown = items.by_ref().take(limit).map(|item| item.to_string());
    (shown.collect(), items.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let found = [0u64, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(found, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            thousands(u128::MAX),
            "340,282,366,920,938,463,463,374,607,431,768,211,455"
        );
    }

    #[test]
    fn nouns_follow_their_number() {
        for (number, thing, expected) in [
            (0, "image", "0 images"),
            (1, "thread", "1 thread"),
            (2, "class", "2 classes"),
            (1, "class", "1 class"),
            (3, "batch", "3 batches"),
            (4, "entry", "4 entries"),
            (5, "day", "5 days"),
            (2, "epoch", "2 epochs"),
        ] {
            assert_eq!(counted(number, thing), expected);
        }
        assert_eq!(joined(Vec::<&str>::new()), "");
        assert_eq!(joined(["a"]), "a");
        assert_eq!(joined(["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_others() {
        for (len, expected) in [(0, ""), (1, "0"), (3, "0, 1, 2"), (5, "0, 1, 2 and 2 more")] {
            assert_eq!(listed(0..len, 3), expected);
        }
        assert_eq!(listed_lines(0..2, 2), "\n  0\n  1");
        assert_eq!(listed_lines(0..4, 2), "\n  0\n  1\n  and 2 more");
        assert_eq!(listed_lines(0..0, 2), "");
    }
}
