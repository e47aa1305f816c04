//! The images to classify, in the order of the paths that lead to them.

mod advice;
mod container;
mod continued;
mod kept;
mod known;
mod labelled;
mod list;
mod named;
mod remote;
mod tables;
mod walked;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, Outputs};
use mbn_data::{CollectError, LeftOut};
use mbn_spec::Training;

use crate::classes::ClassNames;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::{Results, path_text, printable};
use crate::shard::Shard;
use container::Container;
use continued::Continued;
use kept::Kept;
use known::warn_of_known;
use labelled::Labelled;
use list::{End, List};
use named::Named;
use remote::{Content, Remote};

pub use advice::for_file as advice_for_file;
pub use remote::{Download, is_url};
pub use tables::require_table;

/// An image file, or a path that leads to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as given, or as found below the folder given.
    pub path: PathBuf,
    /// Index of its class, if known.
    pub class: Option<usize>,
    /// Why it leads to no image.
    pub problem: Option<String>,
    /// The problem is one of the machine: other inputs would have it too.
    pub is_of_machine: bool,
    /// The image file's content, if it is not a file of its own.
    pub bytes: Option<Vec<u8>>,
    /// Where the content comes from, if it has to be fetched.
    pub content: Option<Content>,
}

/// Tells whether a folder, given with its links resolved, is one that the run sorts into, or lies in one.
pub(crate) type IsWritten = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// What is found at a path.
enum Found {
    /// An image file, or a path that leads to none.
    Input(Box<Input>),
    /// A file that holds many.
    Container(Container),
}

impl Input {
    /// An image file of unknown class.
    pub fn file(path: PathBuf) -> Self {
        Self {
            path,
            class: None,
            problem: None,
            is_of_machine: false,
            bytes: None,
            content: None,
        }
    }

    pub(crate) fn new(found: Result<PathBuf, CollectError>, class: Option<usize>) -> Self {
        match found {
            Ok(path) => Self {
                class,
                ..Self::file(path)
            },
            Err(error) => {
                // An evaluation reads neither archives nor tables.
                let advice = match class {
                    None => advice::for_path(&error.path, &error.kind),
                    Some(_) => String::new(),
                };
                Self {
                    class,
                    problem: Some(describe(&error.kind) + &advice),
                    is_of_machine: error.kind.is_of_machine(),
                    ..Self::file(error.path)
                }
            }
        }
    }

    /// A path that leads to no image. `is_of_machine`: for a reason that other inputs would have too.
    fn failed(path: &Path, problem: String, is_of_machine: bool) -> Self {
        Self {
            problem: Some(problem),
            is_of_machine,
            ..Self::file(path.to_owned())
        }
    }

    /// Why it leads to no image, if it leads to none.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let problem = self.problem.clone()?;
        Some(Failure {
            problem,
            is_of_machine: self.is_of_machine,
        })
    }

    /// The error that ends the run for it, if others would fail alike.
    ///
    /// # Errors
    /// It has a fault of the machine.
    fn require_no_fault(&self) -> Result<()> {
        let name = path_text(&self.path);
        self.failure()
            .map_or(Ok(()), |failure| failure.require_of_input(&printable(&name)))
    }
}

/// Where inputs come from, one after another.
pub trait Source: Send {
    /// The next input; `None` at the end. It calls `wait` before it waits for somebody who may take forever to name more.
    ///
    /// # Errors
    /// The rest cannot be found.
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>>;

    /// What folders and patterns held besides. Asked for at the end.
    fn left_out(&mut self) -> LeftOut {
        LeftOut::default()
    }
}

/// The images to classify.
pub struct Inputs {
    /// The images, and paths that lead to none, in order.
    pub source: Box<dyn Source>,
    /// Their number, if it is known.
    pub total: Option<u64>,
    /// They are those of one shard among several.
    pub is_part: bool,
}

impl Inputs {
    /// The same, if none of them is one of the `outputs`; else the first such one is an error.
    #[must_use]
    pub fn beside(self, outputs: Outputs) -> Self {
        Self {
            source: Box::new(Kept::new(self.source, outputs)),
            ..self
        }
    }

    /// Makes sure that they are those of the `results` in the finished file called `name`. None of them is decoded.
    ///
    /// # Errors
    /// They are others, or more; they cannot be found.
    pub fn require_none_after(self, results: Results, name: String) -> Result<()> {
        let mut source = Continued::new(self.source, results, name.clone(), self.is_part);
        match source.next(&mut || ())? {
            None => Ok(()),
            Some(input) if input.is_of_machine => input.require_no_fault(),
            Some(input) => Err(anyhow!(
                "{name} is complete, but there are more inputs than it has: the first of them is `{}`",
                printable(&path_text(&input.path))
            ))
            .hint(|| {
                "leave `--resume` out to classify all anew, or give the new inputs another `--output`"
                    .to_owned()
            }),
        }
    }

    /// Leaves out the first ones, which have `results` in the file called `name`.
    #[must_use]
    pub fn after(self, results: Results, name: String) -> Self {
        Self {
            source: Box::new(Continued::new(self.source, results, name, self.is_part)),
            ..self
        }
    }
}

/// The images that the options name, or those of one shard. `class_names` are the model's, and `training` its account of how it was
/// trained. `count` counts them first, if that can
/// be done.
///
/// # Errors
/// A list that cannot be opened; for `--evaluate`, a folder of classes that are not the model's.
pub fn inputs(
    options: &Options,
    class_names: &ClassNames,
    training: Option<&Training>,
    shard: Option<Shard>,
    count: bool,
) -> Result<Inputs> {
    if options.evaluate {
        if let Some(url) = options.paths.iter().find(|path| is_url(path)) {
            return Err(anyhow!(
                "`--evaluate` needs folders on this machine, `{}` is a URL",
                url.display()
            ))
            .hint(|| "copy the folders of the classes to a disk".to_owned());
        }
        let mut all = Labelled::default();
        for path in &options.paths {
            all.add(path, class_names)?;
            if let Some(training) = training {
                warn_of_known(path, training);
            }
        }
        return Ok(Inputs {
            total: Some(all.len()),
            is_part: false,
            source: Box::new(all),
        });
    }
    for url in options.paths.iter().filter(|path| is_url(path)) {
        Remote::check(url)?;
    }
    let end = if options.null { End::Null } else { End::Line };
    let list = options.list.as_deref().map(|list| match is_url(list) {
        true => List::fetched(list, end, Remote::default().list(list)),
        false => List::open(list, end),
    });
    let mut named = Named::new(
        options.paths.clone(),
        list.transpose()?,
        shard,
        options.column.clone(),
    )
    .outside(
        options
            .sort_folders()
            .map(|folders| -> IsWritten { Arc::new(move |folder: &Path| folders.hold(folder)) }),
    );
    Ok(Inputs {
        total: if count { named.count() } else { None },
        is_part: shard.is_some_and(Shard::is_part),
        source: Box::new(named),
    })
}

/// Whether a file is taken for one that holds many pictures, by its name.
pub fn has_container_name(path: &Path) -> bool {
    Container::has_name(path)
}

/// An error with its causes, without the path that the outermost error names.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
