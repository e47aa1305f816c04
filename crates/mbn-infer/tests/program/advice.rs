//! Inputs that hold pictures, but not as they were given: messages say how to give them.

use crate::archives::{archive, arrow};
use crate::common::{NAMES, failure, folder, pictures, program, results};

fn json(folder: &tempfile::TempDir) -> assert_cmd::Command {
    let mut command = program(folder);
    command.args(["--format", "json"]);
    command
}

#[test]
fn a_file_that_holds_pictures_is_told_from_other_files() {
    let folder = folder();
    let gzip = [b"\x1f\x8b\x08\x00".as_slice(), &[7; 1000]].concat();
    // Without the name of a tar archive it is taken for a picture, and the advice is the same.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    tar.append_data(&mut header, "x.txt", &b"abc"[..]).unwrap();
    for (name, content, advice) in [
        (
            "a b.tar.gz",
            gzip.clone(),
            "`gzip -dc 'a b.tar.gz' | mbn-infer -` reads it, if it holds a tar archive",
        ),
        ("a.tgz", gzip, "`gzip -dc a.tgz | mbn-infer -` reads it"),
        ("a.zip", b"PK\x03\x04".to_vec(), "unpack it and give the folder"),
        (
            "a.part",
            tar.into_inner().unwrap(),
            "`mbn-infer - < a.part` reads it",
        ),
        ("rows", b"PAR1".to_vec(), "its name must end in `.parquet`"),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
        let found = results(&failure(json(&folder).arg(name), 3));
        let problem = found[0].1.as_str().unwrap();
        assert!(
            problem.starts_with("it is not an image: it is a") && problem.contains(&format!("; {advice}")),
            "{problem}"
        );
    }
}

/// A folder is searched for pictures alone: what it has instead is read by a pattern.
#[test]
fn a_folder_of_archives_and_tables_says_how_they_are_read() {
    let folder = pictures();
    std::fs::create_dir_all(folder.path().join("w d s/more")).unwrap();
    archive(&folder, "w d s/more/0.tar");
    let images = [std::fs::read(folder.path().join("a.png")).unwrap()];
    std::fs::write(folder.path().join("w d s/0.arrow"), arrow(&images)).unwrap();
    let found = results(&failure(json(&folder).arg("w d s"), 3));
    let problem = found[0].1.as_str().unwrap();
    let expected = ", only 1 tar archive, 1 Arrow; `mbn-infer 'w d s/*.arrow' 'w d s/more/*.tar'` reads them";
    assert!(problem.ends_with(expected), "{problem}");
    let found = results(&failure(
        json(&folder).args(["w d s/*.arrow", "w d s/more/*.tar"]),
        3,
    ));
    assert_eq!(found.len(), 1 + NAMES.len());
}
