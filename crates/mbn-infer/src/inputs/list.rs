//! `--list`: a file with a path on each line, or paths that end in null bytes.

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

/// The paths in the file `list`; `-` is stdin.
pub(super) fn read(list: &Path, end: End) -> Result<Vec<PathBuf>> {
    if list == Path::new("-") {
        return read_paths(stdin().lock(), "the list on stdin", "-", end);
    }
    let name = format!("the list `{}`", list.display());
    let file = File::open(list).with_context(|| format!("cannot read {name}"))?;
    read_paths(BufReader::new(file), &name, &quote(list), end)
}

/// The paths that are not empty. `name` describes the list in messages, `quoted` in commands.
fn read_paths(mut list: impl BufRead, name: &str, quoted: &str, end: End) -> Result<Vec<PathBuf>> {
    let (mut paths, mut line) = (Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let mut limited = list.by_ref().take(MAX_PATH);
        let read = limited.read_until(end.byte(), &mut line);
        let read = read.with_context(|| format!("cannot read {name}"))?;
        if read == 0 {
            break;
        }
        let mut path = &line[..];
        if number == 1 {
            path = without_mark(path).or_else(|error| not_utf8(&error, name, quoted))?;
        }
        if !path.ends_with(&[end.byte()]) && read as u64 == MAX_PATH {
            bail!("line {number} of {name} has more than {MAX_PATH} bytes, expected one path per line");
        }
        let path = path.strip_suffix(&[end.byte()]).unwrap_or(path);
        let path = match end {
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
        if !path.is_empty() {
            paths.push(path_of(path));
        }
    }
    Ok(paths)
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

    fn paths(list: &[u8], end: End) -> Result<Vec<PathBuf>> {
        read_paths(list, "the list `x`", "x", end)
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
        let endless = BufReader::new(std::io::repeat(b'a'));
        let message = read_paths(endless, "the list `x`", "x", End::Line)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("line 1 of the list `x` has more than"),
            "{message}"
        );
        let longest = "a".repeat(MAX_PATH as usize - 1);
        let found = paths(format!("{longest}\n{longest}").as_bytes(), End::Line).unwrap();
        assert_eq!(found, [PathBuf::from(&longest), PathBuf::from(&longest)]);
    }
}
