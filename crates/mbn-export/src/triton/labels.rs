//! The class names as Triton reads them: one a line.

use anyhow::{Result, anyhow};
use mbn_cli::Hint;

/// Characters that end a name for a reader: the first two end lines, the last ends texts in C.
const ENDS: [char; 3] = ['\n', '\r', '\0'];

/// The text of the file of class names.
///
/// # Errors
/// A name has more than one line, or a character that ends it.
pub fn text(names: &[String]) -> Result<String> {
    if let Some((index, name)) = names.iter().enumerate().find(|(_, name)| name.contains(ENDS)) {
        return Err(anyhow!(
            "the name of class {index}, {name:?}, has a line break or a NUL, and Triton reads one name from each line"
        ))
        .hint(|| "`--classes NAMES.txt` gives the classes other names".to_owned());
    }
    Ok(names.iter().flat_map(|name| [name, "\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_as_they_are() {
        let names = ["gas pump", "\"quoted\"", "Müsli", "gas pump"].map(str::to_owned);
        assert_eq!(text(&names).unwrap(), "gas pump\n\"quoted\"\nMüsli\ngas pump\n");
        for (name, shown) in [
            ("b\nc", r#"class 1, "b\nc""#),
            ("b\rc", r#"class 1, "b\rc""#),
            ("b\0c", r#"class 1, "b\0c""#),
        ] {
            let names = ["a", name].map(str::to_owned);
            let message = text(&names).unwrap_err().to_string();
            assert!(message.contains(shown), "{message}");
        }
    }
}
