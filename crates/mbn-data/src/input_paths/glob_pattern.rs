//! Glob patterns, which expand as in a shell: `*`, `?` and `[a-z]` match within a name, `**` matches nested folders.

use std::ffi::OsString;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern, PatternError};
use mbn_files::or_current;

use crate::picture_files::{Clutter, LeftOut, Reason, link_name};

const META: [char; 3] = ['*', '?', '['];

/// As in a shell, wildcards match neither a separator nor a leading dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// A path with wildcards.
#[derive(Debug)]
pub(crate) struct Glob {
    parts: Vec<Part>,
    /// Whether the pattern ends with `/`.
    folders_only: bool,
}

/// One component of the path.
#[derive(Debug)]
enum Part {
    /// Exactly this name.
    Name(OsString),
    /// Every name that matches.
    Names(Pattern),
    /// `**`: a folder and all folders below it.
    Folders,
}

/// What a pattern matches.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// Paths, sorted within each folder. A folder that cannot be read is an error in its place.
    pub paths: Vec<Result<PathBuf, (PathBuf, io::Error)>>,
    /// What the wildcards left out.
    pub left_out: LeftOut,
}

impl Glob {
    /// Parses a path. `None` if it has no wildcard. The folders at its start that exist under exactly these names are no
    /// pattern, whatever characters they hold: `photos [2024]`.
    pub(crate) fn new(path: &Path) -> Result<Option<Self>, PatternError> {
        let (mut parts, mut literal) = (Vec::new(), Some(PathBuf::new()));
        for component in path.components() {
            let name = component.as_os_str();
            literal = literal
                .map(|start| start.join(name))
                .filter(|start| start.exists());
            let text = name.to_string_lossy();
            parts.push(match &*text {
                _ if literal.is_some() => Part::Name(name.to_owned()),
                // A repeated `**` makes no difference.
                "**" if matches!(parts.last(), Some(Part::Folders)) => continue,
                "**" => Part::Folders,
                text if text.contains(META) => Part::Names(Pattern::new(text)?),
                _ => Part::Name(name.to_owned()),
            });
        }
        let has_wildcard = parts.iter().any(|part| !matches!(part, Part::Name(_)));
        Ok(has_wildcard.then_some(Self {
            parts,
            folders_only: path.as_os_str().as_encoded_bytes().ends_with(b"/"),
        }))
    }

    /// Expands the pattern.
    pub(crate) fn matches(&self) -> Matches {
        let mut matches = Matches::default();
        expand(PathBuf::new(), &self.parts, &mut matches);
        if self.folders_only {
            matches
                .paths
                .retain(|found| found.as_ref().map_or(true, |path| path.is_dir()));
        }
        matches
    }
}

/// Adds the paths below `base` that match `parts`.
fn expand(base: PathBuf, parts: &[Part], matches: &mut Matches) {
    let Some((part, rest)) = parts.split_first() else {
        matches.paths.push(Ok(base));
        return;
    };
    match part {
        Part::Name(name) => {
            let path = base.join(name);
            // A missing folder in the middle of a path shows further down.
            match path.symlink_metadata() {
                Err(error) if rest.is_empty() => add_failure(path, error, matches),
                _ => expand(path, rest, matches),
            }
        }
        Part::Names(pattern) => {
            for name in sorted(&base, matches).iter().map(DirEntry::file_name) {
                if pattern.matches_with(&name.to_string_lossy(), OPTIONS)
                    && !is_clutter(pattern, &base.join(&name), matches)
                {
                    expand(base.join(name), rest, matches);
                }
            }
        }
        // A trailing `**` yields the folder, which includes all below it.
        Part::Folders if rest.is_empty() => {
            let folder = or_current(&base);
            if folder.is_dir() {
                matches.paths.push(Ok(folder.to_owned()));
            }
        }
        Part::Folders => expand_below(&base, rest, &mut Vec::new(), matches),
    }
}

/// Adds the paths that match `parts` below `base` or below any folder in it, except those of systems and hidden ones.
/// `above` holds the canonical paths of the folders that led here; a link to one of them, or to a folder above one, is
/// not followed.
fn expand_below(base: &Path, parts: &[Part], above: &mut Vec<PathBuf>, matches: &mut Matches) {
    let real = match or_current(base).canonicalize() {
        Ok(real) => real,
        Err(error) => return add_failure(base.to_owned(), error, matches),
    };
    expand(base.to_owned(), parts, matches);
    above.push(real);
    for entry in sorted(base, matches) {
        let name = entry.file_name();
        let path = base.join(&name);
        // Resolve links only: a folder counts as a folder even if it cannot be read.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if !(entry.file_type().is_ok_and(|kind| kind.is_dir()) || is_link && path.is_dir()) {
            continue;
        }
        if let Some(clutter) = Clutter::of_folder(&name) {
            let name = name.to_string_lossy();
            matches.left_out.add_named(Reason::ClutterFolder(clutter), name);
            continue;
        }
        let leads_up = |target: PathBuf| above.iter().any(|real| real.starts_with(&target));
        if is_link && path.canonicalize().is_ok_and(leads_up) {
            matches.left_out.add_named(Reason::LinkAbove, link_name(&path));
            continue;
        }
        expand_below(&path, parts, above, matches);
    }
    above.pop();
}

/// Whether a wildcard matched a file or folder of a system, which it does only if it spells the first character, as with
/// hidden ones.
fn is_clutter(pattern: &Pattern, path: &Path, matches: &mut Matches) -> bool {
    let Some(name) = path.file_name() else {
        return false;
    };
    let text = name.to_string_lossy();
    if pattern.as_str().chars().next() == text.chars().next() {
        return false;
    }
    match (Clutter::of_folder(name), Clutter::of_file(name)) {
        (Some(clutter), _) if path.is_dir() => {
            matches.left_out.add_named(Reason::ClutterFolder(clutter), text);
        }
        (_, Some(clutter)) if !path.is_dir() => matches.left_out.add(Reason::ClutterFile(clutter)),
        _ => return false,
    }
    true
}

/// The entries of a folder, sorted by name; empty if it is not a folder.
fn sorted(folder: &Path, matches: &mut Matches) -> Vec<DirEntry> {
    let entries = or_current(folder).read_dir().and_then(Iterator::collect);
    let mut entries: Vec<DirEntry> = entries.unwrap_or_else(|error| {
        add_failure(or_current(folder).to_owned(), error, matches);
        Vec::new()
    });
    entries.sort_by_key(DirEntry::file_name);
    entries
}

/// Adds an error for a path that cannot be read. A missing path is not an error: it just does not match.
fn add_failure(path: PathBuf, error: io::Error, matches: &mut Matches) {
    let is_there = !matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    );
    // `**` reads a folder twice.
    let is_known = || {
        let mut failures = matches.paths.iter().filter_map(|found| found.as_ref().err());
        failures.any(|(known, _)| *known == path)
    };
    if is_there && !is_known() {
        matches.paths.push(Err((path, error)));
    }
}

#[cfg(test)]
mod tests;
