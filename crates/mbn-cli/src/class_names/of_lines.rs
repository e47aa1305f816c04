//! Class names in a text with a line for each: which of two readings is taken.

use std::path::Path;

use anyhow::{Result, bail};

use super::lines::{Line, Numbers};
use super::numbering::Numbered;
use super::{ClassList, known_among, lines, warn_of_comment, warn_of_repeated};

/// The classes of a text with a line for each. `known` are names that they are likely to have.
pub(super) fn read(path: &Path, text: &str, known: &[String]) -> Result<ClassList> {
    let shown = path.display();
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    // Editors and scripts leave empty lines at the end.
    while names.pop_if(|name| name.trim().is_empty()).is_some() {}
    if names.is_empty() {
        bail!("`{shown}` is empty, expected one class name per line");
    }
    if let Some(i) = names.iter().position(|name| name.trim().is_empty()) {
        bail!("line {} of `{shown}` is empty, expected a class name", i + 1);
    }
    let numbers = lines::read(&names);
    let with_numbers = known_among(&names, known);
    let without = |found: &Numbered<Line>| known_among(&names_of(found), known);
    let mut others = Vec::new();
    match numbers {
        Numbers::Order(found) if without(&found) >= with_numbers => return Ok(ordered(path, found)),
        Numbers::Doubtful(_, Some(found)) if without(&found) > with_numbers => {
            return Ok(ordered(path, found));
        }
        Numbers::None => {}
        Numbers::Order(_) | Numbers::Doubtful(..) if with_numbers > 0 => log::info!(
            "`{shown}`: the numbers before its lines are taken as a part of the names, as the classes are called so elsewhere"
        ),
        Numbers::Order(_) => {}
        Numbers::Doubtful(reason, found) => {
            log::warn!(
                "every line of `{shown}` begins with a number, which is taken as a part of the name: {reason}; if the numbers are \
                 those of the classes, write them as JSON, {{\"0\": \"name\", ...}}"
            );
            let is_in_order = |found: &Numbered<Line>| found.items.iter().map(|line| &line.whole).eq(&names);
            others = found.filter(is_in_order).map_or(others, |found| names_of(&found));
        }
    }
    warn_of_repeated(path, &names, "lines", 1);
    warn_of_comment(path, &names);
    Ok(ClassList {
        names,
        others,
        ids: Vec::new(),
    })
}

/// The names without the numbers.
fn names_of(numbered: &Numbered<Line>) -> Vec<String> {
    numbered.items.iter().map(|line| line.name.clone()).collect()
}

/// The classes in the order of their numbers.
fn ordered(path: &Path, numbered: Numbered<Line>) -> ClassList {
    log::info!(
        "`{}`: its lines are numbered from {} on; the classes are in the order of these numbers, which are left out of the names",
        path.display(),
        numbered.first
    );
    let lines = numbered.items.into_iter();
    let (names, others): (Vec<_>, _) = lines.map(|line| (line.name, line.whole)).unzip();
    warn_of_repeated(path, &names, "classes", 0);
    ClassList {
        names,
        others,
        ids: Vec::new(),
    }
}
