//! Where in a repository a model goes, and how it gets there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use mbn_cli::{Hint, quote, refuse_stdout};
use mbn_files::{AtomicFolder, Folders, check_output_file, whole_file};
use mbn_onnx::Model;

use super::config::{FILE, Interface, LABELS};
use super::labels;
use super::name::ModelName;
use super::staged::{StagedEntry, is_taken};

/// Name of the model's file in the folder of its version.
const MODEL: &str = "model.onnx";

const TOO_LARGE: io::ErrorKind = io::ErrorKind::FileTooLarge;

/// Checks before the work begins that models can be written to the folder. It need not exist.
///
/// # Errors
/// It is a file, or cannot be written to.
pub fn check_out(repository: &Path) -> Result<()> {
    refuse_stdout(repository)?;
    // Any file in it will do.
    check_output_file(&repository.join(MODEL), Folders::Created)?;
    Ok(())
}

/// A model's next version in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    repository: PathBuf,
    name: ModelName,
    labels: String,
    /// The newest version that is there.
    newest: Option<u64>,
}

impl Entry {
    /// The version after the newest one. A version that is there is never replaced.
    ///
    /// # Errors
    /// A class name cannot be written, or the model's folder cannot be read.
    pub fn next(repository: &Path, name: ModelName, classes: &[String]) -> Result<Self> {
        let folder = repository.join(name.as_str());
        let newest = match folder.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            _ => newest(&folder).with_context(|| format!("cannot read folder `{}`", folder.display()))?,
        };
        let entry = Self {
            repository: repository.to_owned(),
            labels: labels::text(classes)?,
            name,
            newest,
        };
        entry.require_next().map(|()| entry)
    }

    /// The path of the model's file.
    pub fn model(&self) -> PathBuf {
        self.version().join(MODEL)
    }

    /// The folder that a server is started with.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    fn folder(&self) -> PathBuf {
        self.repository.join(self.name.as_str())
    }

    fn version(&self) -> PathBuf {
        self.folder().join((self.newest.unwrap_or(0) + 1).to_string())
    }

    /// Writes the model, and what the repository lacks beside it, under temporary names.
    ///
    /// # Errors
    /// The versions that are there look different to clients, so that one configuration cannot serve both; or a file cannot be
    /// written.
    pub fn stage(&self, model: &Model, bytes: &[u8]) -> Result<StagedEntry> {
        let interface = Interface::of(model)?;
        let (folder, path) = (self.folder(), self.version());
        self.check_newest(&interface)?;
        let files = [
            (LABELS, self.labels.clone()),
            (FILE, interface.config(&self.name)),
        ];
        let cannot_write = || format!("cannot write `{}`", path.display());
        if !folder.is_dir() {
            let whole = AtomicFolder::create(&folder).with_context(cannot_write)?;
            let version = whole.temporary_path().join("1");
            let put = || -> std::io::Result<()> {
                fs::create_dir(&version)?;
                fs::write(version.join(MODEL), bytes)?;
                let mut files = files.iter();
                files.try_for_each(|(name, text)| fs::write(whole.temporary_path().join(name), text))
            };
            put().with_context(cannot_write)?;
            return Ok(StagedEntry {
                model: version.join(MODEL),
                folder: whole,
                beside: Vec::new(),
                path: folder,
            });
        }
        let mut beside = Vec::new();
        for (name, text) in files {
            let file = folder.join(name);
            if !file.exists() {
                beside.push((file, text));
            } else if name == LABELS || self.newest.is_none() {
                let found: io::Result<_> = whole_file::read(&file, text.len() as u64, |_| TOO_LARGE.into());
                let is_same = match found {
                    // A longer file differs, whatever it holds.
                    Err(error) if error.kind() == TOO_LARGE => false,
                    found => {
                        found.with_context(|| format!("cannot read `{}`", file.display()))? == text.as_bytes()
                    }
                };
                if !is_same {
                    return self.refuse(&format!("`{}` has another content", file.display()));
                }
            }
        }
        let version = AtomicFolder::create(&path).with_context(cannot_write)?;
        let model = version.temporary_path().join(MODEL);
        fs::write(&model, bytes).with_context(cannot_write)?;
        Ok(StagedEntry {
            model,
            folder: version,
            beside,
            path,
        })
    }

    /// Gives everything its name. Another export may have written this version meanwhile: then the model becomes the next one, if it
    /// is the same to clients. Gives the entry that it has become.
    ///
    /// # Errors
    /// A file cannot be written, or the other export wrote another model.
    pub fn commit(mut self, mut staged: StagedEntry, model: &Model, bytes: &[u8]) -> Result<Self> {
        for _ in 0..RETRIES {
            let error = match staged.commit() {
                Ok(()) => return Ok(self),
                Err(error) if is_taken(&error) => error,
                Err(error) => return Err(error),
            };
            let meanwhile = || format!("another export wrote `{}` meanwhile", self.model().display());
            let folder = self.folder();
            let next =
                newest(&folder).with_context(|| format!("cannot read folder `{}`", folder.display()))?;
            if next <= self.newest {
                // Nobody took a number: a file is in the way.
                return Err(error);
            }
            let later = Self {
                newest: next,
                ..self.clone()
            };
            later.require_next()?;
            staged = later.stage(model, bytes).with_context(meanwhile)?;
            self = later;
        }
        bail!("other exports keep writing to `{}`", self.folder().display())
    }

    fn require_next(&self) -> Result<()> {
        match self.newest {
            Some(u64::MAX) => bail!("`{}` has no next version", self.folder().display()),
            _ => Ok(()),
        }
    }

    /// Refuses a model that clients of the newest version could not use.
    fn check_newest(&self, interface: &Interface) -> Result<()> {
        let Some(newest) = self.newest else { return Ok(()) };
        let file = self.folder().join(newest.to_string()).join(MODEL);
        let there = Model::load(&file).map_err(Error::from);
        let there = there.and_then(|model| Interface::of(&model));
        match there {
            Ok(there) => match there.difference(interface) {
                None => Ok(()),
                Some(difference) => self.refuse(&format!(
                    "`{}` is not the same to clients: {difference}",
                    file.display()
                )),
            },
            Err(error) => {
                let why = format!("`{}` cannot be compared with the new version", file.display());
                Err(error.context(why)).hint(|| self.advice())
            }
        }
    }

    fn refuse<T>(&self, why: &str) -> Result<T> {
        Err(anyhow!(
            "`{}` holds another model: {why}",
            self.folder().display()
        ))
        .hint(|| self.advice())
    }

    fn advice(&self) -> String {
        let folder = quote(&self.folder());
        format!(
            "`--triton-name NAME` writes beside it; a new version of a model keeps its inputs, outputs and classes (or remove `{folder}` first)"
        )
    }
}

/// How often a version that another export took is replaced by the next one.
const RETRIES: usize = 100;

/// The newest version in a model's folder. Triton takes folders whose names are numbers without a leading zero.
fn newest(folder: &Path) -> std::io::Result<Option<u64>> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let version = name.to_str().filter(|name| !name.starts_with(['0', '+']));
        newest = newest.max(version.and_then(|name| name.parse().ok()));
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exports that start at once see the same newest version. None is lost, and none replaces another.
    #[test]
    fn a_version_that_was_taken_meanwhile_becomes_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let repository = folder.path().join("models");
        let model = |seed, features| {
            let options = mbn_onnx::ExportOptions {
                features,
                ..mbn_onnx::ExportOptions::default()
            };
            mbn_onnx::export(&crate::fixtures::weights(seed), &options).unwrap()
        };
        let name = || "m".parse::<ModelName>().unwrap();
        let classes = ["a", "b"].map(str::to_owned);
        let entry = || Entry::next(&repository, name(), &classes).unwrap();
        let models = [1, 2, 3].map(|seed| model(seed, false));
        let other = model(1, true);
        // All of them would make the folder.
        let started: Vec<_> = models
            .iter()
            .chain([&other])
            .map(|model| {
                let bytes = model.to_bytes();
                let entry = entry();
                let staged = entry.stage(model, &bytes).unwrap();
                (entry, staged, model, bytes)
            })
            .collect();
        let mut found = Vec::new();
        for (entry, staged, model, bytes) in started {
            found.push(
                entry
                    .commit(staged, model, &bytes)
                    .map(|entry| (entry.model(), bytes)),
            );
        }
        let error = found.pop().unwrap().unwrap_err();
        let message = format!("{error:#}");
        assert!(
            message.contains("another export wrote `") && message.contains("is not the same to clients"),
            "{message}"
        );
        for (i, found) in found.into_iter().enumerate() {
            let (path, bytes) = found.unwrap();
            assert_eq!(path, repository.join("m").join((i + 1).to_string()).join(MODEL));
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(
            fs::read_dir(&repository).unwrap().count(),
            1,
            "something was left behind"
        );
    }

    #[test]
    fn the_newest_version_is_the_largest_number() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest(folder.path()).unwrap(), None);
        for name in [
            "2",
            "10",
            "011",
            "+12",
            "v13",
            "14.old",
            "-15",
            "99999999999999999999999",
        ] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(newest(folder.path()).unwrap(), Some(10));
    }
}
