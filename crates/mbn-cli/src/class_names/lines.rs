//! Class names as lines of a text, verbatim or each behind its number.

use std::collections::HashSet;

use mbn_spec::class_names::normal;

use super::numbering::{Numbered, ordered};
use super::repeated;

/// What the numbers before the lines of a text mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// There are none, or not before every line with a name behind it.
    None,
    /// They order the names.
    Order(Numbered<Line>),
    /// They are probably a part of the names, for the reason; and what they say if they do order the names.
    Doubtful(String, Option<Numbered<Line>>),
}

/// A line, and the name behind its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub name: String,
    pub whole: String,
}

/// What stands between a number and a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    /// A colon, a comma or a tab: nothing that follows the number of a name, if no digit comes next.
    Sure,
    /// Blanks, as in `2 stars`, perhaps with a dash.
    Blank,
}

/// The parts of a line.
struct Split {
    number: u64,
    separator: Separator,
    name: String,
    /// Whether the name can be one without the number: `00` of `0:00` and `%` of `5 %` cannot.
    is_name: bool,
}

/// Reads the numbers before the lines, as in `5 French horn`, `5: French horn` or `5,French horn`.
pub(super) fn read(lines: &[String]) -> Numbers {
    let split: Option<Vec<_>> = lines.iter().map(|line| split(line)).collect();
    let Some(split) = split.filter(|split| !split.is_empty()) else {
        return Numbers::None;
    };
    let separator = match split.iter().all(|split| split.separator == Separator::Sure) {
        true => Separator::Sure,
        false => Separator::Blank,
    };
    let order: Vec<u64> = split.iter().map(|split| split.number).collect();
    let wrong = split.iter().position(|split| !split.is_name);
    let line = |(split, whole): (Split, &String)| {
        let (name, whole) = (split.name, whole.clone());
        (split.number, Line { name, whole })
    };
    let found = match (ordered(split.into_iter().zip(lines).map(line).collect()), wrong) {
        // Such as `20:00` and `1,000 rupees`.
        (Err(_), Some(_)) => return Numbers::None,
        (Err(error), None) => return Numbers::Doubtful(error.to_string(), None),
        (Ok(_), Some(at)) => {
            let line = lines[at].trim();
            let reason = format!(
                "what follows it in line {}, `{}`, is no name",
                at + 1,
                line.escape_debug()
            );
            return Numbers::Doubtful(reason, None);
        }
        (Ok(found), None) => found,
    };
    match doubt(&found, &order, separator) {
        Some(reason) => Numbers::Doubtful(reason, Some(found)),
        None => Numbers::Order(found),
    }
}

/// Why numbers that could order the names are probably a part of them.
fn doubt(found: &Numbered<Line>, order: &[u64], separator: Separator) -> Option<String> {
    if let Some((one, other)) = look_the_same(&found.items, separator) {
        return Some(format!(
            "without it `{}` and `{}` would be the same",
            one.whole.escape_debug(),
            other.whole.escape_debug()
        ));
    }
    if separator == Separator::Sure {
        return None;
    }
    if found.first == 1 {
        return Some("the numbers begin at 1 and only a blank follows them, as in `2 stars`".to_owned());
    }
    is_listing(order).then(|| "the lines are in the order of text, as folders are listed".to_owned())
}

/// Two lines with one name, if so many have the same that something is counted, as in `0 doors` and `1 door`. A few names that two
/// classes share, as in ImageNet, are none of these.
fn look_the_same(lines: &[Line], separator: Separator) -> Option<(&Line, &Line)> {
    let key = |line: &Line| {
        let name = normal(&line.name);
        match separator {
            Separator::Blank => name.trim_end_matches('s').to_owned(),
            Separator::Sure => name,
        }
    };
    let keys: Vec<_> = lines.iter().map(key).collect();
    let different: HashSet<_> = keys.iter().collect();
    if 10 * different.len() >= 9 * lines.len() {
        return None;
    }
    let (one, other) = repeated(&keys)?;
    Some((&lines[one], &lines[other]))
}

/// Whether numbers are in the order of text, 0, 1, 10, 2 or 0, 10, 1, 2, and not in their own.
pub(super) fn is_listing(order: &[u64]) -> bool {
    // Some locales pass over the blank, and put digits before letters.
    let text = |end: &'static str| move |number: &u64| format!("{number}{end}");
    !order.is_sorted() && (order.is_sorted_by_key(text("")) || order.is_sorted_by_key(text("~")))
}

/// The number before a name, and the name; `None` without one of them.
fn split(line: &str) -> Option<Split> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = line.split_at(end);
    let number = number.parse().ok()?;
    let behind = rest.trim_start();
    let begins = |name: &str, is: fn(char) -> bool| name.chars().next().is_some_and(is);
    let has_tab = rest[..rest.len() - behind.len()].contains('\t');
    let (separator, name, is_name) = if let Some(name) = behind.strip_prefix([':', ',']) {
        let is_name = !begins(name, |c| c.is_ascii_digit());
        let name = name.trim();
        let name = if behind.starts_with(',') {
            unquoted(name)
        } else {
            name.to_owned()
        };
        (Separator::Sure, name, is_name)
    } else if behind.len() < rest.len() {
        let separator = if has_tab {
            Separator::Sure
        } else {
            Separator::Blank
        };
        let dashed = behind
            .strip_prefix(DASHES)
            .filter(|name| begins(name, char::is_whitespace));
        match dashed.map(str::trim) {
            Some(name) => (
                separator,
                name.to_owned(),
                begins(name, |c| may_begin(c) && !c.is_ascii_digit()),
            ),
            None => (separator, behind.to_owned(), begins(behind, may_begin)),
        }
    } else {
        return None;
    };
    (!name.is_empty()).then_some(Split {
        number,
        separator,
        name,
        is_name,
    })
}

/// What may stand between blanks before a name.
const DASHES: [char; 3] = ['-', '\u{2013}', '\u{2014}'];

/// Whether a name behind a blank may begin so.
fn may_begin(c: char) -> bool {
    !DASHES.contains(&c) && !"=|.;:,/\\)]}<>+*~%!?^".contains(c)
}

/// A field of CSV without the quotes that it needs around a comma.
fn unquoted(field: &str) -> String {
    let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    inner.map_or_else(|| field.to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Numbers {
        read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_of_a_number_orders_the_lines() {
        for text in [
            "1 church\n0 golf ball\n2 tench, Tinca tinca",
            "2: tench, Tinca tinca\n1:church\n0: golf ball",
            "2,\"tench, Tinca tinca\"\n0,golf ball\n1,church",
            "2\ttench, Tinca tinca\n1\tchurch \n0\tgolf ball",
            " 2 : tench, Tinca tinca\n01 : church\n00 : golf ball",
            "0 - golf ball\n1 - church\n2 - tench, Tinca tinca",
            "3: tench, Tinca tinca\n1: golf ball\n2: church",
            "3,\"tench, Tinca tinca\"\n1,golf ball\n2,church",
            "1\tgolf ball\n2\tchurch\n3\ttench, Tinca tinca",
        ] {
            let Numbers::Order(found) = of(text) else {
                panic!("{text}");
            };
            let names: Vec<_> = found.items.iter().map(|line| line.name.as_str()).collect();
            assert_eq!(names, ["golf ball", "church", "tench, Tinca tinca"], "{text}");
        }
    }

    /// Such lines are names as they stand.
    #[test]
    fn lines_without_numbers_are_left_alone() {
        for text in [
            "0\n1\n2",
            "9\n8",
            "1 a\nb",
            "0: a\n1:",
            "n01440764 tench\nn01443537 goldfish",
            "7up\n8up",
            "3-toed sloth\n2-toed sloth",
            "a 0\nb 1",
            "0.5 l\n1.5 l",
            "20:00\n21:00",
            "1,000 rupees\n5,000 rupees",
            "20 %\n50 %",
            "0 - 10\n10 - 20",
            "",
        ] {
            assert_eq!(of(text), Numbers::None, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_probably_a_part_of_the_names_are_doubtful() {
        let eleven: String = (0..11).map(|n| format!("{n} c{n}\n")).collect();
        let sorted = |by: fn(&str) -> String| {
            let mut lines: Vec<_> = eleven.lines().collect();
            lines.sort_by_key(|line| by(line));
            lines.join("\n")
        };
        let (listed, in_locale) = (sorted(str::to_owned), sorted(|line| line.replace(' ', "")));
        assert!(matches!(of(&eleven), Numbers::Order(_)));
        assert!(in_locale.starts_with("0 c0\n10 c10\n1 c1"), "{in_locale}");
        for (text, part) in [
            ("20 km/h\n30 km/h\n50 km/h", "the lowest is 20"),
            ("0 a\n0 b", "0 comes twice"),
            ("0: a\n2: b", "1 is missing"),
            ("0:00\n1:00\n2:00", "in line 1, `0:00`, is no name"),
            ("0,5 l\n1,5 l", "in line 1, `0,5 l`, is no name"),
            ("1,000 rupees\n2,000 rupees", "is no name"),
            ("0,cat\n1,747 jet", "in line 2, `1,747 jet`, is no name"),
            ("0 = cat\n1 = dog", "is no name"),
            ("0 - 1\n1 - 2", "is no name"),
            (
                "1 star\n2 stars\n3 stars",
                "`1 star` and `2 stars` would be the same",
            ),
            ("0 doors\n1 door", "`0 doors` and `1 door` would be the same"),
            (
                "0: red\n1: blue\n2: red",
                "`0: red` and `2: red` would be the same",
            ),
            ("2 euro\n1 euro", "would be the same"),
            ("1 cat\n2 dog", "begin at 1"),
            ("1 - cat\n2 - dog", "begin at 1"),
            (&listed, "as folders are listed"),
            (&in_locale, "as folders are listed"),
        ] {
            let Numbers::Doubtful(reason, _) = of(text) else {
                panic!("{text}");
            };
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    /// As ImageNet's `crane` is a bird and a machine.
    #[test]
    fn a_few_names_may_be_shared() {
        let of_twenty = |names: [&str; 2], between: &str| {
            let others = (2..20).map(|n| format!("{n}{between}name{n}"));
            let shared = names
                .iter()
                .enumerate()
                .map(|(n, name)| format!("{n}{between}{name}"));
            of(&shared.chain(others).collect::<Vec<_>>().join("\n"))
        };
        assert!(matches!(of_twenty(["crane", "crane"], " "), Numbers::Order(_)));
        assert!(matches!(of_twenty(["crane", "crane"], ": "), Numbers::Order(_)));
    }
}
