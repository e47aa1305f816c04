//! Inputs that no output may replace.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use mbn_cli::Outputs;
use mbn_data::LeftOut;

use super::container::Container;
use super::remote::is_url;
use super::{Input, Source};

/// Inputs of which none is written.
pub(super) struct Kept {
    source: Box<dyn Source>,
    outputs: Outputs,
    /// The last file with many pictures, which has been checked.
    container: Option<PathBuf>,
}

impl Kept {
    pub(super) fn new(source: Box<dyn Source>, outputs: Outputs) -> Self {
        Self {
            source,
            outputs,
            container: None,
        }
    }

    fn check(&mut self, input: &Input) -> Result<()> {
        if input.content.is_some() || !self.outputs.any_exists() {
            return Ok(());
        }
        let path = match &input.bytes {
            None => Some(input.path.as_path()),
            Some(_) => self.opened(&input.path),
        };
        let conflict = path.and_then(|path| self.outputs.conflict(path));
        // What folders, patterns and lists hold is no mistake on the command line.
        conflict.map_or(Ok(()), |message| Err(anyhow!(message)))
    }

    /// The file that holds `picture`, unless it has been checked.
    fn opened<'a>(&mut self, picture: &'a Path) -> Option<&'a Path> {
        let is_checked = |container: &PathBuf| picture.starts_with(container);
        if is_url(picture) || self.container.as_ref().is_some_and(is_checked) {
            return None;
        }
        let is_container = |path: &&Path| Container::has_name(path) && path.is_file();
        let container = picture.ancestors().find(is_container);
        self.container = container.map(Path::to_owned);
        container
    }
}

impl Source for Kept {
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        let next = self.source.next(wait)?;
        next.iter().try_for_each(|input| self.check(input))?;
        Ok(next)
    }

    fn left_out(&mut self) -> LeftOut {
        self.source.left_out()
    }
}
