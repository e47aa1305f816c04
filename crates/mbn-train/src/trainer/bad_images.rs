//! Images that turn out not to be usable during a run that goes on without them.

use mbn_data::Unusable;

use super::Trainer;

/// The part of the data set that an image belongs to.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Train,
    Test,
}

impl Trainer {
    /// Reports images that a batch lacks, each once in a run, and remembers them for the summary.
    pub(super) fn note_unusable(&mut self, found: &[Unusable], part: Part) {
        for image in found {
            let known = match part {
                Part::Train => &mut self.progress.broken.train,
                Part::Test => &mut self.progress.broken.test,
            };
            if known.insert(image.index) {
                log::warn!("left out `{}`: {}", image.path.display(), image.reason);
            }
        }
    }
}
