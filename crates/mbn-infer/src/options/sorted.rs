//! The folders that the processes of a run sort into.

use std::path::{Component, Path, PathBuf};

use super::parts::SHARD;

/// The folder of `--sort-into`, and with `{shard}` in its name those of the other shards. What lies in them is no input: a run that
/// is repeated would take its own copies, and a shard those of another, while others no longer find the pictures by their numbers.
#[derive(Clone, Debug)]
pub struct SortFolders {
    /// That of this process, with its links resolved.
    own: PathBuf,
    all: Option<Numbered>,
}

/// A folder for each shard.
#[derive(Clone, Debug)]
struct Numbered {
    /// The folder in which the first one with a number lies, with its links resolved.
    base: PathBuf,
    /// The path below it, with `{shard}` for the number.
    below: String,
    /// Shards.
    count: u64,
    /// Where links at such places lead.
    linked: Vec<PathBuf>,
}

/// Shards whose folders may be links: each is looked for.
const LINKED: u64 = 1024;

impl SortFolders {
    /// The folder `own`, and those that `template` names for `count` shards. `None` if it cannot be found out where they are.
    pub(super) fn new(own: &Path, template: Option<(&Path, u64)>) -> Option<Self> {
        let all = template.map(|(template, count)| Numbered::new(template, count));
        Some(Self {
            own: resolved(own)?,
            all: all.flatten(),
        })
    }

    /// Whether a folder, given with its links resolved, is one of these or lies in one.
    pub fn hold(&self, folder: &Path) -> bool {
        folder.starts_with(&self.own) || self.all.as_ref().is_some_and(|all| all.hold(folder))
    }

    /// Whether that of this process lies in `folder`, given with its links resolved.
    pub fn lie_in(&self, folder: &Path) -> bool {
        self.own.starts_with(folder)
    }
}

impl Numbered {
    fn new(template: &Path, count: u64) -> Option<Self> {
        let absolute = std::path::absolute(template).ok()?;
        let has_number = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(SHARD);
        let fixed: PathBuf = absolute
            .components()
            .take_while(|part| !has_number(part))
            .collect();
        let below = absolute.strip_prefix(&fixed).ok()?.to_str()?;
        if !below.contains(SHARD) {
            return None;
        }
        let mut all = Self {
            base: resolved(&fixed)?,
            below: below.to_owned(),
            count,
            linked: Vec::new(),
        };
        let folders = (0..count.min(LINKED)).map(|number| all.folder(number));
        let led_to = folders.filter_map(|folder| resolved(&folder).filter(|real| *real != folder));
        all.linked = led_to.collect();
        Some(all)
    }

    fn folder(&self, number: u64) -> PathBuf {
        self.base.join(self.below.replace(SHARD, &number.to_string()))
    }

    /// Folders with other numbers than those of shards, such as years, are none of the run's.
    fn hold(&self, folder: &Path) -> bool {
        if self.linked.iter().any(|linked| folder.starts_with(linked)) {
            return true;
        }
        let name = folder.strip_prefix(&self.base).ok().and_then(Path::to_str);
        let before = self.below.split(SHARD).next().unwrap_or_default();
        let Some(rest) = name.and_then(|name| name.strip_prefix(before)) else {
            return false;
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        // A digit may follow `{shard}`.
        let mut numbers = (1..=digits).filter_map(|len| rest[..len].parse::<u64>().ok());
        numbers.any(|number| number < self.count && folder.starts_with(self.folder(number)))
    }
}

/// Where a folder is that may be missing yet, with its links resolved as far as it is there.
fn resolved(folder: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(folder).ok()?;
    let real = |above: &Path| {
        Some(
            above
                .canonicalize()
                .ok()?
                .join(absolute.strip_prefix(above).ok()?),
        )
    };
    absolute.ancestors().find_map(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_all_shards_are_known() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let held = |template: &str, own: &str, folder: &str| {
            let template = root.join(template);
            let folders = SortFolders::new(&root.join(own), Some((&template, 12))).unwrap();
            folders.hold(&root.join(folder))
        };
        for folder in ["in/A-0", "in/A-1", "in/A-11/cat/deep"] {
            assert!(held("in/A-{shard}", "in/A-1", folder), "{folder}");
        }
        for folder in [
            "in",
            "A-0",
            "in/A-",
            "in/A-x",
            "in/A-12",
            "in/A-2024",
            "in/A-01",
            "in/A-1b",
            "in/b/A-1",
            "in/B-1",
        ] {
            assert!(!held("in/A-{shard}", "in/A-1", folder), "{folder}");
        }
        // In the middle of the path, twice, and before a digit.
        assert!(held("in/{shard}/sorted", "in/1/sorted", "in/7/sorted/cat"));
        assert!(!held("in/{shard}/sorted", "in/1/sorted", "in/7/cat"));
        assert!(held("{shard}/{shard}", "1/1", "4/4") && !held("{shard}/{shard}", "1/1", "4/5"));
        assert!(held("{shard}0", "10", "110") && !held("{shard}0", "10", "111"));
        let alone = SortFolders::new(&root.join("in/A-0"), None).unwrap();
        assert!(alone.hold(&root.join("in/A-0/cat")) && !alone.hold(&root.join("in/A-1")));
    }

    #[cfg(unix)]
    #[test]
    fn links_to_the_folders_are_resolved() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("disk")).unwrap();
        std::os::unix::fs::symlink("disk", root.join("in")).unwrap();
        let folders = SortFolders::new(&root.join("in/0"), Some((&root.join("in/{shard}"), 2)));
        let folders = folders.unwrap();
        assert!(folders.hold(&root.join("disk/0/cat")) && folders.hold(&root.join("disk/1")));
        // The folder of another shard may be a link itself.
        std::fs::create_dir(root.join("other")).unwrap();
        std::os::unix::fs::symlink("../other", root.join("disk/1")).unwrap();
        let folders = SortFolders::new(&root.join("in/0"), Some((&root.join("in/{shard}"), 2)));
        let folders = folders.unwrap();
        assert!(folders.hold(&root.join("other/cat")) && !folders.hold(&root.join("disk/2")));
    }
}
