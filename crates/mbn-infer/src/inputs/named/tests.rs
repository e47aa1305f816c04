use super::*;

fn found(paths: &[PathBuf], shard: Option<Shard>) -> Vec<PathBuf> {
    let mut named = Named::new(paths.to_vec(), None, shard, None);
    let count = named.count().unwrap();
    let found = rest(&mut named);
    assert_eq!(found.len() as u64, count);
    found
}

fn rest(named: &mut Named) -> Vec<PathBuf> {
    let inputs = std::iter::from_fn(|| named.next(&mut || {}).unwrap());
    inputs.map(|input| input.path).collect()
}

fn named(paths: &[&Path]) -> Named {
    Named::new(
        paths.iter().map(|path| (*path).to_owned()).collect(),
        None,
        None,
        None,
    )
}

/// What was counted is found no second time, and comes with the rest, in order.
#[test]
fn folders_are_searched_once() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, other) = (folder.path().join("photos"), folder.path().join("z.png"));
    std::fs::create_dir(&photos).unwrap();
    let files: Vec<_> = (0..5).map(|i| photos.join(format!("{i}.png"))).collect();
    files.iter().for_each(|file| std::fs::write(file, "").unwrap());
    std::fs::write(photos.join("notes.txt"), "").unwrap();
    std::fs::write(&other, "").unwrap();
    let paths = [&photos, &other].map(PathBuf::as_path);
    let all: Vec<_> = files.iter().chain([&other]).cloned().collect();
    // More than may be kept.
    for most in [0, 3, 5] {
        let mut few = named(&paths);
        assert_eq!(few.count_up_to(most), None);
        assert_eq!(rest(&mut few), all, "{most}");
        assert!(!few.left_out().is_empty());
    }
    std::fs::write(folder.path().join("a.tar"), "").unwrap();
    let archive = folder.path().join("a.tar");
    for unknown in [archive.as_path(), Path::new("-")] {
        assert_eq!(named(&[&other, unknown, &photos]).count(), None);
    }
    let mut once = named(&paths);
    assert_eq!(once.count(), Some(6));
    std::fs::remove_dir_all(&photos).unwrap();
    assert_eq!(rest(&mut once), all);
    assert!(!once.left_out().is_empty());
}

#[test]
fn shards_divide_the_pictures_of_folders() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..7 {
        std::fs::write(folder.path().join(format!("{i}.png")), "").unwrap();
    }
    let paths = [
        folder.path().join("3.png"),
        folder.path().to_owned(),
        folder.path().join("gone"),
    ];
    let all = found(&paths, None);
    assert_eq!(all.len(), 9);
    for count in [1, 2, 4, 12] {
        let mut merged = vec![PathBuf::new(); all.len()];
        for index in 0..count {
            let shard = Shard::new(index, count).unwrap();
            for (place, path) in found(&paths, Some(shard)).into_iter().enumerate() {
                merged[place * count as usize + index as usize] = path;
            }
        }
        assert_eq!(merged, all, "{count}");
    }
}

/// A network file system that is away in the middle of an archive.
#[cfg(target_os = "linux")]
struct Stale;

#[cfg(target_os = "linux")]
impl std::io::Read for Stale {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::from_raw_os_error(116))
    }
}

/// What one shard cannot read, another one may: whose number the fault has cannot decide who ends.
#[cfg(target_os = "linux")]
#[test]
fn every_shard_has_a_fault_of_the_machine() {
    for index in 0..3 {
        let mut named = Named::new(Vec::new(), None, Shard::new(index, 3), None);
        named.current = Some((Way::Stdin, false));
        named.inside = Some(Container::tar(Box::new(Stale), Path::new("a.tar"), false));
        let found = named.next(&mut || {}).unwrap().unwrap();
        assert!(found.is_of_machine, "{index}");
        assert_eq!(found.problem.unwrap(), "Stale file handle (os error 116)");
    }
}
