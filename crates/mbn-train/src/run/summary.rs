//! `summary.json`: a run in figures.

use std::collections::BTreeMap;

use mbn_data::Splits;
use mbn_spec::Architecture;
use serde_json::json;

use super::Progress;

/// The file's text.
pub(super) fn summary(progress: &Progress, data: &Splits, architecture: &Architecture) -> String {
    let settings = &progress.settings;
    let layers = architecture.summary(settings.size.get());
    let rates = rates(progress);
    let unusable = progress.unusable();
    let mut summary = json!({
        "architecture": mbn_spec::ARCHITECTURE,
        "settings": settings,
        "data_set": progress.data_set,
        "classes": progress.classes,
        "train_images": data.train.len() - unusable.train.len(),
        "test_images": data.test.len() - unusable.test.len(),
        "parameters": layers.parameters(),
        "multiply_adds": layers.multiply_adds(),
        "epochs": progress.history.len(),
        "best": progress.best(),
        "last": progress.history.last(),
        "images_per_s": rates.last_key_value().map(|(_, rate)| rate),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if unusable.len() > 0 {
        summary["bad_images"] = json!({ "train": unusable.train.len(), "test": unusable.test.len() });
    }
    if let Some(teacher) = &progress.teacher {
        summary["teacher"] = json!(teacher);
    }
    if !settings.has_one_size() {
        summary["images_per_s_by_size"] = json!(rates);
    }
    format!("{summary:#}\n")
}

/// Median of the training images per second, by image size.
fn rates(progress: &Progress) -> BTreeMap<usize, f64> {
    let mut by_size: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for row in &progress.history {
        let size = progress.settings.train_size_of(row.epoch - 1);
        by_size.entry(size).or_default().push(row.images_per_s);
    }
    let rates = by_size.into_iter();
    rates.map(|(size, rates)| (size, median(rates))).collect()
}

/// The middle value, or the mean of the two in the middle. There is at least one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (below, above) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    0.5 * (below + above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_any_number() {
        for (values, expected) in [
            (&[7.0][..], 7.0),
            (&[9.0, 2.0], 5.5),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[9.0, 1.0, 2.0, 4.0], 3.0),
        ] {
            assert_eq!(median(values.to_vec()), expected, "{values:?}");
        }
    }
}
