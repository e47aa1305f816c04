//! An output that an earlier run finished, and whether it is what this run would write, as far as it shows.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_spec::text::counted;

use super::earlier::{Counts, Earlier, Results};
use super::{Form, MadeBy, OutputFormat, cannot_continue, parquet};

/// The results of an earlier run, all of them.
pub struct Finished {
    /// What that run wrote, to be compared with the inputs.
    pub results: Results,
    /// Counts of it.
    pub counts: Counts,
    /// Whether the file says what made it, and that was the same.
    pub is_same_maker: bool,
}

/// What a run would write.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub form: Form,
    /// The most classes of an image.
    pub most: usize,
    /// Names of the model's classes.
    pub classes: &'a [String],
    pub made_by: &'a MadeBy,
}

impl Finished {
    /// Reads all results in the file `path`.
    ///
    /// # Errors
    /// It cannot be read, holds something else, or was made by another run.
    pub(super) fn open(path: &Path, expected: Expected<'_>) -> Result<Self> {
        let cannot_read = || format!("cannot read `{}`", path.display());
        let is_same_maker = match maker(path, expected).with_context(cannot_read)? {
            None => false,
            Some(text) => {
                let difference = expected.made_by.difference_from(text.as_bytes());
                let difference = difference.with_context(cannot_read)?;
                if let Some(difference) = difference {
                    return Err(other_run(path, &format!("it was made by {difference}")));
                }
                true
            }
        };
        let open = || -> Result<Results> {
            let found = results(path, expected).with_context(cannot_read)?;
            found.ok_or_else(|| no_results(path))
        };
        let mut wrong = None;
        let counts = open()?.count_checked(|number, earlier| {
            wrong = wrong.take().or_else(|| expected.problem(number, earlier));
            anyhow::Ok(())
        });
        let counts = counts.with_context(cannot_read)?;
        let is_whole = match expected.form.format {
            OutputFormat::Parquet => true,
            _ => counts.end == fs::metadata(path).with_context(cannot_read)?.len(),
        };
        if !is_whole {
            return Err(no_results(path));
        }
        if let Some(wrong) = wrong {
            return Err(other_run(path, &wrong));
        }
        Ok(Self {
            results: open()?,
            counts,
            is_same_maker,
        })
    }

    /// What was found, for a person to read, about the output called `name`.
    pub fn describe(&self, name: &str, format: OutputFormat) -> String {
        let inputs = counted(self.counts.inputs() as usize, "input");
        let is_complete = format!("{name} is complete, with {inputs}: nothing is left to do");
        match self.is_same_maker {
            true => is_complete,
            false => format!(
                "{is_complete}\nhint: its inputs and classes are those of this run, but {}: if the model's weights, the \
                 preprocessing or other options have changed, leave `--resume` out",
                match format {
                    OutputFormat::Parquet => "it does not say what made it".to_owned(),
                    format => format!("{format} does not say what made it"),
                }
            ),
        }
    }
}

impl Expected<'_> {
    /// What shows that another run wrote the result of this number.
    fn problem(self, number: u64, earlier: &Earlier) -> Option<String> {
        if earlier.failed {
            return None;
        }
        let (found, most) = (earlier.classes.len(), self.most);
        let is_any_number = self.form.extra.uncertain && (1..=most).contains(&found);
        if found != most && !is_any_number {
            return Some(format!(
                "its result {number} has {}, expected {most}",
                counted(found, "class")
            ));
        }
        if earlier.extra.is_some_and(|extra| extra != self.form.extra) {
            return Some(format!(
                "its result {number} was written with other options of `--threshold`, `--logits`, `--features` and `--evaluate`"
            ));
        }
        let other = |(index, name): &&(usize, String)| self.classes.get(*index) != Some(name);
        let (index, name) = earlier.classes.iter().find(other)?;
        Some(format!(
            "it was made by a model with other classes: its result {number} has class {index} as `{}`{}",
            super::printable(name),
            match self.classes.get(*index) {
                Some(class) => format!(", which is `{}` now", super::printable(class)),
                None => format!(", but there are {}", self.classes.len()),
            }
        ))
    }
}

/// What made a file, if it says so.
fn maker(path: &Path, expected: Expected<'_>) -> Result<Option<String>> {
    if expected.form.format != OutputFormat::Parquet {
        return Ok(None);
    }
    let images = parquet::Images::open(path, expected.form.extra)?;
    Ok(images.and_then(|images| images.made_by().map(str::to_owned)))
}

/// The results in a file, unless it holds something else.
fn results(path: &Path, expected: Expected<'_>) -> Result<Option<Results>> {
    let Expected { form, most, .. } = expected;
    if form.format == OutputFormat::Parquet {
        return Ok(parquet::Images::open(path, form.extra)?.map(Results::of_parquet));
    }
    let lines = form.partial_lines(most).ok_or_else(|| cannot_continue(form))?;
    Ok(Some(Results::open(path, lines)?))
}

fn no_results(path: &Path) -> anyhow::Error {
    failed(format!(
        "`--resume` cannot continue `{}`: it is there, but does not hold results of such a run",
        path.display()
    ))
}

fn other_run(path: &Path, why: &str) -> anyhow::Error {
    failed(format!(
        "`--resume` cannot continue `{}`, which another run finished: {why}",
        path.display()
    ))
}

fn failed(message: String) -> anyhow::Error {
    let failed: Result<()> =
        Err(anyhow!(message)).hint(|| "leave `--resume` out to write it anew".to_owned());
    failed.err().unwrap_or_else(|| anyhow!("it cannot be continued"))
}
