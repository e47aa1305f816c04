//! What the tests of the three programs share.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use image::RgbImage;

/// A program of the workspace, beside the folder of this test's executable.
pub fn program(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "`{name}` is not built: run `cargo build --workspace --bins` first"
    );
    Command::new(path)
}

/// A picture of shades of a colour.
pub fn picture(path: PathBuf, colour: [u8; 3], seed: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let image = RgbImage::from_fn(48, 40, |x, y| {
        let shade = ((x * 7 + y * 13 + seed * 29) % 50) as u8;
        image::Rgb(colour.map(|channel| channel.saturating_add(shade)))
    });
    image.save(path).unwrap();
}
