//! Inputs that no output may replace.

use anyhow::Result;
use mbn_cli::Outputs;
use mbn_data::LeftOut;

use super::{Input, Source};

/// Inputs of which none is written.
pub(super) struct Kept {
    source: Box<dyn Source>,
    outputs: Outputs,
}

impl Kept {
    pub(super) fn new(source: Box<dyn Source>, outputs: Outputs) -> Self {
        Self { source, outputs }
    }

    fn check(&self, input: &Input) -> Result<()> {
        if input.content.is_some() || self.outputs.is_empty() {
            return Ok(());
        }
        let path = match &input.bytes {
            None => Some(input.path.as_path()),
            // The file that holds it.
            Some(_) => input.path.ancestors().find(|path| path.is_file()),
        };
        path.map_or(Ok(()), |path| self.outputs.require_not_read(path))
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
