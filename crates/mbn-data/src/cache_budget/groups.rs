//! What Linux's control groups leave of the memory. A limit of a group holds for all groups below it.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The names of a group's files, in one version of control groups.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` with the bytes of files that were read and not used again lately, which Linux gives up when
    /// memory is needed.
    reclaimable: &'static str,
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    reclaimable: "total_inactive_file",
};

const VERSION_2: Files = Files {
    limit: "memory.max",
    used: "memory.current",
    reclaimable: "inactive_file",
};

/// Bytes that may still be used by the groups of a process, those above them included; `None` without a limit. `mounted` is
/// `/sys/fs/cgroup`, and `own` the content of `/proc/self/cgroup`.
pub(super) fn left(mounted: &Path, own: &str) -> Option<u64> {
    own.lines().filter_map(|line| left_to(mounted, line)).min()
}

/// What is left to the group on a line `NUMBER:CONTROLLERS:PATH`.
fn left_to(mounted: &Path, line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let (roots, files) = match controllers {
        // With version 1 beside it, version 2 is mounted in a folder of its own.
        "" => ([mounted.to_owned(), mounted.join("unified")], VERSION_2),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            ([mounted.join("memory"), mounted.join(controllers)], VERSION_1)
        }
        _ => return None,
    };
    let all = roots.iter().flat_map(|root| with_those_above(root, group));
    all.filter_map(|folder| left_in(&folder, &files)).min()
}

/// The folders of a group and of those above it. A container may see only its own group, as the root, whatever the group is called.
fn with_those_above(root: &Path, group: &str) -> Vec<PathBuf> {
    let mut folder = root.to_owned();
    let mut folders = vec![folder.clone()];
    for part in Path::new(group).components() {
        match part {
            Component::Normal(name) => folder.push(name),
            // A group outside what can be seen.
            Component::ParentDir => break,
            _ => continue,
        }
        folders.push(folder.clone());
    }
    folders
}

/// What is left in a group by its own limit.
fn left_in(folder: &Path, files: &Files) -> Option<u64> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |name: &str| text(name)?.trim().parse::<u64>().ok();
    let limit = number(files.limit)?;
    let used = number(files.used)?;
    let statistics = text("memory.stat").unwrap_or_default();
    let reclaimable = statistics.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == files.reclaimable).then(|| value.trim().parse::<u64>().ok())?
    });
    Some(limit.saturating_sub(used.saturating_sub(reclaimable.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A tree of groups.
    struct Tree(TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn group(self, name: &str, files: &Files, [limit, used, reclaimable]: [&str; 3]) -> Self {
            let folder = self.0.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            let write = |name: &str, text: &str| fs::write(folder.join(name), format!("{text}\n")).unwrap();
            write(files.limit, limit);
            write(files.used, used);
            let other = "active_file 70\ntotal_active_file 70";
            write(
                "memory.stat",
                &format!("anon 5\n{other}\n{} {reclaimable}", files.reclaimable),
            );
            self
        }

        fn left(&self, own: &str) -> Option<u64> {
            left(self.0.path(), own)
        }
    }

    #[test]
    fn the_smallest_limit_above_a_process_counts() {
        let tree = Tree::new()
            .group("slurm/job_1", &VERSION_2, ["1000", "300", "100"])
            .group("slurm/job_1/step_0", &VERSION_2, ["max", "200", "50"])
            .group("slurm/job_2", &VERSION_2, ["1", "0", "0"])
            .group("slurm", &VERSION_2, ["5000", "900", "0"]);
        assert_eq!(tree.left("0::/slurm/job_1/step_0\n"), Some(800));
        // A group below, whose files cannot be seen.
        assert_eq!(tree.left("0::/slurm/job_1/step_0/task_3\n"), Some(800));
        assert_eq!(tree.left("0::/slurm\n"), Some(4100));
        assert_eq!(tree.left("0::/\n"), None);
        assert_eq!(tree.left(""), None);
        let tree = tree.group("slurm/job_1/step_0", &VERSION_2, ["400", "200", "50"]);
        assert_eq!(tree.left("0::/slurm/job_1/step_0\n"), Some(250));
    }

    #[test]
    fn a_full_group_leaves_nothing() {
        let tree = Tree::new().group("a", &VERSION_2, ["100", "130", "10"]);
        assert_eq!(tree.left("0::/a\n"), Some(0));
        let tree = tree.group("a", &VERSION_2, ["100", "90", "200"]);
        assert_eq!(tree.left("0::/a\n"), Some(100));
    }

    /// The root of a container is its own group.
    #[test]
    fn a_container_sees_its_group_as_the_root() {
        let tree = Tree::new().group("", &VERSION_2, ["1000", "400", "0"]);
        for own in [
            "0::/\n",
            "0::/docker/1f3a\n",
            "0::/../other\n",
            "0::/kubepods/a/../b",
        ] {
            assert_eq!(tree.left(own), Some(600), "{own}");
        }
    }

    #[test]
    fn version_1_has_other_names() {
        let tree = Tree::new()
            .group("memory/slurm/job_1", &VERSION_1, ["1000", "300", "100"])
            .group("memory", &VERSION_1, ["9223372036854771712", "900", "0"]);
        let own = "12:cpu,cpuacct:/slurm/job_1\n5:memory:/slurm/job_1\n1:name=systemd:/x\n0::/\n";
        assert_eq!(tree.left(own), Some(800));
        assert_eq!(tree.left("12:cpu,cpuacct:/slurm/job_1\n"), None);
        // Several controllers in one place, and version 2 beside version 1.
        let tree = tree.group("cpu,memory/a", &VERSION_1, ["50", "10", "0"]).group(
            "unified/a",
            &VERSION_2,
            ["30", "10", "0"],
        );
        assert_eq!(tree.left("3:cpu,memory:/a\n"), Some(40));
        assert_eq!(tree.left("0::/a\n"), Some(20));
    }
}
