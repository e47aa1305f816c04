//! What ranks tell each other between steps.

use std::path::Path;

use anyhow::{Result, anyhow};
use mbn_cli::Hint;
use mbn_data::Unusable;
use mbn_spec::Metadata;

use super::Trainer;
use super::bad_images::Part;
use crate::again;
use crate::ranks::Ranks;

impl Trainer {
    /// The run's folder.
    pub fn folder(&self) -> &Path {
        self.run.path()
    }

    /// The state of the run, with which another rank joins it.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.state()?.to_bytes()
    }

    /// Refuses to go on if the weights of a rank differ from the main rank's, by their checksums. All ranks take the same steps,
    /// so they are equal bit for bit, unless a processor rounds in another way or a machine is at fault.
    pub(super) fn require_equal_weights(&self) -> Result<()> {
        if self.ranks.are_one() {
            return Ok(());
        }
        let mut own = self.network.to_weights(Metadata::default())?.sha256();
        if let Some(average) = &self.average {
            own += &average.to_weights(&self.network, Metadata::default())?.sha256();
        }
        let checked = match self.ranks.ask_main(own.as_bytes())? == own.as_bytes() {
            true => Ok(()),
            false => Err(anyhow!(
                "its weights differ from the main rank's after epoch {}",
                self.progress.history.len() + 1
            )),
        };
        let resume = again::resume(self.run.path());
        let checked = checked.hint(|| {
            format!(
                "processors of different kinds may round differently: start all ranks on machines of one kind; \
                 `{resume}` goes on from the main rank's last state"
            )
        });
        self.ranks.agree(checked)
    }

    /// Notes the images that the parts of all ranks lack.
    pub(super) fn share_unusable(&mut self, own: Vec<Unusable>, part: Part) -> Result<()> {
        let found = exchange_unusable(&self.ranks, own)?;
        self.note_unusable(&found, part);
        Ok(())
    }
}

/// The images that the parts of all ranks lack, in the order of the ranks.
pub(super) fn exchange_unusable(ranks: &Ranks, own: Vec<Unusable>) -> Result<Vec<Unusable>> {
    if ranks.are_one() {
        return Ok(own);
    }
    let own = own.into_iter();
    let own: Vec<_> = own
        .map(|image| {
            (
                image.index,
                image.path.to_string_lossy().into_owned(),
                image.reason,
            )
        })
        .collect();
    let mut all = Vec::new();
    for bytes in ranks.exchange(&serde_json::to_vec(&own)?)? {
        let found: Vec<(usize, String, String)> = serde_json::from_slice(&bytes)?;
        all.extend(found.into_iter().map(|(index, path, reason)| Unusable {
            index,
            path: path.into(),
            reason,
        }));
    }
    Ok(all)
}
