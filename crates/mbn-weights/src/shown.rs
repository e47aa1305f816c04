//! Text of a file in messages.

/// Text of a file for a message: on one line, and without characters that move a terminal's cursor. The author of a file names
/// things as he likes, and must not make messages of his own that way.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            // Quotes mislead nobody.
            '"' | '\'' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// As [`escaped`], of the start of a long text.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", escaped(&text[..end])),
        None => escaped(text),
    }
}

/// A name of the file in a message, as code.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", shortened(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_one_line_and_short() {
        assert_eq!(quoted("model.0.0.weight"), "`model.0.0.weight`");
        assert_eq!(shortened("\"état\" 'x'"), "\"état\" 'x'");
        assert_eq!(
            shortened("a\n\u{1b}[31m\u{9b}\u{202e}b\\"),
            "a\\n\\u{1b}[31m\\u{9b}\\u{202e}b\\\\"
        );
        assert_eq!(shortened(&"é".repeat(101)), format!("{}...", "é".repeat(100)));
    }
}
