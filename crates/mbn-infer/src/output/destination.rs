//! Where results go, and where an earlier run's results end that are continued there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{Hint, check_output, interrupt};
use mbn_files::{FileId, OutputKind, PartialError, PartialFile, PartialProblem};

use super::earlier::{Counts, Results};
use super::finished::{Expected, Finished};
use super::{Form, MadeBy, OutputFormat, Sink, Writer, cannot_write, parquet};

/// Where results go.
#[derive(Debug)]
pub enum Destination {
    /// Stdout.
    Stdout {
        /// Results after its reader is gone are dropped, instead of ending the run.
        outlives_reader: bool,
    },
    /// A device, a pipe or an open file.
    Stream(PathBuf),
    /// A file, which no other process writes meanwhile.
    File {
        /// It while it is unfinished.
        file: PartialFile,
        /// A run has begun to write it, and was ended before it finished it.
        is_begun: bool,
    },
}

/// How the results begin.
pub enum Beginning {
    /// From the first input on.
    New(Box<dyn Writer>),
    /// After the inputs whose results an earlier run wrote.
    Continued {
        /// Adds to them.
        writer: Box<dyn Writer>,
        /// What that run wrote.
        results: Results,
        /// Counts of it.
        counts: Counts,
    },
    /// An earlier run has finished them.
    Complete(Box<Finished>),
}

impl Destination {
    /// Stdout, or what `path` leads to. A file is locked. `has_others`: the run has other outputs, for which it goes on when the
    /// reader of stdout is gone.
    ///
    /// # Errors
    /// It cannot be written, or another process is writing it.
    pub fn open(path: Option<&Path>, has_others: bool) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout {
                outlives_reader: has_others,
            });
        };
        check_output(path)?;
        if OutputKind::of(path).with_context(|| cannot_write(Some(path)))? == OutputKind::Stream {
            // `/dev/stdout` is another name for it.
            return Ok(match leads_to_stdout(path) {
                true => Self::Stdout {
                    outlives_reader: has_others,
                },
                false => Self::Stream(path.to_owned()),
            });
        }
        let was_there = PartialFile::name_of(path).is_some_and(|partial| partial.exists());
        let file = PartialFile::open(path).or_else(advise)?;
        let made_by = MadeBy::path(file.partial_path());
        if !was_there && file.is_locked() {
            // A run leaves it alone if it is killed right after it has given the output its name. Usually it is not there.
            let _ = fs::remove_file(&made_by);
        }
        let is_begun = was_there && made_by.exists();
        if !file.is_locked() {
            log::warn!(
                "`{}` cannot be locked on this file system: nothing keeps another process from writing it too",
                path.display()
            );
        }
        Ok(Self::File { file, is_begun })
    }

    /// Begins to write all results anew. `made_by` says what makes them, so that they can be continued.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn begin(self, form: Form, made_by: Option<&MadeBy>) -> Result<Box<dyn Writer>> {
        match self {
            Self::Stdout { outlives_reader } => form
                .writer(Sink::stdout(outlives_reader))
                .with_context(|| cannot_write(None)),
            Self::Stream(path) => {
                let begin = || form.writer(Sink::stream(&path)?);
                begin().with_context(|| cannot_write(Some(&path)))
            }
            Self::File { file, .. } => {
                let path = file.path().to_owned();
                let begin = || anew(file, form, made_by);
                begin().with_context(|| cannot_write(Some(&path)))
            }
        }
    }

    /// Continues what an earlier run wrote, if it wrote anything. An image has at most `rows` of the `classes`.
    ///
    /// # Errors
    /// It cannot be continued or read, was made by another run, or the output is no file.
    pub fn resume(self, form: Form, rows: usize, classes: &[String], made_by: &MadeBy) -> Result<Beginning> {
        let (file, is_begun) = match self {
            Self::File { file, is_begun } => (file, is_begun),
            Self::Stdout { .. } => bail!("`--resume` needs `--output FILE`"),
            Self::Stream(path) => bail!(
                "`--resume` cannot continue `{}`: it is a device, a pipe or an open file",
                path.display()
            ),
        };
        let path = file.path().to_owned();
        let cannot_read = |path: &Path| format!("cannot read `{}`", path.display());
        if file.is_empty().with_context(|| cannot_read(&path))? {
            let begin = |file| Self::File { file, is_begun }.begin(form, Some(made_by));
            if !path.is_file() {
                return Ok(Beginning::New(begin(file)?));
            }
            if is_begun {
                return Ok(Beginning::New(begin(began_again(file, made_by)?)?));
            }
            let expected = Expected {
                form,
                most: rows,
                classes,
                made_by,
            };
            return Ok(Beginning::Complete(Box::new(Finished::open(&path, expected)?)));
        }
        let partial = file.partial_path().to_owned();
        made_by.check(&partial)?;
        let lines = form.partial_lines(rows).ok_or_else(|| cannot_continue(form))?;
        let counts = Results::open_cut(&partial, lines).and_then(Results::count);
        let counts = counts.with_context(|| cannot_read(&partial))?;
        let mut file = file;
        let begin = || {
            let cut = file.len()? - counts.end;
            if cut > 0 {
                log::info!(
                    "`{}`: its last {cut} bytes may not be a whole result, and are written anew",
                    partial.display()
                );
            }
            file.continue_at(counts.end)?;
            anyhow::Ok((
                continued(file, form, Some(made_by), counts.end > 0)?,
                Results::open(&partial, lines)?,
            ))
        };
        let (writer, results) = begin().with_context(|| cannot_write(Some(&path)))?;
        Ok(Beginning::Continued {
            writer,
            results,
            counts,
        })
    }
}

/// Whether a path leads to what stdout is.
#[cfg(unix)]
fn leads_to_stdout(path: &Path) -> bool {
    use std::os::fd::AsFd;

    let id = |found: io::Result<fs::Metadata>| found.ok().and_then(|found| FileId::existing(path, &found));
    let of_stdout = || {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        fs::File::from(stdout).metadata()
    };
    let found = id(path.metadata());
    found.is_some() && found == id(of_stdout())
}

/// Other systems have no such path.
#[cfg(not(unix))]
fn leads_to_stdout(_: &Path) -> bool {
    false
}

/// That results in this form cannot be continued.
pub fn cannot_continue(form: Form) -> anyhow::Error {
    anyhow!(
        "`--resume` cannot continue `--format {}`, which does not show every input: use json, csv or parquet",
        form.format
    )
}

/// Begins a file anew, over what an earlier run left.
fn anew(mut file: PartialFile, form: Form, made_by: Option<&MadeBy>) -> Result<Box<dyn Writer>> {
    let partial = file.partial_path().to_owned();
    if !file.is_empty()? {
        log::warn!(
            "`{}`, which an interrupted run left, is written anew{}",
            partial.display(),
            match form.partial_lines(1).filter(|_| !form.extra.true_class) {
                Some(_) => "\nhint: `--resume` would have continued it",
                None => "",
            }
        );
        file.continue_at(0)?;
    }
    match made_by {
        Some(made_by) => interrupt::finishing(|| made_by.save(&partial))?,
        None => match fs::remove_file(MadeBy::path(&partial)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        },
    }
    continued(file, form, made_by, false)
}

/// The unfinished output of a run that was ended before it wrote a result. What has the output's name is of a run before that one,
/// and is not what was wanted last.
fn began_again(file: PartialFile, made_by: &MadeBy) -> Result<PartialFile> {
    let partial = file.partial_path().to_owned();
    if let Err(error) = made_by.check(&partial) {
        // Empty, it would be removed, and the next run would take the older output for what was wanted.
        std::mem::forget(file);
        return Err(error);
    }
    log::info!(
        "`{}` is older than `{}`, which has no results yet: it is written anew",
        file.path().display(),
        partial.display()
    );
    Ok(file)
}

fn continued(
    file: PartialFile,
    form: Form,
    made_by: Option<&MadeBy>,
    continues: bool,
) -> Result<Box<dyn Writer>> {
    Ok(match form.format {
        OutputFormat::Parquet => {
            let made_by = made_by.map(MadeBy::to_text).transpose()?;
            Box::new(parquet::Spooled::new(file, form.extra, made_by))
        }
        _ => form.writer_after(Sink::file(file), continues)?,
    })
}

fn advise<T>(error: PartialError) -> Result<T> {
    let is_locked = matches!(error.problem, PartialProblem::Locked);
    let failed = Err(error);
    match is_locked {
        true => failed.hint(|| {
            "give each process an output of its own; with `--shard`, `{shard}` in `--output` does so"
                .to_owned()
        }),
        false => Ok(failed?),
    }
}
