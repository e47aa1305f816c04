//! Numbers in text, with white space and comments between them: PNM's headers, and its pixels in the formats of text.

/// Reads a text from a place on.
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A number, as it was found.
pub(super) struct Number<'a> {
    pub value: u32,
    digits: &'a [u8],
    /// Whether white space follows it, which is skipped. Otherwise it stands at the end of the text.
    pub is_ended: bool,
}

impl Number<'_> {
    /// Whether it can have no more digits, though no white space follows it: one more would make it larger than `most`. A lone 0
    /// counts too: nothing begins with it but numbers that are filled up with zeros.
    pub(super) fn is_whole(&self, most: u16) -> bool {
        self.digits == b"0" || u64::from(self.value) * 10 > u64::from(most)
    }
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next byte is.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The next number, and the white space behind it; `None` at the end. The error says what is wrong.
    ///
    /// A comment must not follow a digit: Pillow joins the number with what begins the next line, netpbm ends it there.
    pub(super) fn number(&mut self) -> Result<Option<Number<'a>>, String> {
        self.skip_space();
        let start = self.at;
        let mut value: u32 = 0;
        let is_ended = loop {
            match self.bytes.get(self.at) {
                None => break false,
                Some(&byte) if is_space(byte) => break true,
                Some(&digit @ b'0'..=b'9') => {
                    let longer = value.checked_mul(10);
                    let longer = longer.and_then(|value| value.checked_add(u32::from(digit - b'0')));
                    value = longer.ok_or_else(|| format!("its number {value}... is too large"))?;
                }
                Some(b'#') => return Err(format!("a comment follows its number {value} without a space")),
                Some(&other) => return Err(unexpected(other, "a number")),
            }
            self.at += 1;
        };
        let digits = &self.bytes[start..self.at];
        self.at += usize::from(is_ended);
        Ok((!digits.is_empty()).then_some(Number {
            value,
            digits,
            is_ended,
        }))
    }

    /// The next digit, 0 or 1, which needs no white space before the next; `None` at the end.
    pub(super) fn bit(&mut self) -> Result<Option<u32>, String> {
        self.skip_space();
        let bit = match self.bytes.get(self.at) {
            None => return Ok(None),
            Some(b'0') => 0,
            Some(b'1') => 1,
            Some(&other) => return Err(unexpected(other, "0 or 1")),
        };
        self.at += 1;
        Ok(Some(bit))
    }

    /// Skips white space, and comments to the end of their line.
    fn skip_space(&mut self) {
        let mut is_comment = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\r' | b'\n' => is_comment = false,
                b'#' => is_comment = true,
                _ if is_comment || is_space(byte) => {}
                _ => return,
            }
            self.at += 1;
        }
    }
}

/// Whether a file begins like PNM: text may begin with `P1` too, but not go on with a number.
pub(super) fn is_pnm(bytes: &[u8]) -> bool {
    let [b'P', b'1'..=b'6', space, rest @ ..] = bytes else {
        return false;
    };
    let next = rest.iter().find(|byte| !is_space(**byte));
    is_space(*space) && next.is_none_or(|byte| byte.is_ascii_digit() || *byte == b'#')
}

/// White space, of which Rust's `is_ascii_whitespace` lacks the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn unexpected(found: u8, expected: &str) -> String {
    format!("it has `{}` where {expected} is expected", found.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_between_space_and_comments() {
        let mut text = Text::new(b"P2 #5 6\r\n007\x0b\x0c#\n# 8\t\n 4294967295", 2);
        let mut found = Vec::new();
        while let Some(number) = text.number().unwrap() {
            found.push((number.value, number.is_ended, text.place()));
        }
        assert_eq!(found, [(7, true, 13), (u32::MAX, false, 32)]);
    }

    #[test]
    fn what_readers_take_for_different_numbers_is_none() {
        for (text, expected) in [
            (&b"4294967296 "[..], "its number 429496729... is too large"),
            (b"12#c\n3", "a comment follows its number 12 without a space"),
            (b"-1 ", "it has `-` where a number is expected"),
            (b"1_0 ", "it has `_` where a number is expected"),
            (b"\x00", "it has `\\x00` where a number is expected"),
        ] {
            let error = Text::new(text, 0).number().err();
            assert_eq!(error.as_deref(), Some(expected), "{}", text.escape_ascii());
        }
        assert_eq!(
            Text::new(b" 2", 0).bit().unwrap_err(),
            "it has `2` where 0 or 1 is expected"
        );
    }

    #[test]
    fn a_number_at_the_end_is_whole_if_no_digit_fits_behind_it() {
        for (text, most, expected) in [
            ("2", 255, false),
            ("25", 255, false),
            ("26", 255, true),
            ("1", 9, true),
            ("0", 255, true),
            ("00", 255, false),
            ("6554", u16::MAX, true),
            ("6553", u16::MAX, false),
        ] {
            let number = Text::new(text.as_bytes(), 0).number().unwrap().unwrap();
            assert_eq!(number.is_whole(most), expected, "{text} of {most}");
        }
    }
}
