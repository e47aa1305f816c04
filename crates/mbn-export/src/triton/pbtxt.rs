//! Protocol buffers as text.
//!
//! The form is that of <https://protobuf.dev/reference/protobuf/textformat-spec/>.

use std::fmt;

/// A message: fields in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message(Vec<(&'static str, Value)>);

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// The name of an enumeration's value, or `true` or `false`.
    Word(&'static str),
    /// A number.
    Number(i64),
    /// A repeated field of numbers.
    Numbers(Vec<i64>),
    /// A message.
    Message(Message),
    /// A repeated field of messages.
    Messages(Vec<Message>),
}

impl Message {
    /// The message with one field more.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The message with one field more, if there is a value.
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        for (name, value) in &self.0 {
            write!(f, "{:indent$}{name}", "")?;
            match value {
                Value::Text(text) => writeln!(f, ": {}", quoted(text))?,
                Value::Word(word) => writeln!(f, ": {word}")?,
                Value::Number(number) => writeln!(f, ": {number}")?,
                Value::Numbers(numbers) => {
                    let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
                    writeln!(f, ": [ {} ]", numbers.join(", "))?;
                }
                Value::Message(message) => {
                    f.write_str(" {\n")?;
                    message.write(f, indent + 2)?;
                    writeln!(f, "{:indent$}}}", "")?;
                }
                Value::Messages(messages) => {
                    f.write_str(" [\n")?;
                    for (i, message) in messages.iter().enumerate() {
                        let comma = if i + 1 < messages.len() { "," } else { "" };
                        writeln!(f, "{:1$}{{", "", indent + 2)?;
                        message.write(f, indent + 4)?;
                        writeln!(f, "{:2$}}}{1}", "", comma, indent + 2)?;
                    }
                    writeln!(f, "{:indent$}]", "")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<i64>> for Value {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Numbers(numbers)
    }
}

impl From<Message> for Value {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Vec<Message>> for Value {
    fn from(messages: Vec<Message>) -> Self {
        Self::Messages(messages)
    }
}

/// A text between quotes. Readers take UTF-8 as it is; what would end the line or the text is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Three digits always: a digit may follow.
            c if c.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_end_early_or_break_the_line() {
        assert_eq!(quoted("plain"), r#""plain""#);
        assert_eq!(quoted("a\"b\\c'd"), r#""a\"b\\c'd""#);
        assert_eq!(quoted("\r\n\t\u{1}7\u{7f}"), r#""\r\n\t\0017\177""#);
        assert_eq!(quoted("Müsli 鳥"), "\"Müsli 鳥\"");
    }

    #[test]
    fn each_kind_of_value_is_written() {
        let inner = || Message::default().with("a", 1).with("b", vec![-1, 3]);
        let message = Message::default()
            .with("name", "x")
            .with("kind", Value::Word("KIND_AUTO"))
            .with_some("left_out", None::<i64>)
            .with("one", inner())
            .with("two", vec![inner(), Message::default()]);
        assert_eq!(
            message.to_string(),
            "\
name: \"x\"
kind: KIND_AUTO
one {
  a: 1
  b: [ -1, 3 ]
}
two [
  {
    a: 1
    b: [ -1, 3 ]
  },
  {
  }
]
"
        );
    }
}
