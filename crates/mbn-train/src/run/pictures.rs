//! Pictures and summary of a run.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use mbn_data::Loader;
use mbn_plot::{Caption, EpochPoint, Tile, Tone};
use serde_json::json;

use crate::data::{self, size_of_epoch};
use crate::run::{
    AUGMENTED, BEST, Best, CONFUSION, CURVES, HISTORY, MISTAKES, Mistake, Progress, RunDir, SUMMARY, to_csv,
};
use crate::trainer::Trainer;

/// Images of a batch that `augmented.png` shows at most.
const EXAMPLES: usize = 32;

/// Writes what follows from the state; `all` also what is of the best epoch where that is an earlier one.
pub(crate) fn files_of_epoch(trainer: &Trainer, best: &Best, all: bool) -> Result<()> {
    let Trainer { run, progress, .. } = trainer;
    if all || progress.best() == progress.history.last() {
        run.write(BEST, &best.file)?;
        let png = mbn_plot::confusion(&best.confusion, &progress.classes);
        run.write(CONFUSION, &png.context("cannot draw the confusion matrix")?)?;
        mistakes(trainer)?;
    }
    run.write(HISTORY, &to_csv(&progress.history)?)?;
    curves(run, progress)?;
    summary(trainer)
}

/// Accuracy and loss by epoch.
fn curves(run: &RunDir, progress: &Progress) -> Result<()> {
    let points: Vec<EpochPoint> = progress
        .history
        .iter()
        .map(|row| EpochPoint {
            epoch: u32::try_from(row.epoch).unwrap_or(u32::MAX),
            train_loss: row.train_loss,
            train_accuracy: row.train_accuracy,
            test_loss: row.test_loss,
            test_accuracy: row.test_accuracy,
        })
        .collect();
    let title = format!("{} MobileNet-{}", progress.settings.alpha, progress.settings.size);
    run.write(
        CURVES,
        &mbn_plot::curves(&points, &title).context("cannot draw the curves")?,
    )
}

/// The most confident mistakes of the best weights.
fn mistakes(trainer: &Trainer) -> Result<()> {
    let Trainer {
        run, progress, data, ..
    } = trainer;
    let name = |class: u32| progress.classes.get(class as usize).map_or("", String::as_str);
    let tile = |mistake: &Mistake| {
        let image = data::usable(data.test.load(mistake.image).map_err(Into::into), run)?;
        let probability = 100.0 * mistake.probability;
        Ok(Tile {
            image: (*image).clone(),
            captions: vec![
                Caption::new(
                    format!("{probability:.1} % {}", name(mistake.predicted)),
                    Tone::Bad,
                ),
                Caption::new(format!("is {}", name(mistake.label)), Tone::Good),
            ],
        })
    };
    // A state that does not say how many test images there were may count more than there are.
    let there = |mistake: &&Mistake| mistake.image < data.test.len();
    let tiles = progress.mistakes.iter().filter(there).map(tile);
    let tiles = tiles.collect::<Result<Vec<_>>>()?;
    let note = match tiles.len() {
        0 => "none: every test image was classified rightly".to_owned(),
        n => format!(
            "{n} of {} test images, those with the highest probability of a wrong class",
            data.test.len()
        ),
    };
    let png = mbn_plot::gallery("Most confident mistakes", &note, &tiles);
    run.write(MISTAKES, &png.context("cannot draw the mistakes")?)
}

/// The first batch as the network sees it.
pub(crate) fn augmented(run: &RunDir, loader: &Loader, progress: &Progress) -> Result<()> {
    let size = size_of_epoch(&progress.settings, 0);
    let examples = data::usable(loader.preview(0, size), run)?;
    let batch = examples.len();
    let name = |class: u32| progress.classes.get(class as usize).map_or("", String::as_str);
    let tile = |example: mbn_data::Example| {
        let caption = |&(class, share): &(u32, f32)| {
            let text = if share < 1.0 {
                format!("{:.0} % {}", 100.0 * share, name(class))
            } else {
                name(class).to_owned()
            };
            Caption::new(text, Tone::Plain)
        };
        Tile {
            captions: example.shares.iter().map(caption).collect(),
            image: example.image,
        }
    };
    let tiles: Vec<Tile> = examples.into_iter().take(EXAMPLES).map(tile).collect();
    let note = match tiles.len() {
        n if n < batch => format!("{n} of the {batch} images of the first batch, as the network sees them"),
        _ => "the first batch, as the network sees it".to_owned(),
    };
    let png = mbn_plot::gallery("Training images", &note, &tiles);
    run.write(AUGMENTED, &png.context("cannot draw the training images")?)
}

/// What a program wants to know of a run.
fn summary(trainer: &Trainer) -> Result<()> {
    let Trainer {
        run,
        progress,
        data,
        network,
        ..
    } = trainer;
    let settings = &progress.settings;
    let layers = network.architecture().summary(settings.size);
    let rates = rates(progress);
    let mut summary = json!({
        "architecture": mbn_spec::ARCHITECTURE,
        "settings": settings,
        "data_set": progress.data_set,
        "classes": progress.classes,
        "train_images": data.train.len(),
        "test_images": data.test.len(),
        "parameters": layers.parameters(),
        "multiply_adds": layers.multiply_adds(),
        "epochs": progress.history.len(),
        "best": progress.best(),
        "last": progress.history.last(),
        "images_per_s": rates.last_key_value().map(|(_, rate)| rate),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if !settings.has_one_size() {
        summary["images_per_s_by_size"] = json!(rates);
    }
    run.write(SUMMARY, format!("{summary:#}\n").as_bytes())
}

/// The median of training images a second for each size of images.
fn rates(progress: &Progress) -> BTreeMap<usize, f64> {
    let mut by_size: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for row in &progress.history {
        let size = size_of_epoch(&progress.settings, row.epoch - 1);
        by_size.entry(size).or_default().push(row.images_per_s);
    }
    let median = |(size, mut rates): (usize, Vec<f64>)| {
        rates.sort_by(f64::total_cmp);
        (size, rates[rates.len() / 2])
    };
    by_size.into_iter().map(median).collect()
}
