//! Files and folders beside pictures that nobody put there on purpose: thumbnails, recycle bins and notes of systems.

use std::ffi::OsStr;

/// Folders of systems and programs, compared without regard to case. Hidden folders need no entry.
const FOLDERS: &[&str] = &[
    // Synology
    "@eaDir",
    "@tmp",
    "#recycle",
    "#snapshot",
    // QNAP
    "@Recycle",
    "@Recently-Snapshot",
    "@__thumb",
    // NetApp
    "~snapshot",
    // macOS, and its shares and archives
    "__MACOSX",
    "Network Trash Folder",
    "Temporary Items",
    "TheVolumeSettingsFolder",
    // Windows
    "$RECYCLE.BIN",
    "System Volume Information",
    "FOUND.000",
    // Linux, Android
    "lost+found",
    "LOST.DIR",
    // Python
    "__pycache__",
];

/// Old recycle bins of Windows. In other letters the name may be that of a class.
const UPPER_CASE_FOLDER: &str = "RECYCLER";

/// Ends of the names of folders: Lightroom's previews.
const FOLDER_ENDS: &[&str] = &[".lrdata"];

/// Files of systems and programs, compared without regard to case.
const FILES: &[&str] = &[
    "Thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "Icon\r",
    "Picasa.ini",
    "ZbThumbnail.info",
    ".DS_Store",
    ".localized",
    ".nomedia",
    ".picasa.ini",
];

/// Starts of the names of files: what macOS keeps about a file on other systems' disks.
const FILE_STARTS: &[&str] = &["._"];

/// Ends of the names of files: Synology's thumbnails, and copies that editors keep.
const FILE_ENDS: &[&str] = &["@SynoEAStream", "@SynoResource", "~"];

/// Who left a file or folder there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clutter {
    /// A system or a program.
    System,
    /// The name begins with a dot.
    Hidden,
}

impl Clutter {
    /// Whether a folder of this name is left out, and why.
    pub(crate) fn of_folder(name: &OsStr) -> Option<Self> {
        let text = name.to_string_lossy();
        let is_system = is_listed(FOLDERS, &text) || text == UPPER_CASE_FOLDER || ends(FOLDER_ENDS, &text);
        is_system.then_some(Self::System).or_else(|| hidden(name))
    }

    /// Whether a file of this name is left out, and why.
    pub(crate) fn of_file(name: &OsStr) -> Option<Self> {
        let text = name.to_string_lossy();
        let is_system = is_listed(FILES, &text)
            || FILE_STARTS.iter().any(|start| text.starts_with(start))
            || ends(FILE_ENDS, &text);
        is_system.then_some(Self::System).or_else(|| hidden(name))
    }
}

fn is_listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn ends(ends: &[&str], name: &str) -> bool {
    ends.iter().any(|end| name.ends_with(end))
}

fn hidden(name: &OsStr) -> Option<Clutter> {
    is_hidden(name).then_some(Clutter::Hidden)
}

/// Whether a name begins with a dot.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems_are_told_from_names_of_classes() {
        use Clutter::{Hidden, System};
        for (name, expected) in [
            ("@eaDir", Some(System)),
            ("@eadir", Some(System)),
            ("#recycle", Some(System)),
            ("$Recycle.Bin", Some(System)),
            ("lost+found", Some(System)),
            ("RECYCLER", Some(System)),
            ("Catalog Previews.lrdata", Some(System)),
            (".thumbnails", Some(Hidden)),
            (".ipynb_checkpoints", Some(Hidden)),
            ("recycler", None),
            ("recycle", None),
            ("thumbnails", None),
            ("#1", None),
            ("@home", None),
        ] {
            assert_eq!(Clutter::of_folder(OsStr::new(name)), expected, "{name}");
        }
        for (name, expected) in [
            ("Thumbs.db", Some(System)),
            ("thumbs.db", Some(System)),
            (".DS_Store", Some(System)),
            ("._photo.jpg", Some(System)),
            ("photo.jpg~", Some(System)),
            ("photo.jpg@SynoEAStream", Some(System)),
            (".hidden.png", Some(Hidden)),
            ("thumbs.png", None),
            ("_photo.jpg", None),
        ] {
            assert_eq!(Clutter::of_file(OsStr::new(name)), expected, "{name}");
        }
    }
}
