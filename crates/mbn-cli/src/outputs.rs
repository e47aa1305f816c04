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
}

impl Outputs {
    /// Files by the options that name them; the option of a positional argument is empty. Devices and pipes are nobody's input.
    ///
    /// # Errors
    /// [`UsageError`] if two are one file.
    pub fn new<P: Into<PathBuf>>(files: impl IntoIterator<Item = (&'static str, P)>) -> Result<Self> {
        let mut outputs = Self::default();
        for (option, path) in files {
            outputs.add(option, path.into())?;
        }
        Ok(outputs)
    }

    fn add(&mut self, option: &str, path: PathBuf) -> Result<()> {
        let Some(id) = FileId::of(&path) else {
            return Ok(());
        };
        let shown = path.display();
        let name = match option {
            "" => format!("`{shown}`"),
            option => format!("`{option} {shown}`"),
        };
        if let Some(other) = self.0.iter().find(|other| other.id == id) {
            let message = format!("{} and {name} are the same file, expected two", other.name);
            return Err(UsageError(message).into());
        }
        self.0.push(Output { name, path, id });
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses to read a file that will be written. What is no regular file passes.
    ///
    /// # Errors
    /// [`UsageError`] if `path` leads to one of these files.
    pub fn require_not_read(&self, path: &Path) -> Result<()> {
        let id = match self.is_empty() {
            true => None,
            false => FileId::of(path),
        };
        let Some(output) = id.and_then(|id| self.0.iter().find(|output| output.id == id)) else {
            return Ok(());
        };
        let other = match output.path.as_os_str() == path.as_os_str() {
            true => String::new(),
            false => format!(" as `{}`", path.display()),
        };
        let name = &output.name;
        Err(UsageError(format!(
            "{name} is the file that is read{other}, and would be replaced"
        ))
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_either_read_or_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a"), "").unwrap();
        let outputs = Outputs::new([("", at("a")), ("--report", at("b"))]).unwrap();
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
