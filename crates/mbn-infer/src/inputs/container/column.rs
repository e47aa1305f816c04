//! Which column of a table holds pictures.

use anyhow::{Result, bail};
use mbn_spec::text::listed;

/// Names that a column of pictures usually has, if several columns may be it.
const USUAL: [&str; 6] = ["image", "img", "picture", "photo", "jpg", "png"];

/// Columns that an error lists.
const LISTED: usize = 12;

/// A column at the top level of a table.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// It is binary, or a struct with binary `bytes`.
    pub(super) holds_pictures: bool,
}

/// The place of the column that holds pictures: the one called `wanted`, else the only one that may be it or one with a usual name.
///
/// # Errors
/// There is none, or several may be it.
pub(super) fn choose(columns: &[Column<'_>], wanted: Option<&str>) -> Result<usize> {
    let suitable = || {
        columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.holds_pictures)
    };
    let place_of = |name: &str| suitable().find(|(_, column)| column.name == name);
    let found = match wanted {
        Some(name) => place_of(name),
        None if suitable().count() == 1 => suitable().next(),
        None => USUAL.iter().find_map(|name| place_of(name)),
    };
    if let Some((place, _)) = found {
        return Ok(place);
    }
    let all = || names(columns.iter().map(|column| column.name));
    if let Some(name) = wanted {
        match columns.iter().any(|column| column.name == name) {
            true => {
                bail!("its column `{name}` holds no images, expected binary data or `struct<bytes, path>`")
            }
            false => bail!("it has no column `{name}`; its columns are {}", all()),
        }
    }
    match suitable().count() {
        0 => bail!(
            "it has no column of images, expected one of binary data or of `struct<bytes, path>`; its columns are {}",
            all()
        ),
        _ => bail!(
            "several of its columns may hold images, {}, expected one of them to be called `image`; `--column` names another",
            names(suitable().map(|(_, column)| column.name))
        ),
    }
}

fn names<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    listed(columns.map(|name| format!("`{name}`")), LISTED)
}
