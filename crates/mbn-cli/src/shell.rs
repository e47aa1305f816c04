//! Parts of commands in messages, ready to be pasted into a shell.

use std::path::Path;

/// A path as one word of a shell command, quoted if necessary, that no program takes for an option.
pub fn quote(path: &Path) -> String {
    let mut text = path.to_string_lossy();
    if text.starts_with('-') && text != "-" {
        text = format!("./{text}").into();
    }
    // Quoting fails only for a null byte, which no path contains.
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), Into::into)
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
    }
}
