//! Class names as lines of a text, verbatim or each behind its number.

use super::numbering::{NumberError, Numbered, ordered};

/// Lines whose numbers order them, `5 French horn`, `5: French horn` or `5,French horn`; `None` if one of them has no number with a
/// name behind it, as in a list of names that are numbers.
pub(super) fn numbered(lines: &[String]) -> Option<Result<Numbered<String>, NumberError>> {
    let split: Option<Vec<_>> = lines.iter().map(|line| split(line)).collect();
    split.filter(|split| !split.is_empty()).map(ordered)
}

/// The number before a name, and the name.
fn split(line: &str) -> Option<(u64, String)> {
    let line = line.trim();
    let end = line.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = line.split_at(end);
    let number = number.parse().ok()?;
    let name = match rest.trim_start().strip_prefix([':', ',']) {
        Some(name) => name,
        None if rest.starts_with(char::is_whitespace) => rest,
        None => return None,
    };
    let name = name.trim();
    let name = match rest.trim_start().starts_with(',') {
        true => unquoted(name),
        false => name.to_owned(),
    };
    (!name.is_empty()).then_some((number, name))
}

/// A field of CSV without the quotes that it needs around a comma.
fn unquoted(field: &str) -> String {
    let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    inner.map_or_else(|| field.to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Result<Numbered<String>, NumberError>> {
        numbered(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_form_of_a_number_orders_the_lines() {
        for text in [
            "1 church\n0 golf ball\n2 tench, Tinca tinca",
            "2: tench, Tinca tinca\n1:church\n0: golf ball",
            "2,\"tench, Tinca tinca\"\n0,golf ball\n1,church",
            "2\ttench, Tinca tinca\n1\tchurch \n0\tgolf ball",
            " 2 : tench, Tinca tinca\n01 : church\n00 : golf ball",
            "3 tench, Tinca tinca\n1 golf ball\n2 church",
        ] {
            let found = of(text).unwrap().unwrap();
            assert_eq!(
                found.items,
                ["golf ball", "church", "tench, Tinca tinca"],
                "{text}"
            );
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
            "",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_order_nothing_are_refused() {
        for text in ["20 km/h\n30 km/h\n50 km/h", "0 a\n0 b", "0 a\n2 b"] {
            assert!(of(text).unwrap().is_err(), "{text}");
        }
    }
}
