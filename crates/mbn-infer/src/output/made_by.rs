//! What makes an output, kept beside it while it is unfinished: a run that continues it must be the same.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_files::whole_file;
use serde::Serialize;
use serde_json::Value;

use super::Destination;

/// The most bytes that say what made an output. The names of the classes are the most of it.
const MOST_BYTES: u64 = 16 << 20;

/// What the results depend on, by name. Threads, batches, engine and device change at most their last digits, and are not in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MadeBy(BTreeMap<String, Value>);

impl MadeBy {
    /// What the results depend on: names, and their values.
    pub fn new<const N: usize>(values: [(&str, Value); N]) -> Self {
        Self(values.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The same without what is called `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// The file beside the unfinished output `partial`.
    pub fn path(partial: &Path) -> PathBuf {
        let mut name = OsString::from(partial);
        name.push(".json");
        name.into()
    }

    /// It as text, to be kept in an output.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_text(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.0)
    }

    /// Writes it beside an unfinished output.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, partial: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.0)?;
        text.push(b'\n');
        mbn_files::atomic::write(&Self::path(partial), &text)
    }

    /// Checks that the unfinished output `partial` was made by the same.
    ///
    /// # Errors
    /// It was not, or there is nothing that says it.
    pub fn check(&self, partial: &Path) -> Result<()> {
        let (path, shown) = (Self::path(partial), partial.display());
        let anew = || "leave `--resume` out to classify all inputs anew".to_owned();
        let too_large =
            |bytes| io::Error::other(format!("it has {bytes} bytes, expected at most {MOST_BYTES}"));
        let text = match whole_file::read(&path, MOST_BYTES, too_large) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(anyhow!(
                    "`{shown}` cannot be continued: `{}`, which says what made it, is missing",
                    path.display()
                ))
                .hint(anew);
            }
            Err(error) => {
                return Err(anyhow!("cannot read `{}`: {error}", path.display())).hint(anew);
            }
        };
        let difference = self
            .difference_from(&text)
            .with_context(|| format!("`{}` does not say what made `{shown}`", path.display()))
            .hint(anew)?;
        match difference {
            None => Ok(()),
            Some(difference) => Err(anyhow!(
                "`{shown}` cannot be continued: it was made by {difference}"
            ))
            .hint(anew),
        }
    }

    /// What differs from what made an earlier output, according to `text`; `None` if it was the same.
    ///
    /// # Errors
    /// The text does not say what made it.
    pub fn difference_from(&self, text: &[u8]) -> serde_json::Result<Option<String>> {
        let earlier: BTreeMap<String, Value> = serde_json::from_slice(text)?;
        let differs = |(name, value): (&String, &Value)| {
            let before = earlier.get(name).unwrap_or(&Value::Null);
            (before != value).then(|| difference(name, before, value))
        };
        Ok(self.0.iter().find_map(differs))
    }
}

/// The unfinished output of a run. When it is gone, whatever ended the run, so is what says what made it.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    /// That of a file; other destinations have none.
    pub fn of(destination: &Destination) -> Option<Self> {
        match destination {
            Destination::File { file, .. } => Some(Self(file.partial_path().to_owned())),
            Destination::Stdout { .. } | Destination::Stream(_) => None,
        }
    }

    /// Its name.
    pub fn partial(&self) -> &Path {
        &self.0
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.0.exists() {
            // Usually it is not there.
            let _ = fs::remove_file(MadeBy::path(&self.0));
        }
    }
}

/// What differs, for a person to read.
fn difference(name: &str, before: &Value, now: &Value) -> String {
    match (name, before.is_null() || now.is_null()) {
        ("model", _) => "another model".to_owned(),
        ("weights", _) => {
            "other weights: candle takes those of `--weights`, if it is given, and not those in the model"
                .to_owned()
        }
        ("classes", _) => "a model with other classes".to_owned(),
        // One that continues another takes no `--evaluate`.
        ("--evaluate", _) => "a run with `--evaluate`".to_owned(),
        ("scores", _) => "another reading of the model's output".to_owned(),
        (name, false) if !before.is_array() => format!("{name} {before}, now it is {now}"),
        (name, _) => format!("another {name}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made_by(values: &[(&str, Value)]) -> MadeBy {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        MadeBy(values.collect())
    }

    #[test]
    fn only_the_same_run_continues() {
        let folder = tempfile::tempdir().unwrap();
        let partial = folder.path().join("out.partial");
        let ours = made_by(&[("model", json!("abc")), ("--top-k", json!(3))]);
        let missing = ours.check(&partial).unwrap_err().to_string();
        assert!(
            missing.contains("out.partial.json`, which says what made it, is missing"),
            "{missing}"
        );
        ours.save(&partial).unwrap();
        ours.check(&partial).unwrap();
        for (other, part) in [
            (made_by(&[("model", json!("abd"))]), "made by another model"),
            (
                made_by(&[("--top-k", json!(5))]),
                "made by --top-k 3, now it is 5",
            ),
            (made_by(&[("--new", json!(5))]), "made by another --new"),
        ] {
            let message = other.check(&partial).unwrap_err().to_string();
            assert!(message.ends_with(part), "{message}");
        }
        fs::write(MadeBy::path(&partial), "{").unwrap();
        assert!(ours.check(&partial).is_err());
        // A file of any size, which takes no room on the disk.
        let huge = fs::File::create(MadeBy::path(&partial)).unwrap();
        huge.set_len(1 << 40).unwrap();
        let message = ours.check(&partial).unwrap_err().to_string();
        assert!(message.ends_with("expected at most 16777216"), "{message}");
    }
}
