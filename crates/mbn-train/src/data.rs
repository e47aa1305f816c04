//! The data set of a run: finding, downloading, opening and loading it.

pub(crate) mod download;
mod loaders;
mod open;

pub(crate) use loaders::{class_weights, loaders};
pub(crate) use open::{locate, open, require_readable, usable};
