//! The images to classify, in the order of the paths that lead to them.

mod container;
mod continued;
mod kept;
mod list;
mod named;
mod remote;
mod walked;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use mbn_cli::{Hint, Outputs};
use mbn_data::{ClassFolders, CollectError, LeftOut, class_folders};
use mbn_spec::text::listed;

use crate::classes::ClassNames;
use crate::options::Options;
use crate::output::Results;
use crate::shard::Shard;
use container::Container;
use continued::Continued;
use kept::Kept;
use list::{End, List};
use named::Named;
use remote::{Content, Remote, is_url};

pub use remote::Download;

/// An image file, or a path that leads to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as given, or as found below the folder given.
    pub path: PathBuf,
    /// Index of its class, if known.
    pub class: Option<usize>,
    /// Why it leads to no image.
    pub problem: Option<String>,
    /// The image file's content, if it is not a file of its own.
    pub bytes: Option<Vec<u8>>,
    /// Where the content comes from, if it has to be fetched.
    pub content: Option<Content>,
}

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
            bytes: None,
            content: None,
        }
    }

    fn new(found: Result<PathBuf, CollectError>, class: Option<usize>) -> Self {
        match found {
            Ok(path) => Self {
                class,
                ..Self::file(path)
            },
            Err(error) => Self::failed(&error.path, &error.kind),
        }
    }

    fn failed(path: &Path, why: &dyn std::error::Error) -> Self {
        Self {
            problem: Some(describe(why)),
            ..Self::file(path.to_owned())
        }
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

    /// Leaves out the first ones, which have `results` in the file called `name`.
    #[must_use]
    pub fn after(self, results: Results, name: String) -> Self {
        Self {
            source: Box::new(Continued::new(self.source, results, name)),
            ..self
        }
    }
}

/// The images that the options name, or those of one shard. `class_names` are the model's. `count` counts them first, if that can
/// be done.
///
/// # Errors
/// A list that cannot be opened; for `--evaluate`, a folder of classes that are not the model's.
pub fn inputs(
    options: &Options,
    class_names: &ClassNames,
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
        }
        return Ok(Inputs {
            total: Some(all.inputs.len() as u64),
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
    );
    Ok(Inputs {
        total: if count { named.count() } else { None },
        source: Box::new(named),
    })
}

/// An error with its causes, without the path that the outermost error names.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The images of folders of `CLASS/*`, with the model's indexes of their classes.
#[derive(Default)]
struct Labelled {
    inputs: std::collections::VecDeque<Input>,
    left_out: LeftOut,
}

impl Source for Labelled {
    fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
        Ok(self.inputs.pop_front())
    }

    fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}

impl Labelled {
    /// Adds a folder. One without classes gives one failed input.
    fn add(&mut self, folder: &Path, class_names: &ClassNames) -> Result<()> {
        let folders = match class_folders(folder) {
            Ok(folders) => folders,
            Err(error) => {
                self.inputs.push_back(Input::failed(folder, &error));
                return Ok(());
            }
        };
        let indices = indices(folder, &folders, class_names)?;
        self.left_out.merge(folders.left_out.clone());
        for (place, class) in indices.into_iter().enumerate() {
            let found = folders.collect(place);
            self.left_out.merge(found.left_out);
            let pictures = found.pictures.into_iter();
            self.inputs
                .extend(pictures.map(|picture| Input::new(picture, Some(class))));
        }
        Ok(())
    }
}

/// The model's indexes of the classes that the folders name. Says which classes of the model have no folder.
fn indices(folder: &Path, folders: &ClassFolders, classes: &ClassNames) -> Result<Vec<usize>> {
    let (mut indices, mut unknown) = (Vec::new(), Vec::new());
    for (name, _) in &folders.classes {
        match classes.index_of(name) {
            Some(index) => indices.push(index),
            None => unknown.push(name.clone()),
        }
    }
    let class_names = classes.names();
    let shown = folder.display();
    if !unknown.is_empty() {
        let (unknown, known) = (named(&unknown), named(class_names));
        return Err(anyhow!(
            "these folders in `{shown}` are not named like classes of the model: {unknown}"
        ))
        .hint(|| format!("the model's classes are {known}"));
    }
    let without = (0..class_names.len()).filter(|index| !indices.contains(index));
    let without: Vec<_> = without.map(|index| class_names[index].clone()).collect();
    if !without.is_empty() {
        let (n, all, names) = (without.len(), class_names.len(), named(&without));
        log::info!("`{shown}` has no folder for {n} of the model's {all} classes: {names}");
    }
    Ok(indices)
}

fn named(classes: &[String]) -> String {
    const LISTED: usize = 12;
    listed(classes.iter().map(|class| format!("`{class}`")), LISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(folder: &Path, class_names: &[String]) -> Result<Vec<Input>> {
        let mut all = Labelled::default();
        all.add(folder, &ClassNames::new(class_names.to_vec()))?;
        Ok(all.inputs.into())
    }

    #[test]
    fn a_folder_that_cannot_be_evaluated_is_one_failed_input() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["church", "tench"].map(str::to_owned);
        let gone = labelled(&folder.path().join("gone"), &names).unwrap();
        assert_eq!(gone.len(), 1);
        assert!(gone[0].problem.is_some() && gone[0].path.ends_with("gone"));
        for name in &names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("tench/1.png"), b"").unwrap();
        let found = labelled(folder.path(), &names).unwrap();
        assert!(found[0].path.ends_with("church") && found[0].problem.is_some());
        assert!(found[1].path.ends_with("tench/1.png") && found[1].class == Some(1));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn classes_get_the_models_indexes() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["church", "tench"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("1.png"), b"").unwrap();
        }
        let names = ["tench", "golf ball", "church"].map(str::to_owned);
        let found = labelled(folder.path(), &names).unwrap();
        let classes: Vec<_> = found.iter().map(|i| i.class).collect();
        assert_eq!(classes, [Some(2), Some(0)]);
        let message = labelled(folder.path(), &names[1..]).unwrap_err().to_string();
        assert!(
            message.contains("`tench`") && !message.contains("`church`"),
            "{message}"
        );
    }
}
