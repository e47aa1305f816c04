//! Python's literals, as tools that write `str(value)` into metadata leave them: numbers, strings, lists and dicts.

/// Values that are read from one text.
const MAX_VALUES: usize = 1 << 20;
/// How deep lists and dicts may nest.
const MAX_DEPTH: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `None`, `True` or `False`.
    Name(String),
    /// An integer or a float.
    Number(f64),
    /// A string.
    Text(String),
    /// A list or a tuple.
    List(Vec<Literal>),
    /// A dict, in its order.
    Dict(Vec<(Literal, Literal)>),
}

/// A text that is no literal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no Python literal: {problem} at character {at}")]
pub struct LiteralError {
    problem: &'static str,
    at: usize,
}

impl Literal {
    /// Reads a text.
    ///
    /// # Errors
    /// [`LiteralError`] if the text is not one literal.
    pub fn parse(text: &str) -> Result<Self, LiteralError> {
        let mut reader = Reader {
            chars: text.chars().collect(),
            at: 0,
            values: 0,
        };
        let value = reader.value(0)?;
        reader.skip_space();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.error("more text")),
        }
    }

    /// A whole number that is not negative.
    pub fn as_index(&self) -> Option<usize> {
        match self {
            Self::Number(number) if *number >= 0.0 && number.fract() == 0.0 && *number < 1e9 => {
                Some(*number as usize)
            }
            _ => None,
        }
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    values: usize,
}

impl Reader {
    fn error(&self, problem: &'static str) -> LiteralError {
        LiteralError { problem, at: self.at }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Result<char, LiteralError> {
        let next = self.peek().ok_or_else(|| self.error("the text ends"))?;
        self.at += 1;
        Ok(next)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Whether `expected` comes next; it is skipped then.
    fn comes(&mut self, expected: char) -> bool {
        self.skip_space();
        let comes = self.peek() == Some(expected);
        self.at += usize::from(comes);
        comes
    }

    fn value(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(self.error("too many values"));
        }
        self.skip_space();
        match self.peek().ok_or_else(|| self.error("the text ends"))? {
            '{' => self.dict(depth),
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '\'' | '"' => self.text().map(Literal::Text),
            c if c.is_ascii_digit() || ['-', '+', '.'].contains(&c) => self.number(),
            c if c.is_alphabetic() => {
                let start = self.at;
                while self.peek().is_some_and(char::is_alphanumeric) {
                    self.at += 1;
                }
                Ok(Literal::Name(self.chars[start..self.at].iter().collect()))
            }
            _ => Err(self.error("an unexpected character")),
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, LiteralError> {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.comes('}') {
            let key = self.value(depth + 1)?;
            if !self.comes(':') {
                return Err(self.error("no colon"));
            }
            entries.push((key, self.value(depth + 1)?));
            if !self.comes(',') && !self.comes('}') {
                return Err(self.error("no comma"));
            } else if self.chars[self.at - 1] == '}' {
                break;
            }
        }
        Ok(Literal::Dict(entries))
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Literal, LiteralError> {
        self.at += 1;
        let mut values = Vec::new();
        while !self.comes(end) {
            values.push(self.value(depth + 1)?);
            if !self.comes(',') && !self.comes(end) {
                return Err(self.error("no comma"));
            } else if self.chars[self.at - 1] == end {
                break;
            }
        }
        Ok(Literal::List(values))
    }

    fn number(&mut self) -> Result<Literal, LiteralError> {
        let start = self.at;
        let is_part = |c: char| c.is_ascii_alphanumeric() || ['-', '+', '.', '_'].contains(&c);
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let number = text.parse().map_err(|_| self.error("no number"))?;
        Ok(Literal::Number(number))
    }

    fn text(&mut self) -> Result<String, LiteralError> {
        let quote = self.next()?;
        let mut text = String::new();
        loop {
            match self.next()? {
                c if c == quote => return Ok(text),
                '\\' => {
                    let escaped = self.escaped()?;
                    text.push(escaped);
                }
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, LiteralError> {
        let digits = match self.next()? {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            c @ ('\\' | '\'' | '"') => return Ok(c),
            _ => return Err(self.error("an unknown escape")),
        };
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.next()?.to_digit(16);
            number = 16 * number + digit.ok_or_else(|| self.error("no hexadecimal digit"))?;
        }
        char::from_u32(number).ok_or_else(|| self.error("no character"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Literal {
        Literal::Text(text.to_owned())
    }

    #[test]
    fn what_python_prints_is_read() {
        let names = r#"{0: 'tench', 1: "cardinal's hat", 2: 'a "b" \'c\'', 3: 'caf\xe9, \u65e5 {x: y}', }"#;
        let Literal::Dict(entries) = Literal::parse(names).unwrap() else {
            panic!("it is no dict");
        };
        let values: Vec<_> = entries.iter().map(|(_, name)| name.clone()).collect();
        assert_eq!(
            values,
            ["tench", "cardinal's hat", "a \"b\" 'c'", "café, 日 {x: y}"].map(text)
        );
        assert_eq!(entries[3].0.as_index(), Some(3));
        assert_eq!(
            Literal::parse(" [224, (1.5, -2e3), None, [], {}] ").unwrap(),
            Literal::List(vec![
                Literal::Number(224.0),
                Literal::List(vec![Literal::Number(1.5), Literal::Number(-2000.0)]),
                Literal::Name("None".to_owned()),
                Literal::List(vec![]),
                Literal::Dict(vec![]),
            ])
        );
    }

    #[test]
    fn other_texts_are_errors() {
        for text in [
            "",
            "{",
            "{0}",
            "{0: }",
            "[1 2]",
            "'a",
            "'\\q'",
            "'\\x1'",
            "'\\ud800'",
            "1 2",
            "]",
            "{0: 'a' 1: 'b'}",
            "--1",
            "[,]",
        ] {
            assert!(Literal::parse(text).is_err(), "{text}");
        }
        assert!(Literal::parse(&"[".repeat(1_000_000)).is_err());
    }
}
