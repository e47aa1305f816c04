//! Pictures per second on one core: the single steps, and whole epochs of images or of crops, which a device resizes.
//! `IMAGES=DIR` names an image folder by its absolute path; by default the pictures are synthetic.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mbn_data::{
    Augment, ColorJitter, ImageSource, Loader, LoaderConfig, Normalizer, Picture, Policy, sample_stream,
};
use mbn_spec::Preprocess;

mod common;

/// Number of pictures to take from each class folder.
const PER_CLASS: usize = 26;
const SIZE: usize = 224;

/// JPEG files in memory, so that the benchmark does not measure the disk.
struct Files {
    classes: Vec<String>,
    files: Vec<Vec<u8>>,
    paths: Vec<PathBuf>,
}

impl ImageSource for Files {
    fn len(&self) -> usize {
        self.files.len()
    }
    fn class_names(&self) -> &[String] {
        &self.classes
    }
    fn label(&self, _: usize) -> u32 {
        0
    }
    fn path(&self, index: usize) -> &Path {
        &self.paths[index]
    }
    fn load(&self, index: usize) -> Result<Picture, mbn_data::DecodeError> {
        let decoded = mbn_data::decode_bytes(&self.files[index]);
        decoded.map(Picture::from).map_err(|kind| mbn_data::DecodeError {
            path: self.paths[index].clone(),
            kind,
        })
    }
}

fn files() -> Files {
    let named = std::env::var_os("IMAGES").map(|dir| {
        let folder = mbn_data::labelled_folder(Path::new(&dir)).expect("IMAGES is an image folder");
        let first = |label: u32| {
            let items = folder.items.iter().filter(move |item| item.1 == label);
            items
                .take(PER_CLASS)
                .map(|item| std::fs::read(&item.0).expect("a file that can be read"))
        };
        (0..folder.class_names.len() as u32).flat_map(first).collect()
    });
    let files: Vec<Vec<u8>> = named.unwrap_or_else(|| {
        (0..64)
            .map(|index| common::jpeg(SIZE as u32, SIZE as u32, index))
            .collect()
    });
    Files {
        classes: vec!["any".to_owned()],
        paths: (0..files.len()).map(|i| PathBuf::from(i.to_string())).collect(),
        files,
    }
}

/// All changes at once.
fn strong() -> Augment {
    let mut augment = Augment {
        color_jitter: ColorJitter {
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.4,
            hue: 0.0,
        },
        policy: Policy::TrivialAugment,
        ..Augment::default()
    };
    augment.erasing.probability = 0.25;
    augment.mixing.mixup = 0.2;
    augment.mixing.cutmix = 1.0;
    augment
}

fn steps(c: &mut Criterion) {
    let files = files();
    let image = files.load(0).expect("an image");
    let preprocess = Preprocess::default();
    let normalizer = Normalizer::new(&preprocess);
    let mut out = vec![0.0; 3 * SIZE * SIZE];
    let ready = mbn_data::resize(&image, &preprocess).expect("an image");
    let mut next = (0..files.len()).cycle();
    let mut group = c.benchmark_group("steps");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |b| {
        b.iter(|| black_box(files.load(next.next().unwrap_or_default()).expect("an image")));
    });
    for (name, augment) in [("augment", Augment::default()), ("augment, strong", strong())] {
        group.bench_function(name, |b| {
            let mut rng = sample_stream(0, 0, 0);
            b.iter(|| black_box(augment.apply(&image, &preprocess, &mut rng).expect("an image")));
        });
    }
    group.bench_function("crop", |b| {
        let (augment, mut rng) = (Augment::default(), sample_stream(0, 0, 0));
        b.iter(|| black_box(augment.crop(&image, &preprocess, &mut rng).expect("an image")));
    });
    group.bench_function("normalize", |b| {
        b.iter(|| normalizer.apply(black_box(&ready), &mut out))
    });
    group.finish();
}

fn epoch(c: &mut Criterion) {
    let files: Arc<dyn ImageSource> = Arc::new(files());
    let cached: Arc<dyn ImageSource> = Arc::new(mbn_data::CachedSource::new(Arc::clone(&files), u64::MAX));
    let mut group = c.benchmark_group("one worker");
    group.sample_size(10);
    for (name, source, augment, crops) in [
        ("epoch", &files, Augment::default(), false),
        ("epoch, strong", &files, strong(), false),
        ("epoch from the cache", &cached, Augment::default(), false),
        ("epoch of crops", &files, Augment::default(), true),
        ("epoch of crops from the cache", &cached, Augment::default(), true),
    ] {
        let config = LoaderConfig::training(Preprocess::default(), 64, 0)
            .with_augment(augment)
            .with_crops(crops)
            .with_workers(1);
        let loader = Loader::new(Arc::clone(source), config).expect("a loader");
        group.throughput(Throughput::Elements(loader.samples_per_epoch() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                for batch in loader.epoch(0) {
                    black_box(batch.expect("a batch"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, steps, epoch);
criterion_main!(benches);
