//! Writes the files that fuzzing starts from, except the pictures that Pillow writes, into `fuzz/corpora/`. Run it with
//! `make fuzz-corpora`.

mod configurations;
mod data_sets;
#[path = "../../../mbn-data/tests/jpeg"]
mod jpeg {
    #![allow(dead_code, reason = "the tests of the decoder use the rest")]
    pub mod files;
}
mod jpegs;
mod networks;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Name and content of a file.
type File = (String, Vec<u8>);

fn main() -> Result<()> {
    write("jpeg", jpegs::jpegs())?;
    write("weights", networks::weight_files()?)?;
    write("onnx", networks::models()?)?;
    write("stl10", data_sets::data_sets())?;
    write("settings", configurations::configurations()?)
}

/// Writes the files of a target.
fn write(target: &str, files: Vec<File>) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpora")
        .join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}
