//! The class names as Triton reads them: one a line.

use anyhow::{Result, anyhow};
use mbn_cli::Hint;

/// The text of the file of class names.
///
/// # Errors
/// A name has more than one line.
pub fn text(names: &[String]) -> Result<String> {
    if let Some((index, name)) = names.iter().enumerate().find(|(_, name)| name.contains('\n')) {
        return Err(anyhow!(
            "the name of class {index}, {name:?}, has a line break, and Triton reads one name from each line"
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
        let names = ["a", "b\nc"].map(str::to_owned);
        let message = text(&names).unwrap_err().to_string();
        assert!(message.contains(r#"class 1, "b\nc""#), "{message}");
    }
}
