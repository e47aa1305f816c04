//! The names of a model's classes: where they are said, and which folder of `--evaluate` is which class.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::{ClassList, Hint, read_class_names, require_count};
use mbn_spec::class_names::{Comparison, composed, normal};
use mbn_spec::default_class_names;
use mbn_spec::text::counted;
use mbn_weights::model_classes;

use crate::model::{Foreign, Model};

/// Files of class names that people keep beside a model.
pub(crate) const BESIDE: [&str; 2] = ["labels.txt", "synset.txt"];

/// The names of a model's classes, in the order of its outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassNames {
    names: Vec<String>,
    /// WordNet's identifiers, `n01440764`, if the names come with them.
    ids: Vec<String>,
    /// What folders may be called too: the names with their numbers, if they are without them, or the other way round.
    others: Vec<String>,
}

impl ClassNames {
    /// Names alone.
    pub fn new(names: Vec<String>) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    /// The names of a file, with their identifiers, if it has them apart or all its names are such as
    /// `n01440764 tench, Tinca tinca`.
    fn of_file(ClassList { names, ids, others }: ClassList) -> Self {
        let split = || names.iter().map(|name| synset(name)).collect::<Option<Vec<_>>>();
        let (ids, names) = match split().filter(|_| ids.is_empty()) {
            Some(pairs) => pairs.into_iter().unzip(),
            None => (ids, names),
        };
        Self { names, ids, others }
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The indexes of the classes that are called `name`; if there are none, of the class that has it as its identifier, else of
    /// those whose names differ from it in Unicode's composition alone, as folders' names do on macOS, or that have it as their other name,
    /// else of those of which it is a name or a synonym if neither case nor underscores count.
    pub fn indices_of(&self, name: &str) -> Vec<usize> {
        let exact = |names: &[String]| positions(names, |known| known == name);
        let found = exact(&self.names);
        if !found.is_empty() {
            return found;
        }
        let one_form = composed(name);
        // ASCII has one form. There may be thousands of classes, and a folder for each.
        let is_same = |known: &str| match known.is_ascii() {
            true => known == one_form,
            false => composed(known) == one_form,
        };
        let in_any_form = |names: &[String]| positions(names, is_same);
        let found = exact(&self.ids);
        if !found.is_empty() {
            return found;
        }
        let found = in_any_form(&self.names);
        let found = if found.is_empty() {
            in_any_form(&self.others)
        } else {
            found
        };
        if !found.is_empty() {
            return found;
        }
        let name = normal(name);
        let has = |class: &str| normal(class) == name || class.split(',').any(|part| normal(part) == name);
        positions(&self.names, has)
    }

    /// WordNet's identifier of a class, if the names come with them.
    pub fn id(&self, index: usize) -> Option<&str> {
        self.ids.get(index).map(String::as_str)
    }
}

fn positions(names: &[String], is: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..names.len()).filter(|index| is(&names[*index])).collect()
}

/// `n01440764` and `tench, Tinca tinca`.
fn synset(line: &str) -> Option<(String, String)> {
    let (id, names) = line.split_once(char::is_whitespace)?;
    let digits = id.strip_prefix('n')?;
    let is_id = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let names = names.trim();
    (is_id && !names.is_empty()).then(|| (id.to_owned(), names.to_owned()))
}

/// Names, and who says them.
struct Said {
    names: ClassNames,
    source: String,
}

/// Everything that is said about the names of a model's classes, before their number is known.
pub struct ClassSources {
    /// The user's.
    given: Option<Said>,
    /// The model's own.
    own: Option<ClassNames>,
    /// Those of another tool's metadata, and of files beside the model, in the order in which they count.
    found: Vec<Said>,
    is_foreign: bool,
    model: String,
}

impl ClassSources {
    /// What the user's file `given`, the model and the files beside it say.
    ///
    /// # Errors
    /// The user's file cannot be read.
    pub fn of(model: &Model, given: Option<&Path>) -> Result<Self> {
        let given = given.map(|path| {
            let source = format!("--classes {}", path.display());
            let names = ClassNames::of_file(read_class_names(path, model.class_names().unwrap_or_default())?);
            anyhow::Ok(Said { names, source })
        });
        let given = given.transpose()?;
        let mut found = Vec::new();
        if let Some(foreign) = model.foreign().filter(|_| given.is_none()) {
            add_found(foreign, &mut found);
        }
        Ok(Self {
            given,
            own: model.class_names().map(|names| ClassNames::new(names.to_vec())),
            found,
            is_foreign: model.foreign().is_some(),
            model: model.name().to_owned(),
        })
    }

    /// How many classes the model should have, as far as names say.
    pub fn count(&self) -> Option<usize> {
        let said = self.given.iter().map(|said| &said.names).chain(&self.own);
        let first = said.chain(self.found.iter().map(|said| &said.names)).next();
        first.map(|names| names.names.len())
    }

    /// The names of `classes` classes.
    ///
    /// # Errors
    /// The user's names are more or fewer, or the model's own in another order.
    pub fn settle(self, classes: usize) -> Result<ClassNames> {
        let (is_foreign, model) = (self.is_foreign, self.model);
        if let Some(Said { names, source }) = self.given {
            require_count(&source, &names.names, &model, classes)?;
            require_order(&names, self.own.as_ref(), &source, &model)?;
            return Ok(names);
        }
        let own = self.own.map(|names| Said {
            names,
            source: "its metadata".to_owned(),
        });
        for Said { names, source } in own.into_iter().chain(self.found) {
            let count = names.names.len();
            if count == classes {
                if is_foreign {
                    log::info!("classes: as {source} names them");
                }
                return Ok(names);
            }
            let (count, classes) = (counted(count, "class"), counted(classes, "class"));
            log::warn!("the names in {source} are not used: they are of {count}, the model has {classes}");
        }
        if is_foreign {
            log::info!("classes: without names; `--classes FILE` gives them");
        }
        Ok(ClassNames::new(default_class_names(classes)))
    }
}

fn require_order(given: &ClassNames, own: Option<&ClassNames>, source: &str, model: &str) -> Result<()> {
    let Some(own) = own.filter(|own| own.names.len() == given.names.len()) else {
        return Ok(());
    };
    let comparison = Comparison::new(&given.names, &own.names);
    if comparison.is_reordered() {
        let order = comparison.reordered();
        return Err(anyhow!(
            "`{source}` has the class names of {model} in another order: {order}"
        ))
        .hint(|| {
            "leave out `--classes`: the model names its classes, in the order of its outputs".to_owned()
        });
    }
    Ok(())
}

/// What Ultralytics' metadata and the files beside the model say. A file that cannot be used is a warning: it may be about
/// something else.
fn add_found(foreign: &Foreign, found: &mut Vec<Said>) {
    let told = foreign.ultralytics.as_ref().and_then(|told| told.names.clone());
    found.extend(told.map(|names| Said {
        names: ClassNames::new(names),
        source: "Ultralytics' metadata".to_owned(),
    }));
    for folder in &foreign.folders {
        match model_classes(folder) {
            Ok(said) => found.extend(said.map(|said| Said {
                names: ClassNames::new(said.value),
                source: format!("`{}` beside it", said.file),
            })),
            Err(error) => log::warn!("{error}; its class names are not used"),
        }
        for file in BESIDE {
            let path = folder.join(file);
            if !path.is_file() {
                continue;
            }
            match read_class_names(&path, &[]) {
                Ok(list) => found.push(Said {
                    names: ClassNames::of_file(list),
                    source: format!("`{file}` beside it"),
                }),
                Err(error) => log::warn!("{error:#}; its class names are not used"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
