//! The data set of a run: finding, downloading, opening and loading it.

mod check;
mod classes;
mod copies;
pub(crate) mod download;
mod loaders;
mod open;

pub(crate) use check::{Checked, check_images, require_enough, usable};
pub(crate) use classes::{largest_share, list_classes};
pub(crate) use copies::Prints;
pub(crate) use loaders::{Loading, class_weights, loaders};
pub(crate) use open::{is_without_images, locate, open_again, open_new};
