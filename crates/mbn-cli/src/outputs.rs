//! The files that a program writes beside those that it reads: none may be two of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_files::FileId;

use crate::UsageError;

/// Files that a program will write.
#[derive(Clone, Debug, Default)]
pub struct Outputs(Vec<Output>);

#[derive(Clone, Debug)]
struct Output {
    /// As the user gives it, for a message.
    name: String,
    path: PathBuf,
    id: FileId,
    exists: bool,
}

impl Outputs {
    /// Files by the options that name them; the option of a positional argument is empty. Devices and pipes are skipped: writing to
    /// them replaces nothing.
    ///
    /// # Errors
    /// [`UsageError`] if two are one file.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = (&'static str, P)>) -> Result<Self> {
        let mut outputs = Self::default();
        for (option, path) in files {
            let path = path.into();
            let shown = path.display();
            let name = match option {
                "" => format!("`{shown}`"),
                option => format!("`{option} {shown}`"),
            };
            outputs.add(name, path)?;
        }
        Ok(outputs)
    }

    /// The same, and the file `partial`, which holds the output of `option` until it is complete.
    ///
    /// # Errors
    /// [`UsageError`] if it is one of the others.
    pub fn with_unfinished(mut self, option: &str, partial: PathBuf) -> Result<Self> {
        let name = format!("`{}`, the unfinished `{option}`,", partial.display());
        self.add(name, partial)?;
        Ok(self)
    }

    fn add(&mut self, name: String, path: PathBuf) -> Result<()> {
        let Some(id) = FileId::of(&path) else {
            return Ok(());
        };
        if let Some(other) = self.0.iter().find(|other| other.id == id) {
            let message = format!("{} and {name} are the same file, expected two", other.name);
            return Err(UsageError(message).into());
        }
        let exists = path.exists();
        self.0.push(Output {
            name,
            path,
            id,
            exists,
        });
        Ok(())
    }

    /// Whether one of them was there when they were named. Else no input can be one of them.
    pub fn any_exists(&self) -> bool {
        self.0.iter().any(|output| output.exists)
    }

    /// Says which of these files `path` leads to, if it leads to one: it must not be read then.
    pub fn conflict(&self, path: &Path) -> Option<String> {
        let id = self.any_exists().then(|| FileId::of_existing(path))??;
        let output = self.0.iter().find(|output| output.id == id)?;
        let (name, shown) = (&output.name, path.display());
        if output.path.as_os_str() == path.as_os_str() {
            return Some(format!("{name} is the file that is read, and would be replaced"));
        }
        let is_replaced =
            matches!((output.path.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
        Some(match is_replaced {
            true => format!("{name} is the file that is read as `{shown}`, and would be replaced"),
            // Another hard link would keep the content.
            false => format!("{name} is the same file as `{shown}`, which is read"),
        })
    }

    /// Refuses to read a file that will be written. What is no regular file passes.
    ///
    /// # Errors
    /// [`UsageError`] if `path` leads to one of these files.
    pub fn require_not_read(&self, path: &Path) -> Result<()> {
        self.conflict(path)
            .map_or(Ok(()), |message| Err(UsageError(message).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_either_read_or_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let outputs = || {
            let outputs = Outputs::new([("", at("a")), ("--report", at("b"))]).unwrap();
            outputs.with_unfinished("--report", at("b.partial")).unwrap()
        };
        // What is not there is not read.
        assert!(!outputs().any_exists());
        outputs().require_not_read(&at("a")).unwrap();
        for name in ["a", "b", "b.partial", "c"] {
            std::fs::write(at(name), "").unwrap();
        }
        let outputs = outputs();
        assert!(outputs.any_exists());
        outputs.require_not_read(&at("c")).unwrap();
        outputs.require_not_read(folder.path()).unwrap();
        let error = |path: &Path| {
            let error = outputs.require_not_read(path).unwrap_err();
            assert!(error.is::<UsageError>());
            error.to_string()
        };
        let a = at("a").display().to_string();
        assert_eq!(
            error(&at("a")),
            format!("`{a}` is the file that is read, and would be replaced")
        );
        let other = folder.path().join(".").join("b");
        assert!(
            error(&other).contains("is the file that is read as `"),
            "{}",
            error(&other)
        );
        let partial = at("b.partial").display().to_string();
        assert_eq!(
            error(&at("b.partial")),
            format!(
                "`{partial}`, the unfinished `--report`, is the file that is read, and would be replaced"
            )
        );
        let link = at("link");
        std::fs::hard_link(at("a"), &link).unwrap();
        assert_eq!(
            error(&link),
            format!("`{a}` is the same file as `{}`, which is read", link.display())
        );
        let twice = Outputs::new([("--output", at("new")), ("--html", folder.path().join("./new"))]);
        let twice = twice.unwrap_err().to_string();
        assert!(
            twice.contains("`--output ") && twice.contains("`--html "),
            "{twice}"
        );
        // Nothing is replaced there.
        Outputs::new([("--output", "/dev/null"), ("--html", "/dev/null")]).unwrap();
    }
}
