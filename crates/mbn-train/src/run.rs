//! A run on disk: its folder, its saved state, and the files that follow from the state.

mod folder;
mod history;
pub(crate) mod pictures;
mod publish;
mod state;

pub(crate) use folder::{
    AUGMENTED, BEST, CONFUSION, CURVES, HISTORY, LAST, MISTAKES, RunDir, SETTINGS, STATE, SUMMARY,
};
pub(crate) use history::{Epoch, to_csv};
pub(crate) use publish::{Publish, require_writable};
pub(crate) use state::{Best, Mistake, Position, Progress, State};
