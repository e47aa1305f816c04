//! Pictures in class folders, and those that are there already.

use super::*;

struct Folders {
    root: tempfile::TempDir,
    names: Vec<String>,
}

impl Folders {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("in/more")).unwrap();
        let names = ["church", "golf ball"].map(str::to_owned).to_vec();
        Self { root, names }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.root.path().join("in").join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn sorter(&self, links: bool) -> Sorter {
        Sorter::new(&self.root.path().join("out/here"), &self.names, links).unwrap()
    }

    fn content(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join("out/here").join(name)).unwrap()
    }

    fn count(&self, class: &str) -> usize {
        fs::read_dir(self.root.path().join("out/here").join(class))
            .unwrap()
            .count()
    }
}

#[test]
fn pictures_of_one_name_are_kept_apart_and_a_run_can_be_repeated() {
    for links in [false, true] {
        let folders = Folders::new();
        let a = folders.write("a.png", "first");
        let b = folders.write("more/a.png", "second");
        let c = folders.write("a", "third");
        for run in 0..2 {
            let mut sorter = folders.sorter(links);
            for (picture, class) in [(&a, 1), (&b, 1), (&c, 1), (&a, 0)] {
                sorter.add(picture, None, class).unwrap();
            }
            assert_eq!((sorter.sorted, sorter.there), [(4, 0), (0, 4)][run]);
            assert_eq!((folders.count("golf ball"), folders.count("church")), (3, 1));
        }
        assert_eq!(folders.content("golf ball/a.png"), "first");
        assert_eq!(folders.content("golf ball/a-2.png"), "second");
        assert_eq!(folders.content("golf ball/a"), "third");
        assert_eq!(folders.content("church/a.png"), "first");
    }
}

#[test]
fn what_cannot_be_copied_is_named_and_leaves_nothing() {
    let folders = Folders::new();
    let picture = folders.write("a.png", "first");
    let mut sorter = folders.sorter(false);
    // Something else has the name of the class folder.
    fs::write(folders.root.path().join("out/here/church"), "a file").unwrap();
    let error = format!("{:#}", sorter.add(&picture, None, 0).unwrap_err());
    assert!(
        error.contains("a.png")
            && error.ends_with("church`: there is a file where the folder of the class is expected"),
        "{error}"
    );
    assert_eq!(folders.content("church"), "a file");
    assert!(sorter.add(&picture, None, 9).is_err() && sorter.failed() == 0);
    let file = folders.write("file", "");
    assert!(Sorter::new(&file.join("below"), &folders.names, false).is_err());
}

/// A namesake that somebody else wrote meanwhile is never replaced.
#[test]
fn a_name_that_is_taken_is_never_replaced() {
    let folders = Folders::new();
    let picture = folders.write("a.png", "mine");
    let target = folders.root.path().join("taken.png");
    fs::write(&target, "theirs").unwrap();
    for links in [false, true] {
        let error = folders.sorter(links).put(&picture, &target).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
    }
}

/// Namesakes do not look at each other again and again: each name is looked at once, and so is each copy.
#[test]
fn many_namesakes_take_time_in_proportion_to_their_number() {
    const PICTURES: usize = 3000;
    for links in [false, true] {
        let folders = Folders::new();
        // All of one length, so that nothing but the content tells them apart.
        let pictures: Vec<_> = (0..PICTURES)
            .map(|i| {
                fs::create_dir(folders.root.path().join(format!("in/{i}"))).unwrap();
                folders.write(&format!("{i}/photo.jpg"), &format!("{i:05}"))
            })
            .collect();
        let mut sorter = folders.sorter(links);
        for picture in &pictures {
            sorter.add(picture, None, 0).unwrap();
        }
        assert_eq!((sorter.sorted, sorter.there), (PICTURES, 0));
        let namesakes = &sorter.namesakes[&(0, "photo.jpg".into())];
        assert_eq!(namesakes.next, PICTURES + 1);
        assert_eq!(folders.count("church"), PICTURES);
        assert_eq!(
            folders.content(&format!("church/photo-{PICTURES}.jpg")),
            format!("{:05}", PICTURES - 1)
        );
        // A later run that meets them in another order, and some of them twice, adds none.
        let mut again = folders.sorter(links);
        for picture in pictures.iter().rev().chain(&pictures[..PICTURES / 2]) {
            again.add(picture, None, 0).unwrap();
        }
        assert_eq!((again.sorted, again.there), (0, PICTURES + PICTURES / 2));
        assert_eq!(folders.count("church"), PICTURES);
    }
}

/// What is known of earlier pictures is looked at again before it is believed.
#[test]
fn a_copy_that_was_changed_meanwhile_is_no_copy() {
    let folders = Folders::new();
    let picture = |name: &str| {
        fs::create_dir_all(folders.root.path().join("in").join(name)).unwrap();
        folders.write(&format!("{name}/a.png"), name)
    };
    let (one, two, three) = (picture("one"), picture("two"), picture("six"));
    let mut sorter = folders.sorter(false);
    for picture in [&one, &two, &three] {
        sorter.add(picture, None, 0).unwrap();
    }
    fs::write(folders.root.path().join("out/here/church/a-2.png"), "other").unwrap();
    sorter.add(&two, None, 0).unwrap();
    sorter.add(&three, None, 0).unwrap();
    assert_eq!((sorter.sorted, sorter.there), (4, 1));
    assert_eq!(folders.content("church/a-4.png"), "two");
    assert_eq!(folders.content("church/a-2.png"), "other");
}

#[test]
fn a_picture_that_is_gone_or_has_too_long_a_name_costs_only_itself() {
    let folders = Folders::new();
    let gone = folders.write("gone.png", "gone");
    fs::remove_file(&gone).unwrap();
    // The longest name, which leaves no room for a number.
    let longest = format!("{}.png", "a".repeat(251));
    let first = folders.write(&longest, "first");
    let second = folders.write(&format!("more/{longest}"), "second");
    let last = folders.write("last.png", "last");
    for links in [false, true] {
        let _ = fs::remove_dir_all(folders.root.path().join("out"));
        let mut sorter = folders.sorter(links);
        for picture in [&gone, &first, &second, &last] {
            sorter.add(picture, None, 0).unwrap();
        }
        assert_eq!(sorter.failed(), 2);
        assert!(
            sorter.describe().contains("; 2 could not be"),
            "{}",
            sorter.describe()
        );
        assert_eq!(folders.content("church/last.png"), "last");
        assert_eq!(folders.count("church"), 2);
    }
}
