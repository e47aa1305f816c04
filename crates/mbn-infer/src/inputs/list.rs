//! `--list`: a file with a path on each line, or paths that end in null bytes, read as they are needed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::text_file::{TextError, to_utf8, without_mark};
use mbn_cli::{Hint, quote};

/// The longest path in a list, in bytes. No system allows as much, so a longer line shows that the file is not a list.
const MAX_PATH: u64 = 1 << 16;

/// What ends each path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The end of its line, in Unix's or Windows' form.
    Line,
    /// A null byte: a path may hold line breaks.
    Null,
}

impl End {
    fn byte(self) -> u8 {
        match self {
            Self::Line => b'\n',
            Self::Null => 0,
        }
    }
}

/// A list that is being read.
pub(super) struct List {
    content: BufReader<Box<dyn Read + Send>>,
    /// Reading may wait for whoever writes the list.
    may_wait: bool,
    end: End,
    /// What it is called in messages, and in commands.
    name: String,
    quoted: String,
    /// The line that was read last, from 1 on.
    number: u64,
    line: Vec<u8>,
}

impl List {
    /// Whether its paths are names only: what prints null bytes knows names and no patterns.
    pub(super) fn has_names_only(&self) -> bool {
        self.end == End::Null
    }

    /// Opens the file `list`; `-` is stdin.
    pub(super) fn open(list: &Path, end: End) -> Result<Self> {
        if list == Path::new("-") {
            return Ok(Self::new(Box::new(stdin()), true, "the list on stdin", "-", end));
        }
        let name = format!("the list `{}`", list.display());
        let open = || {
            let file = File::open(list)?;
            let may_wait = !file.metadata()?.is_file();
            std::io::Result::Ok((file, may_wait))
        };
        let (file, may_wait) = open().with_context(|| format!("cannot read {name}"))?;
        Ok(Self::new(Box::new(file), may_wait, &name, &quote(list), end))
    }

    /// The list `list`, which is not on this machine, with its content.
    pub(super) fn fetched(list: &Path, end: End, content: Result<Box<dyn Read + Send>>) -> Result<Self> {
        let name = format!("the list `{}`", list.display());
        let content = content.with_context(|| format!("cannot read {name}"))?;
        Ok(Self::new(content, true, &name, &quote(list), end))
    }

    fn new(content: Box<dyn Read + Send>, may_wait: bool, name: &str, quoted: &str, end: End) -> Self {
        Self {
            content: BufReader::with_capacity(MAX_PATH as usize, content),
            may_wait,
            end,
            name: name.to_owned(),
            quoted: quoted.to_owned(),
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next path that is not empty. Calls `wait` if no complete line has been read.
    pub(super) fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<PathBuf>> {
        loop {
            if self.may_wait && !self.content.buffer().contains(&self.end.byte()) {
                wait();
            }
            self.number += 1;
            self.line.clear();
            let mut limited = self.content.by_ref().take(MAX_PATH);
            let read = limited.read_until(self.end.byte(), &mut self.line);
            let read = read.with_context(|| format!("cannot read {}", self.name))?;
            if read == 0 {
                return Ok(None);
            }
            let path = self.path(read as u64)?;
            if !path.is_empty() {
                return Ok(Some(path_of(path)));
            }
        }
    }

    /// The path on the line of `read` bytes.
    fn path(&self, read: u64) -> Result<&[u8]> {
        let (number, name, end) = (self.number, &self.name, self.end.byte());
        let mut path = &self.line[..];
        if number == 1 {
            path = without_mark(path).or_else(|error| not_utf8(&error, name, &self.quoted))?;
        }
        if !path.ends_with(&[end]) && read == MAX_PATH {
            bail!("line {number} of {name} has more than {MAX_PATH} bytes, expected one path per line");
        }
        let path = path.strip_suffix(&[end]).unwrap_or(path);
        let path = match self.end {
            End::Line => path.strip_suffix(b"\r").unwrap_or(path),
            End::Null => path,
        };
        if path.contains(&0) {
            return Err(anyhow!(
                "line {number} of {name} has a null byte, which no path has"
            ))
            .hint(|| {
                "`--null` reads paths that end in null bytes, as `find -print0` prints them".to_owned()
            });
        }
        Ok(path)
    }
}

fn not_utf8<T>(error: &TextError, name: &str, quoted: &str) -> Result<T> {
    let command = to_utf8(error, quoted);
    Err(anyhow!("{name} cannot be used: {error}")).hint(|| format!("{command}, which `--list -` reads"))
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: impl Read + Send + 'static, end: End) -> Result<Vec<PathBuf>> {
        let mut list = List::new(Box::new(list), true, "the list `x`", "x", end);
        let paths = std::iter::from_fn(|| list.next(&mut || {}).transpose());
        paths.collect()
    }

    fn paths(list: &'static [u8], end: End) -> Result<Vec<PathBuf>> {
        read(list, end)
    }

    #[test]
    fn a_list_has_one_path_per_line() {
        let found = paths(b"a b.png\r\n\n  c.png\nd\xff.png", End::Line).unwrap();
        assert_eq!(found[..2], [PathBuf::from("a b.png"), PathBuf::from("  c.png")]);
        assert_eq!(found.len(), 3);
        #[cfg(unix)]
        assert_eq!(found[2].to_str(), None);
        let marked = paths(b"\xef\xbb\xbfa.png\nb.png\n", End::Line).unwrap();
        assert_eq!(marked, [PathBuf::from("a.png"), PathBuf::from("b.png")]);
    }

    #[test]
    fn null_bytes_end_paths_that_hold_line_breaks() {
        let found = paths(b"a\nb.png\0 c.png\r\0", End::Null).unwrap();
        assert_eq!(found, [PathBuf::from("a\nb.png"), PathBuf::from(" c.png\r")]);
        let message = paths(b"a.png\0b.png\0", End::Line).unwrap_err().to_string();
        assert!(
            message.contains("line 1 of the list `x` has a null byte"),
            "{message}"
        );
    }

    #[test]
    fn utf16_is_named() {
        for list in [
            &b"\xff\xfea\0.\0p\0n\0g\0\n\0"[..],
            b"\xfe\xff\0a\0.\0p\0n\0g\0\n",
            b"a\0.\0p\0n\0g\0\r\0\n\0",
        ] {
            let message = paths(list, End::Line).unwrap_err().to_string();
            assert_eq!(
                message,
                "the list `x` cannot be used: it is text in UTF-16, expected UTF-8"
            );
        }
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        let endless = std::io::repeat(b'a');
        let message = read(endless, End::Line).unwrap_err().to_string();
        assert!(
            message.starts_with("line 1 of the list `x` has more than"),
            "{message}"
        );
        let longest = "a".repeat(MAX_PATH as usize - 1);
        let list = std::io::Cursor::new(format!("{longest}\n{longest}"));
        let found = read(list, End::Line).unwrap();
        assert_eq!(found, [PathBuf::from(&longest), PathBuf::from(&longest)]);
    }

    /// Whoever reads one line at a time is told before each that it may take long, unless more have been read.
    #[test]
    fn a_list_tells_before_it_waits() {
        struct Pieces(Vec<&'static [u8]>);
        impl Read for Pieces {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let piece = if self.0.is_empty() {
                    &b""[..]
                } else {
                    self.0.remove(0)
                };
                into[..piece.len()].copy_from_slice(piece);
                Ok(piece.len())
            }
        }
        let pieces = Pieces(vec![b"a\nb\nc", b"c\n", b"d\n"]);
        let mut list = List::new(Box::new(pieces), true, "x", "x", End::Line);
        let mut waits = 0;
        for (path, expected) in [("a", 1), ("b", 1), ("cc", 2), ("d", 3)] {
            let found = list.next(&mut || waits += 1).unwrap();
            assert_eq!((found, waits), (Some(PathBuf::from(path)), expected));
        }
    }
}
