//! Describes a file of no supported format.

/// What the file's first bytes look like, for a message.
pub(super) fn describe(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(64)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may have split a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text {
        Some(text)
            if !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()) =>
        {
            let line: String = text.lines().next().unwrap_or_default().chars().take(24).collect();
            format!("it starts with the text `{line}`")
        }
        _ => {
            let hex: Vec<String> = start.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("it starts with the bytes {}", hex.join(" "))
        }
    }
}
