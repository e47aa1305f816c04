//! Configuration files and command lines.

use anyhow::Result;
use mbn_train::{Options, RunArgs, Settings};

use crate::File;

/// Configuration files, and command lines after a NUL.
pub fn configurations() -> Result<Vec<File>> {
    let saved = Settings::resolve(RunArgs::default(), "photos".into(), None)?.to_toml()?;
    let full = "data = 'd'\nfold = 3\ninit = 'w'\ninit-classes = 'n'\nalpha = 0.5\nmixup = 0.2\nrand-augment = [2, 9]\n\
        freeze = 'all'\nema = 0.99\ncrop = false\nprogressive = 128\nlr = 0.1\nrecipe = 'plain'\n\
        class-weights = 'balanced'\ntrain-size = 160\nresize = 'crop'\nval-fraction = 0.3\n";
    assert!(Options::read_config(full).is_ok());
    let words =
        "--recipe\nstrong\n--crop-scale\n0.5,1\n--no-flip\n--trivial-augment\n--cutmix\n--warmup-epochs=3";
    let others =
        "--optimizer\nadamw\n--precision\nbf16\n--freeze\n3\n--patience=5\n--bad-images\nskip\n--seed\n7";
    Ok([
        ("saved", saved.clone()),
        ("full", full.to_owned()),
        ("command-line", format!("\0{words}")),
        ("both", format!("recipe = 'plain'\nno-crop = true\0{others}")),
        ("over-saved", format!("{saved}\0--no-crop\n{words}")),
        ("unknown-key", "mixupp = 0.2\nlable-smoothing = 0.1".to_owned()),
    ]
    .map(|(name, text)| (name.to_owned(), text.into_bytes()))
    .to_vec())
}
