//! A run on disk: its folder, its saved state, and the files that follow from the state.

mod folder;
mod free_name;
mod history;
mod lock;
mod names;
mod pictures;
mod progress;
mod publish;
mod results;
mod space;
mod state;
mod summary;
mod tables;
mod train_on;
mod vacancy;

pub(crate) use folder::RunDir;
pub(crate) use history::Epoch;
pub(crate) use names::{AUGMENTED, BEST, LAST, RATES, RATES_PLOT, SETTINGS, STATE, SUMMARY, TEST_IMAGES};
pub(crate) use progress::{Best, ImageSet, Mistake, Position, Progress, TeacherRecord};
pub(crate) use publish::{Publish, held_out};
pub(crate) use results::{Results, write_augmented, write_test_images};
pub(crate) use space::Space;
pub(crate) use state::State;
pub(crate) use tables::size as size_of_tables;
pub(crate) use train_on::TrainOn;
