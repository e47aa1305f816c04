//! Options for parts of the work: shards, and outputs that are continued.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::UsageError;
use mbn_files::OutputKind;

use super::Options;
use crate::output;
use crate::shard::{self, Shard};

/// Stands for the number of the shard in the name of an output.
pub(super) const SHARD: &str = "{shard}";

fn has_shard(output: &Path) -> bool {
    let name = output.as_os_str().as_encoded_bytes();
    name.windows(SHARD.len()).any(|part| part == SHARD.as_bytes())
}

/// Puts the number of the shard into the name of an output, if it has a place for it.
fn put_number(output: &mut PathBuf, shard: Shard) {
    // Others than the first of several stand for the number, too.
    while has_shard(output) {
        *output = with_number(output, &shard.index().to_string());
    }
}

/// With the number in place of the first [`SHARD`]. Names need not be UTF-8.
#[cfg(unix)]
fn with_number(output: &Path, number: &str) -> PathBuf {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    let name = output.as_os_str().as_bytes();
    let place = name
        .windows(SHARD.len())
        .position(|part| part == SHARD.as_bytes());
    let place = place.unwrap_or(name.len());
    let after = name.get(place + SHARD.len()..).unwrap_or_default();
    OsString::from_vec([&name[..place], number.as_bytes(), after].concat()).into()
}

/// As on Unix, but for names that are not Unicode, whose other characters are replaced.
#[cfg(not(unix))]
fn with_number(output: &Path, number: &str) -> PathBuf {
    output.to_string_lossy().replacen(SHARD, number, 1).into()
}

/// Whether each shard seems to have a file of its own: the name has its number, as a script may write it.
fn has_number(output: &Path, shard: Shard) -> bool {
    let name = output.to_string_lossy();
    let mut numbers = name.split(|c: char| !c.is_ascii_digit());
    numbers.any(|number| number.parse() == Ok(shard.index()))
}

/// Says that shards may replace each other's file. This is no error: on machines of their own they do not.
fn warn_of_others(output: &Path, shard: Shard) {
    let is_file = matches!(OutputKind::of(output), Ok(OutputKind::File(_)));
    if shard.is_part() && is_file && !has_number(output, shard) {
        log::warn!(
            "`{}` has the same name for every shard: in one folder, each replaces what another has written\n\
             hint: `{SHARD}` in the name becomes the number of the shard",
            output.display()
        );
    }
}

impl Options {
    /// Takes `--output -` as no other output than stdout.
    ///
    /// # Errors
    /// [`UsageError`] if the output is to be continued, which stdout cannot be.
    pub fn resolve_stdout(&mut self) -> Result<()> {
        if self.output.as_deref() != Some(Path::new("-")) {
            return Ok(());
        }
        if self.resume {
            let message = "`--resume` needs a file, `--output -` is stdout";
            return Err(UsageError(message.to_owned()).into());
        }
        self.output = None;
        Ok(())
    }

    /// Whether `--resume` may be added to continue an unfinished output: neither an evaluation, nor the page or the folders of an
    /// earlier run can be continued.
    pub fn can_be_resumed(&self) -> bool {
        !self.evaluate && self.html.is_none() && self.sort_into.is_none()
    }

    /// The shard of the inputs that this process takes, if it does not take all, by the launcher's environment if need be. Puts
    /// its number into the names of outputs.
    ///
    /// # Errors
    /// No launcher says which one it is, or what it says cannot be.
    pub fn resolve_shard(&mut self) -> Result<Option<Shard>> {
        let Some(argument) = self.shard else {
            return Ok(None);
        };
        let (shard, by) = argument.resolve(|name| std::env::var(name).ok())?;
        if let Some(variable) = by {
            log::info!("shard: {shard}, by {variable}");
            self.before = shard::before(variable, |name| std::env::var(name).ok());
        }
        let template = self.sort_into.as_ref().filter(|folder| has_shard(folder));
        self.sort_template = template.map(|template| (template.clone(), shard.count()));
        let outputs = [&mut self.output, &mut self.html, &mut self.sort_into];
        for output in outputs.into_iter().flatten() {
            put_number(output, shard);
        }
        // Shards may sort into one folder.
        for file in [&self.output, &self.html].into_iter().flatten() {
            warn_of_others(file, shard);
        }
        Ok(Some(shard))
    }

    /// Why these options do not go together, if they do not.
    pub(super) fn wrong_parts(&self) -> Option<String> {
        if self.evaluate && self.resume {
            return Some(
                "`--resume` cannot be used with `--evaluate`, which has to see every image".to_owned(),
            );
        }
        if self.evaluate && self.shard.is_some() {
            return Some(
                "`--shard` cannot be used with `--evaluate`, which has to see every image".to_owned(),
            );
        }
        if self.resume && self.sort_into.is_some() {
            return Some(
                "`--resume` cannot be used with `--sort-into`, which can be repeated as it is".to_owned(),
            );
        }
        if self.resume && self.html.is_some() {
            return Some("`--resume` cannot be used with `--html`, which shows every picture".to_owned());
        }
        if self.resume && self.form().partial_lines(1).is_none() {
            return Some(output::cannot_continue(self.form()).to_string());
        }
        let outputs = [
            ("--output", &self.output),
            ("--html", &self.html),
            ("--sort-into", &self.sort_into),
        ];
        for (option, output) in outputs {
            if self.shard.is_none() && output.as_deref().is_some_and(has_shard) {
                return Some(format!("`{SHARD}` in `{option}` needs `--shard`"));
            }
        }
        let stdin = Path::new("-");
        if self.list.as_deref() == Some(stdin) && self.paths.iter().any(|path| path == stdin) {
            return Some("stdin cannot be both an archive and the list of `--list -`".to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_takes_its_place_in_every_name() {
        let numbered = |name: &str| {
            let mut path = PathBuf::from(name);
            put_number(&mut path, Shard::new(3, 8).unwrap());
            path
        };
        assert_eq!(numbered("a/{shard}.json"), Path::new("a/3.json"));
        assert_eq!(numbered("{shard}/{shard}"), Path::new("3/3"));
        assert_eq!(numbered("{shar}.json"), Path::new("{shar}.json"));
        assert!(!has_shard("a".as_ref()) && has_shard("é-{shard}".as_ref()));
    }

    #[cfg(unix)]
    #[test]
    fn names_need_not_be_unicode() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;

        let path = |name: &[u8]| PathBuf::from(OsString::from_vec(name.to_vec()));
        let mut found = path(b"\xe9-{shard}.json");
        assert!(has_shard(&found));
        put_number(&mut found, Shard::new(0, 2).unwrap());
        assert_eq!(found, path(b"\xe9-0.json"));
    }
}
