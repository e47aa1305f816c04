//! Numbers in the lines of a list of class names in a form that is not read as the numbers of the classes.

use std::collections::HashSet;

use mbn_spec::class_names::normal;

use super::lines::is_listing;
use super::numbering::ordered;

/// What stands around a number in some form or other.
const AROUND: [char; 6] = ['"', '\'', '[', ']', '(', ')'];

/// Numbers that are those of classes by all appearances: each of 0 to n - 1 or 1 to n, at the beginning of every line or at the end of
/// every line, beside names that differ without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StrayNumbers {
    /// Where they stand in the lines.
    pub place: &'static str,
    /// Whether they are in the order of the lines.
    pub is_in_order: bool,
    /// Whether the lines are in the order in which text is sorted, as folders are listed.
    pub is_listing: bool,
    /// The first line that has not the number of its place, from 0 on; 0 if all have.
    pub first: usize,
}

/// Finds such numbers.
pub(super) fn find(lines: &[String]) -> Option<StrayNumbers> {
    of(lines, "beginning", at_beginning).or_else(|| of(lines, "end", at_end))
}

fn of(lines: &[String], place: &'static str, split: fn(&str) -> Option<(u64, &str)>) -> Option<StrayNumbers> {
    let split: Vec<_> = lines.iter().map(|line| split(line)).collect::<Option<_>>()?;
    let order: Vec<u64> = split.iter().map(|(number, _)| *number).collect();
    let numbered = ordered(split.iter().map(|(number, _)| (*number, ())).collect()).ok()?;
    // Such as `class 0` and `class 1`, whose numbers are a part of the names.
    let different: HashSet<_> = split.iter().map(|(_, name)| normal(name)).collect();
    if lines.len() < 2 || 10 * different.len() < 9 * lines.len() {
        return None;
    }
    let wrong = (numbered.first..)
        .zip(&order)
        .position(|(place, number)| place != *number);
    Some(StrayNumbers {
        place,
        is_in_order: wrong.is_none(),
        is_listing: place == "beginning" && is_listing(&order),
        first: wrong.unwrap_or(0),
    })
}

/// The number that a line begins with, perhaps in quotes or brackets, and the name behind it.
fn at_beginning(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_start_matches(is_around);
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = line.split_at(end);
    // The number of another name, such as `7up`, or the start of a larger one, such as `0.5 l`.
    if rest.starts_with(char::is_alphanumeric) {
        return None;
    }
    let name = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
    named(number, name, name.starts_with(|c: char| c.is_ascii_digit()))
}

/// The number that a line ends with, and the name before it.
fn at_end(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_end_matches(is_around);
    let rest = line.trim_end_matches(|c: char| c.is_ascii_digit());
    if rest.ends_with(char::is_alphanumeric) {
        return None;
    }
    let name = rest.trim_end_matches(|c: char| !c.is_alphanumeric());
    named(
        &line[rest.len()..],
        name,
        name.ends_with(|c: char| c.is_ascii_digit()),
    )
}

fn named<'a>(number: &str, name: &'a str, touches_number: bool) -> Option<(u64, &'a str)> {
    let is_name = name.contains(char::is_alphabetic) && !touches_number;
    Some((number.parse().ok()?, name)).filter(|_| is_name)
}

fn is_around(c: char) -> bool {
    c.is_whitespace() || AROUND.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<StrayNumbers> {
        find(&lines.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_is_found_in_both_orders() {
        for (form, place) in [
            ("NAME,N", "end"),
            ("/a/NAME N", "end"),
            ("NAME: N", "end"),
            ("NAME\tN", "end"),
            ("\"NAME\",\"N\"", "end"),
            ("NAME (N)", "end"),
            ("NAME -> N", "end"),
            ("NAME_N", "end"),
            ("N;NAME", "beginning"),
            ("N. NAME", "beginning"),
            ("N=NAME", "beginning"),
            ("N = NAME", "beginning"),
            ("N) NAME", "beginning"),
            ("N|NAME", "beginning"),
            ("[N] NAME", "beginning"),
            ("(N) NAME", "beginning"),
            ("\"N\",\"NAME\"", "beginning"),
            ("  N;NAME", "beginning"),
        ] {
            let line = |n: usize| {
                form.replace("NAME", ["gas pump", "church", "tench"][n % 3])
                    .replace('N', &n.to_string())
            };
            for first in [0, 1] {
                let [a, b, c] = [first, first + 1, first + 2].map(line);
                let found = of(&[&a, &b, &c]).unwrap();
                assert!(found.is_in_order && found.place == place, "{form}: {found:?}");
                let found = of(&[&a, &c, &b]).unwrap();
                assert_eq!((found.is_in_order, found.first), (false, 1), "{form}");
            }
        }
    }

    /// Names as they stand.
    #[test]
    fn numbers_of_names_are_left_alone() {
        for lines in [
            &["class 0", "class 1", "class 2"][..],
            &["class 1", "class 0"],
            &["class_0", "class_1", "class_10", "class_2"],
            &["T1", "B0"],
            &["1st", "2nd", "0th"],
            &["7up", "8up"],
            &["boeing 747", "airbus 320"],
            &["v 1.1", "w 1.0"],
            &["0.5 l", "1.5 l"],
            &["1,000 rupees", "0,500 euro"],
            &["1:00", "0:00"],
            &["[1, 10]", "[0, 20]"],
            &["a 1", "b"],
            &["a 0", "b 2"],
            &["a 0", "b 0"],
            &["a 1"],
        ] {
            assert_eq!(of(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_listing_is_in_the_order_of_text() {
        let lines: Vec<_> = (0..11)
            .map(|n| format!("{n}_{}", "abcdefghijk".get(n..=n).unwrap()))
            .collect();
        let mut sorted = lines.clone();
        sorted.sort();
        let found = find(&sorted).unwrap();
        assert!(found.is_listing && !found.is_in_order);
        assert!(find(&lines).unwrap().is_in_order);
    }
}
