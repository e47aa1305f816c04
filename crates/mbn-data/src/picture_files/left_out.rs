//! What was left out of a folder, counted by kind.

mod containers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use mbn_spec::text::listed;

use super::clutter::Clutter;
use crate::file_kind::FileKind;

/// Names of folders and links that a message lists.
const NAMED: usize = 3;
/// Kinds of unknown extensions that a message lists.
const EXTENSIONS: usize = 5;

/// What was left out of folders, counted by kind. Displays as `4 HEIC, 1 AVIF, 2 without an extension`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, Group>);

/// Why something was left out. The order is that of messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// A file of another kind.
    File(FileKind),
    /// An image that lies beside the class folders.
    OutsideClasses,
    /// A pipe, a socket or a device.
    Special,
    /// A file of a system, or a hidden one.
    ClutterFile(Clutter),
    /// A folder of a system, or a hidden one, with all that is in it.
    ClutterFolder(Clutter),
    /// What lies in a folder that the run itself writes.
    Written,
    /// A folder of a run or of weights, with all that is in it.
    Results,
    /// Data after the end of an archive that is no other archive.
    AfterEnd,
    /// A link to a folder above it.
    LinkAbove,
    /// A link to the folder of another class.
    LinkToClass,
    /// A folder of images beside those of training and test images.
    UnusedFolder,
    /// The folder of test images beside one of images to validate on.
    TestBesideVal,
}

/// How many, and the names of some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    count: usize,
    names: BTreeSet<String>,
}

impl LeftOut {
    /// Counts one.
    pub(crate) fn add(&mut self, reason: Reason) {
        self.0.entry(reason).or_default().count += 1;
    }

    /// Counts a folder or a link, and keeps its name.
    pub(crate) fn add_named(&mut self, reason: Reason, name: impl Into<String>) {
        let group = self.0.entry(reason).or_default();
        group.count += 1;
        if group.names.len() <= NAMED {
            group.names.insert(name.into());
        }
    }

    /// Adds what was left out elsewhere.
    pub fn merge(&mut self, other: Self) {
        for (reason, group) in other.0 {
            let own = self.0.entry(reason).or_default();
            own.count += group.count;
            // One more than is listed shows that there are more.
            let room = (NAMED + 1).saturating_sub(own.names.len());
            own.names.extend(group.names.into_iter().take(room));
        }
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of files, folders and links.
    pub fn count(&self) -> usize {
        self.0.values().map(|group| group.count).sum()
    }

    /// What a folder without images has instead, as the end of a message: empty, or `, only 4 HEIC`.
    pub(crate) fn instead(&self) -> String {
        match self.is_empty() {
            true => String::new(),
            false => format!(", only {self}"),
        }
    }

    /// Whether a user may miss some of it: pictures of formats that are not read, files that might be pictures, links.
    pub fn may_be_missed(&self) -> bool {
        self.0.keys().any(|reason| match reason {
            Reason::File(FileKind::NoExtension | FileKind::PictureNamed(_)) => true,
            Reason::File(kind) => kind.is_picture(),
            Reason::OutsideClasses
            | Reason::AfterEnd
            | Reason::LinkAbove
            | Reason::LinkToClass
            | Reason::UnusedFolder => true,
            _ => false,
        })
    }

    /// Whether there are pictures that libheif reads.
    pub fn has_heif(&self) -> bool {
        let mut reasons = self.0.keys();
        reasons.any(|reason| matches!(reason, Reason::File(kind) if kind.is_of_libheif()))
    }

    /// Logs what was left out, with advice, if anything was: as a warning if a user may miss some of it.
    pub fn log(&self) {
        if self.is_empty() {
            return;
        }
        let hint = self.advice().map(|advice| format!("\nhint: {advice}"));
        let level = match self.may_be_missed() {
            true => log::Level::Warn,
            false => log::Level::Info,
        };
        log::log!(level, "left out: {self}{}", hint.unwrap_or_default());
    }

    /// What to do about pictures of formats that are not read; `None` without any.
    pub fn advice(&self) -> Option<String> {
        let pictures = self.0.keys().filter_map(|reason| match reason {
            Reason::File(kind) if kind.is_picture() => Some(kind),
            _ => None,
        });
        let pictures: Vec<_> = pictures.collect();
        let names: Vec<_> = pictures.iter().map(ToString::to_string).collect();
        let (last, first) = names.split_last()?;
        let names = match first {
            [] => last.clone(),
            _ => format!("{} and {last}", first.join(", ")),
        };
        let verb = if first.is_empty() { "is" } else { "are" };
        let by_libheif = match pictures.iter().any(|kind| kind.is_of_libheif()) {
            true => "; `--libheif system` reads HEIC and AVIF where libheif is installed",
            false => "",
        };
        Some(format!(
            "{names} {verb} not supported: convert such pictures to JPEG or PNG{by_libheif}"
        ))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut parts, mut extensions, mut others) = (Vec::new(), 0, 0);
        for (reason, group) in &self.0 {
            if let Reason::File(FileKind::Extension(_)) = reason {
                extensions += 1;
                if extensions > EXTENSIONS {
                    others += group.count;
                    continue;
                }
            }
            if others > 0 && !matches!(reason, Reason::File(_)) {
                parts.push(format!("{others} of other kinds"));
                others = 0;
            }
            parts.push(part(reason, group));
        }
        if others > 0 {
            parts.push(format!("{others} of other kinds"));
        }
        f.write_str(&parts.join(", "))
    }
}

fn part(reason: &Reason, group: &Group) -> String {
    let n = group.count;
    let (one, many) = match reason {
        Reason::File(kind) => return format!("{n} {kind}"),
        Reason::OutsideClasses => ("image outside class folders", "images outside class folders"),
        Reason::Special => ("pipe, socket or device", "pipes, sockets or devices"),
        Reason::ClutterFile(Clutter::System) => ("system file", "system files"),
        Reason::ClutterFile(Clutter::Hidden) => ("hidden file", "hidden files"),
        Reason::ClutterFolder(Clutter::System) => ("system folder", "system folders"),
        Reason::ClutterFolder(Clutter::Hidden) => ("hidden folder", "hidden folders"),
        Reason::Written => (
            "in a folder that this run writes",
            "in a folder that this run writes",
        ),
        Reason::Results => ("folder of runs or weights", "folders of runs or weights"),
        Reason::AfterEnd => (
            "archive's data behind its end, which is no other archive",
            "archives' data behind their ends, which is no other archive",
        ),
        Reason::LinkAbove => ("link to a folder above it", "links to folders above them"),
        Reason::LinkToClass => (
            "link to another class's folder",
            "links to other classes' folders",
        ),
        Reason::UnusedFolder => (
            "folder of images that is not used",
            "folders of images that are not used",
        ),
        Reason::TestBesideVal => (
            "folder of test images beside those to validate on",
            "folders of test images beside those to validate on",
        ),
    };
    let text = format!("{n} {}", if n == 1 { one } else { many });
    if group.names.is_empty() {
        return text;
    }
    let mut names = listed(
        group.names.iter().take(NAMED).map(|name| format!("`{name}`")),
        NAMED,
    );
    if group.names.len() > NAMED {
        names.push_str(", ...");
    }
    format!("{text} ({names})")
}

/// A name for [`LeftOut::add_named`] that says where a link is.
pub(crate) fn link_name(link: &std::path::Path) -> String {
    let names: PathBuf = match (
        link.parent().and_then(|folder| folder.file_name()),
        link.file_name(),
    ) {
        (Some(folder), Some(name)) => PathBuf::from(folder).join(name),
        _ => link.to_owned(),
    };
    names.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_listed_by_kind() {
        let mut found = LeftOut::default();
        let file = |extension: &str| Reason::File(FileKind::of_extension(extension).unwrap());
        found.add(Reason::File(FileKind::NoExtension));
        for _ in 0..4 {
            found.add(file("heic"));
        }
        found.add(file("avif"));
        let mut more = LeftOut::default();
        more.add(Reason::File(FileKind::NoExtension));
        found.merge(more);
        assert_eq!(found.to_string(), "4 HEIC, 1 AVIF, 2 without an extension");
        assert_eq!(found.count(), 7);
        assert!(found.may_be_missed() && found.has_heif());
        let advice = found.advice().unwrap();
        assert!(
            advice.starts_with("HEIC and AVIF are not supported: convert")
                && advice.ends_with("`--libheif system` reads HEIC and AVIF where libheif is installed"),
            "{advice}"
        );
        let mut other = LeftOut::default();
        other.add(file("jxl"));
        let expected = "JPEG XL is not supported: convert such pictures to JPEG or PNG";
        assert_eq!(other.advice().as_deref(), Some(expected));
        assert!(!other.has_heif());
    }

    #[test]
    fn clutter_is_counted_but_not_missed() {
        let mut found = LeftOut::default();
        assert!(found.is_empty() && found.to_string().is_empty());
        for name in ["@eaDir", "@eaDir", "lost+found"] {
            found.add_named(Reason::ClutterFolder(Clutter::System), name);
        }
        found.add(Reason::ClutterFile(Clutter::Hidden));
        found.add(Reason::ClutterFile(Clutter::System));
        found.add(Reason::File(FileKind::Group("text")));
        let expected = "1 text, 1 system file, 1 hidden file, 3 system folders (`@eaDir`, `lost+found`)";
        assert_eq!(found.to_string(), expected);
        assert!(!found.may_be_missed() && found.advice().is_none());
    }

    #[test]
    fn many_kinds_and_names_are_shortened() {
        let mut found = LeftOut::default();
        for i in 0..8 {
            found.add(Reason::File(FileKind::Extension(format!("x{i}"))));
            found.add_named(Reason::LinkAbove, format!("a/{i}"));
        }
        let expected = "1 `.x0`, 1 `.x1`, 1 `.x2`, 1 `.x3`, 1 `.x4`, 3 of other kinds, \
             8 links to folders above them (`a/0`, `a/1`, `a/2`, ...)";
        assert_eq!(found.to_string(), expected);
    }
}
