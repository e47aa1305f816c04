//! A run on disk: its folder, its saved state, and the files that follow from the state.

mod folder;
mod history;
mod pictures;
mod progress;
mod publish;
mod results;
mod state;
mod summary;
mod train_on;

pub(crate) use folder::{AUGMENTED, BEST, LAST, RATES, RATES_PLOT, RunDir, SETTINGS, STATE, SUMMARY};
pub(crate) use history::Epoch;
pub(crate) use progress::{Best, ImageSet, Mistake, Position, Progress, TeacherRecord};
pub(crate) use publish::{Publish, held_out};
pub(crate) use results::{Results, write_augmented};
pub(crate) use state::State;
pub(crate) use train_on::TrainOn;
