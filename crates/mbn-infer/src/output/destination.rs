//! Where results go, and where an earlier run's results end that are continued there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{Hint, check_output, interrupt};
use mbn_files::{OutputKind, PartialError, PartialFile, PartialProblem};

use super::earlier::{Counts, Lines, Results};
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
    File(PartialFile),
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
    Complete(Counts),
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
            return Ok(Self::Stream(path.to_owned()));
        }
        let file = PartialFile::open(path).or_else(advise)?;
        if !file.is_locked() {
            log::warn!(
                "`{}` cannot be locked on this file system: nothing keeps another process from writing it too",
                path.display()
            );
        }
        Ok(Self::File(file))
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
            Self::File(file) => {
                let path = file.path().to_owned();
                let begin = || anew(file, form, made_by);
                begin().with_context(|| cannot_write(Some(&path)))
            }
        }
    }

    /// Continues what an earlier run wrote, if it wrote anything. An image has at most `rows` rows in CSV.
    ///
    /// # Errors
    /// It cannot be continued or read, was made by another run, or the output is no file.
    pub fn resume(self, form: Form, rows: usize, made_by: &MadeBy) -> Result<Beginning> {
        let file = match self {
            Self::File(file) => file,
            Self::Stdout { .. } => bail!("`--resume` needs `--output FILE`"),
            Self::Stream(path) => bail!(
                "`--resume` cannot continue `{}`: it is a device, a pipe or an open file",
                path.display()
            ),
        };
        let path = file.path().to_owned();
        let cannot_read = |path: &Path| format!("cannot read `{}`", path.display());
        if file.is_empty().with_context(|| cannot_read(&path))? {
            return Ok(match path.is_file() {
                true => Beginning::Complete(complete(&path, form, rows)?),
                false => Beginning::New(Self::File(file).begin(form, Some(made_by))?),
            });
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
                continued(file, form, counts.end > 0)?,
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
            match form.partial_lines(1) {
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
    continued(file, form, false)
}

fn continued(file: PartialFile, form: Form, continues: bool) -> Result<Box<dyn Writer>> {
    Ok(match form.format {
        OutputFormat::Parquet => Box::new(parquet::Spooled::new(file, form.extra)),
        _ => form.writer_after(Sink::file(file), continues)?,
    })
}

/// Counts what a finished output holds.
fn complete(path: &Path, form: Form, rows: usize) -> Result<Counts> {
    let cannot_read = || format!("cannot read `{}`", path.display());
    let counts = match form.partial_lines(rows) {
        _ if form.format == OutputFormat::Parquet => parquet::count(path, form.extra),
        Some(lines) => count_all(path, lines),
        None => return Err(cannot_continue(form)),
    };
    match counts.with_context(cannot_read)? {
        Some(counts) => Ok(counts),
        None => Err(anyhow!(
            "`--resume` cannot continue `{}`: it is there, but does not hold results of such a run",
            path.display()
        ))
        .hint(|| "leave `--resume` out to write it anew".to_owned()),
    }
}

/// Counts results, unless there is something else in the file.
fn count_all(path: &Path, lines: Lines) -> Result<Option<Counts>> {
    let counts = Results::open(path, lines)?.count()?;
    Ok((counts.end == fs::metadata(path)?.len()).then_some(counts))
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
