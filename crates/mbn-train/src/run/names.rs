//! What the files of a run, and of a search for a learning rate, are called.

use mbn_weights::{BEST_OF_RUN, LAST_OF_RUN};

/// Everything that resuming needs. It is written before the other files of an epoch, which follow from it: if the run dies
/// in between, resuming writes them.
pub(crate) const STATE: &str = "state.safetensors";
/// Weights after the last epoch.
pub(crate) const LAST: &str = LAST_OF_RUN;
/// Weights of the epoch with the highest test accuracy.
pub(crate) const BEST: &str = BEST_OF_RUN;
pub(crate) const HISTORY: &str = "history.csv";
pub(crate) const SETTINGS: &str = "settings.toml";
pub(crate) const CURVES: &str = "curves.png";
pub(crate) const CONFUSION: &str = "confusion.png";
pub(crate) const CONFUSION_TABLE: &str = "confusion.csv";
pub(crate) const MISTAKES: &str = "mistakes.png";
pub(crate) const MISTAKES_TABLE: &str = "mistakes.csv";
/// The images that were held out to test on, where a part was.
pub(crate) const TEST_IMAGES: &str = "test_images.txt";
pub(crate) const AUGMENTED: &str = "augmented.png";
pub(crate) const SUMMARY: &str = "summary.json";
/// The losses of short trainings at several learning rates.
pub(crate) const RATES: &str = "rates.csv";
pub(crate) const RATES_PLOT: &str = "rates.png";

/// All files of a run that is started or resumed.
pub(super) const FILES: [&str; 13] = [
    STATE,
    LAST,
    BEST,
    HISTORY,
    SETTINGS,
    CURVES,
    CONFUSION,
    CONFUSION_TABLE,
    MISTAKES,
    MISTAKES_TABLE,
    TEST_IMAGES,
    AUGMENTED,
    SUMMARY,
];

/// The files of a search for a learning rate beside its settings and its first batch.
pub(super) const SEARCH_FILES: [&str; 2] = [RATES, RATES_PLOT];
