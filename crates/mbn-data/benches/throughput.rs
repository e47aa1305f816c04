//! Images per second that the loader makes from picture files on a number of threads, without any training: one JSON
//! object. `crops_images_per_s` is for a device that resizes, `images_per_s` for the CPU, which resizes itself.
//!
//! `cargo bench -p mbn-data --bench throughput -- --workers 16 --batch 64 --seconds 4 --images DIR`
//!
//! Each figure is measured for so many seconds, on any machine. DIR is a folder of `CLASS/*`, whose pictures come again and
//! again. Without it they are JPEG files of 500 x 375 in a temporary folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mbn_data::{
    Augment, DecodeError, ImageSource, Loader, LoaderConfig, Picture, decode_file, labelled_folder,
};
use mbn_spec::Preprocess;

mod common;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Width and height of the pictures that are made here, and their number.
const PHOTO: [u32; 2] = [500, 375];
const PHOTOS: u32 = 64;
/// Batches before the clock starts: files are in the system's memory, threads and buffers exist.
const WARM_UP: usize = 4;
/// Batches of an epoch: more than any machine makes in the time.
const BATCHES: usize = 10_000;

struct Options {
    workers: usize,
    batch: usize,
    seconds: f64,
    images: Option<PathBuf>,
}

impl Options {
    fn of_command_line() -> Result<Self> {
        let mut found = Self {
            workers: 1,
            batch: 64,
            seconds: 4.0,
            images: None,
        };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(flag) = args.next() {
            let value = args.next().unwrap_or_default();
            match flag.as_str() {
                "--workers" => found.workers = value.parse()?,
                "--batch" => found.batch = value.parse()?,
                "--seconds" => found.seconds = value.parse()?,
                "--images" => found.images = Some(value.into()),
                _ => bail!("unknown option `{flag}`"),
            }
        }
        Ok(found)
    }
}

/// Files that come again and again.
struct Repeated {
    classes: Vec<String>,
    files: Vec<PathBuf>,
    len: usize,
}

impl ImageSource for Repeated {
    fn len(&self) -> usize {
        self.len
    }
    fn class_names(&self) -> &[String] {
        &self.classes
    }
    fn label(&self, _: usize) -> u32 {
        0
    }
    fn path(&self, index: usize) -> &Path {
        &self.files[index % self.files.len()]
    }
    fn load(&self, index: usize) -> Result<Picture, DecodeError> {
        decode_file(self.path(index)).map(Picture::from)
    }
}

fn made(folder: &Path) -> Result<Vec<PathBuf>> {
    let [width, height] = PHOTO;
    let file = |index: u32| {
        let path = folder.join(format!("{index}.jpg"));
        std::fs::write(&path, common::jpeg(width, height, index))?;
        Ok(path)
    };
    (0..PHOTOS).map(file).collect()
}

fn images_per_s(source: &Arc<dyn ImageSource>, options: &Options, crops: bool) -> Result<f64> {
    let config = LoaderConfig::training(Preprocess::default(), options.batch, 0)
        .with_augment(Augment::default())
        .with_crops(crops)
        .with_workers(options.workers);
    let loader = Loader::new(Arc::clone(source), config)?;
    let (mut start, mut images) = (Instant::now(), 0);
    for (number, batch) in loader.epoch(0).enumerate() {
        images += batch?.labels.len();
        if number + 1 == WARM_UP {
            (start, images) = (Instant::now(), 0);
        } else if number >= WARM_UP && start.elapsed().as_secs_f64() >= options.seconds {
            break;
        }
    }
    Ok(images as f64 / start.elapsed().as_secs_f64())
}

fn main() -> Result<()> {
    let options = Options::of_command_line()?;
    let folder = tempfile::tempdir()?;
    let files = match &options.images {
        Some(images) => {
            let found = labelled_folder(images)?.items;
            found.into_iter().map(|(path, ..)| path).collect()
        }
        None => made(folder.path())?,
    };
    let first = files.first().context("there are no pictures")?;
    let image = decode_file(first)?;
    let (width, height) = image.dimensions();
    let source: Arc<dyn ImageSource> = Arc::new(Repeated {
        classes: vec!["any".to_owned()],
        len: BATCHES * options.batch,
        files: files.clone(),
    });
    let result = serde_json::json!({
        "workers": options.workers,
        "cores": std::thread::available_parallelism()?,
        "batch": options.batch,
        "first_picture": format!("{width} x {height}, {} bytes", std::fs::metadata(first)?.len()),
        "files": files.len(),
        "crops_images_per_s": images_per_s(&source, &options, true)?,
        "images_per_s": images_per_s(&source, &options, false)?,
    });
    println!("{result}");
    Ok(())
}
