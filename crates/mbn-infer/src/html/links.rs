//! Links from the page to the picture files.

use std::path::{Component, Path, PathBuf};

use mbn_files::folder_of;

/// Whether the page can link to a path: it names a file, in characters that an address can spell.
pub(super) fn is_linked(path: &Path) -> bool {
    path.to_str().is_some() && path.is_file()
}

/// The current folder as seen from the folder of `page`, with `/` between folders; `None` if no relative path leads there.
pub(super) fn folder_from(page: &Path) -> Option<String> {
    let (from, to) = (
        folder_of(page).canonicalize().ok()?,
        Path::new(".").canonicalize().ok()?,
    );
    relative(&from, &to)
}

/// The path `to` as seen from `from`. Both are absolute, without links.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    // On Windows, nothing leads from one drive to another.
    if common == 0 {
        return None;
    }
    let up = from[common..].iter().map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to[common..].iter().copied()).collect();
    let parts: Option<Vec<_>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_lead_to_each_other() {
        for (from, to, expected) in [
            ("/a/b", "/a/b", ""),
            ("/a/b", "/a", ".."),
            ("/a", "/a/b c", "b c"),
            ("/a/b/c", "/x", "../../../x"),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn only_files_are_linked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        std::fs::write(&file, "").unwrap();
        assert!(is_linked(&file));
        assert!(!is_linked(folder.path()) && !is_linked(&folder.path().join("b.png")));
    }
}
