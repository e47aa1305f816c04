//! Pictures and summary of a run.

use anyhow::{Context, Result};
use mbn_plot::EpochPoint;
use serde_json::json;

use crate::evaluate::Evaluation;
use crate::resume::Progress;
use crate::run_dir::{CONFUSION, CURVES, RunDir, SUMMARY};
use crate::trainer::Trainer;

/// Accuracy and loss by epoch.
pub(crate) fn curves(run: &RunDir, progress: &Progress) -> Result<()> {
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
    let title = format!(
        "{:?} MobileNet-{}",
        progress.settings.alpha, progress.settings.size
    );
    run.write(
        CURVES,
        &mbn_plot::curves(&points, &title).context("cannot draw the curves")?,
    )
}

/// Which classes the best weights take for which.
pub(crate) fn confusion(run: &RunDir, evaluation: &Evaluation, progress: &Progress) -> Result<()> {
    let png = mbn_plot::confusion(&evaluation.confusion, &progress.classes);
    run.write(CONFUSION, &png.context("cannot draw the confusion matrix")?)
}

/// What a program wants to know of a run.
pub(crate) fn summary(trainer: &Trainer) -> Result<()> {
    let Trainer {
        run,
        progress,
        data,
        network,
        ..
    } = trainer;
    let layers = network.architecture().summary(progress.settings.size);
    let mut rates: Vec<f64> = progress.history.iter().map(|row| row.images_per_s).collect();
    rates.sort_by(f64::total_cmp);
    let summary = json!({
        "architecture": mbn_spec::ARCHITECTURE,
        "settings": progress.settings,
        "data_set": data.name,
        "classes": progress.classes,
        "train_images": data.train.len(),
        "test_images": data.test.len(),
        "parameters": layers.parameters(),
        "multiply_adds": layers.multiply_adds(),
        "epochs": progress.history.len(),
        "best": progress.best(),
        "last": progress.history.last(),
        "images_per_s": rates.get(rates.len() / 2),
        "version": env!("CARGO_PKG_VERSION"),
    });
    run.write(SUMMARY, format!("{summary:#}\n").as_bytes())
}
