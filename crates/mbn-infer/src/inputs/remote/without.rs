//! A program without the feature `cloud`.

use std::io::Read;
use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::Hint;
use mbn_data::LeftOut;

use super::super::Found;

/// What a check never gives.
pub(in super::super) enum Never {}

/// The way to stores, which is not there.
#[derive(Default)]
pub(in super::super) struct Remote(());

/// There are no objects.
pub(in super::super) enum Objects {}

/// No content comes from a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {}

/// Nothing is fetched.
#[derive(Debug)]
pub enum Download {}

impl Remote {
    /// Says that a URL needs another build.
    pub(in super::super) fn check(path: &Path) -> Result<Never> {
        Err(anyhow!(
            "cannot read `{}`: this program was built without the feature `cloud`, which reads inputs from cloud storage and web servers",
            path.display()
        ))
        .hint(|| "build it with `cargo build --release -p mbn-infer --features cloud`, or copy the files to a disk".to_owned())
    }

    pub(in super::super) fn objects(&mut self, path: &Path, _column: Option<&str>) -> Result<Objects> {
        match Self::check(path)? {}
    }

    pub(in super::super) fn list(&mut self, path: &Path) -> Result<Box<dyn Read + Send>> {
        match Self::check(path)? {}
    }
}

impl Objects {
    pub(in super::super) fn next(&mut self) -> Result<Option<Found>> {
        match *self {}
    }

    pub(in super::super) fn into_left_out(self) -> LeftOut {
        match self {}
    }
}

impl Content {
    /// Begins to fetch it.
    pub fn start(self, _wake: impl Fn() + Send + Sync + 'static) -> Download {
        match self {}
    }
}

impl Download {
    /// Whether it has come.
    pub fn is_done(&self) -> bool {
        match *self {}
    }

    /// Whether it waits for others to be taken.
    pub fn is_held_back(&self) -> bool {
        match *self {}
    }

    /// What has come, or why this input cannot be used.
    ///
    /// # Errors
    /// Inputs cannot be fetched.
    pub fn take(self) -> Result<Result<Vec<u8>, String>> {
        match self {}
    }
}
