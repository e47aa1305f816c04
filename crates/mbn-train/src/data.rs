//! The data set of a run: finding, downloading, opening and loading it.

pub(crate) mod download;
mod open;

pub(crate) use open::{
    DEFAULT_FOLDER, class_weights, loaders, locate, open, require_readable, size_of_epoch, usable,
};
