//! Parts of commands in messages, ready to be pasted into a shell.

use std::path::Path;

/// A path as one word of a shell command, quoted if necessary, that no program takes for an option.
pub fn quote(path: &Path) -> String {
    let mut text = path.to_string_lossy();
    if text.starts_with('-') && text != "-" {
        text = format!("./{text}").into();
    }
    quote_word(&text)
}

/// Any text as one word of a shell command, quoted if necessary, unchanged as the shell reads it.
pub fn quote_word(text: &str) -> String {
    // Quoting fails only for a null byte, which neither a path nor an argument contains.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_one_word() {
        assert_eq!(quote(Path::new("runs/photos_0.25")), "runs/photos_0.25");
        for path in ["runs/my photos_0.25", "it's", "$HOME", "a*b", "ä ö", ""] {
            let words = shlex::split(&quote(Path::new(path))).unwrap();
            assert_eq!(words, [path]);
        }
        assert_eq!(quote(Path::new("-x/best.safetensors")), "./-x/best.safetensors");
        assert_eq!(quote(Path::new("-")), "-");
        for word in ["-1", "-d", "2,9", "", "it's"] {
            assert_eq!(shlex::split(&quote_word(word)).unwrap(), [word]);
        }
    }
}
