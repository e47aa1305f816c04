//! Names of models, which are names of folders and parts of addresses.

use std::fmt;
use std::str::FromStr;

use mbn_spec::Alpha;

/// Characters of the longest name: a folder's name may have 255 bytes.
const LONGEST: usize = 128;

/// A name that Triton, its clients and an address take as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(String);

/// A name that does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("a model's name cannot be empty")]
    Empty,
    /// It is too long.
    #[error("it has {0} characters, more than {LONGEST}")]
    TooLong(usize),
    /// The first character would hide the folder, or look like an option.
    #[error("it starts with `{0}`, expected a letter, a digit or `_`")]
    Start(char),
    /// A character would need quoting in an address or a path.
    #[error(
        "it has the character {0:?}, expected letters `a` to `z` or `A` to `Z`, digits, `_`, `-` and `.`"
    )]
    Character(char),
}

impl ModelName {
    /// The name of a model that the user does not name.
    pub fn of(alpha: Alpha) -> Self {
        Self(format!("mobilenet_v1_{alpha}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let usual = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if let Some(c) = text.chars().find(|c| !usual(c)) {
            return Err(NameError::Character(c));
        }
        match text.chars().next() {
            None => Err(NameError::Empty),
            Some(c @ ('.' | '-')) => Err(NameError::Start(c)),
            Some(_) if text.len() > LONGEST => Err(NameError::TooLong(text.len())),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folder_and_a_part_of_an_address() {
        for alpha in Alpha::ALL {
            let name = ModelName::of(alpha);
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        let longest = "n".repeat(LONGEST);
        for name in ["a", "7", "_x", "Birds-2.v1", longest.as_str()] {
            assert_eq!(ModelName::from_str(name).unwrap().as_str(), name);
        }
        for (name, error) in [
            ("", NameError::Empty),
            (".", NameError::Start('.')),
            ("..", NameError::Start('.')),
            (".hidden", NameError::Start('.')),
            ("-x", NameError::Start('-')),
            ("a/b", NameError::Character('/')),
            ("a\\b", NameError::Character('\\')),
            ("a b", NameError::Character(' ')),
            ("a\nb", NameError::Character('\n')),
            ("vögel", NameError::Character('ö')),
            ("a:b", NameError::Character(':')),
            (&"n".repeat(LONGEST + 1), NameError::TooLong(LONGEST + 1)),
        ] {
            assert_eq!(ModelName::from_str(name), Err(error), "{name}");
        }
    }
}
