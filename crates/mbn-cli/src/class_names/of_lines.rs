//! Class names in a text with a line for each: which of two readings is taken.

use std::path::Path;

use anyhow::{Result, anyhow, bail};

use super::lines::{Line, Numbers};
use super::numbering::Numbered;
use super::stray_numbers::{self, StrayNumbers};
use super::{ClassList, known_among, lines, warn_of_comment, warn_of_repeated};
use crate::Hint;

/// The classes of a text with a line for each. `known` are names that they are likely to have.
pub(super) fn read(path: &Path, text: &str, known: &[String]) -> Result<ClassList> {
    let shown = path.display();
    // Old programs end lines in CR alone.
    let lines: Vec<_> = match text.contains('\n') {
        true => text.lines().collect(),
        false => text.split('\r').collect(),
    };
    let mut names: Vec<_> = lines.into_iter().map(str::to_owned).collect();
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
    let stray = match numbers {
        Numbers::None | Numbers::Doubtful(_, None) if with_numbers == 0 => stray_numbers::find(&names),
        _ => None,
    };
    if let Some(stray) = stray.filter(|stray| !stray.is_in_order && !stray.is_listing) {
        return in_another_order(path, &names, stray);
    }
    let mut others = Vec::new();
    match numbers {
        Numbers::Order(found) if without(&found) >= with_numbers => return Ok(ordered(path, found)),
        Numbers::Doubtful(_, Some(found)) if without(&found) > with_numbers => {
            return Ok(ordered(path, found));
        }
        Numbers::None => {
            if let Some(StrayNumbers { place, .. }) = stray {
                log::warn!(
                    "every line of `{shown}` has a number at its {place}, which is taken as a part of the name; if the numbers are those of \
                     the classes, write them as JSON, {{\"0\": \"name\", ...}}"
                );
            }
        }
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

/// The error for lines whose numbers say another order than their own.
fn in_another_order(path: &Path, names: &[String], stray: StrayNumbers) -> Result<ClassList> {
    let StrayNumbers { place, first, .. } = stray;
    let line = names
        .get(first)
        .map_or(String::new(), |line| line.trim().escape_debug().to_string());
    let error = anyhow!(
        "the lines of `{}` have numbers at their {place} that are in another order than the lines, such as line {}, `{line}`",
        path.display(),
        first + 1
    );
    Err(error).hint(|| {
        "if the numbers are those of the classes, write them as JSON, {\"0\": \"name\", ...}; if they are a part of the names, write \
         these as JSON, [\"name\", ...], in the order of the network's outputs"
            .to_owned()
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
