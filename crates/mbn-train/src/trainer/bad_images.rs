//! Images that turn out not to be usable during a run that goes on without them.

use std::collections::BTreeSet;

use mbn_data::Unusable;

use super::Trainer;

/// The part of the data set that an image belongs to.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Train,
    Test,
}

impl Trainer {
    /// Reports images that a batch lacks, each once in a run, and remembers them for the summary. Warns when the last image of a
    /// class is among them.
    pub(super) fn note_unusable(&mut self, found: &[Unusable], part: Part) {
        let (source, known, left_out, name) = match part {
            Part::Train => (
                &self.data.train,
                &mut self.progress.broken.train,
                &self.progress.left_out.train,
                "training",
            ),
            Part::Test => (
                &self.data.test,
                &mut self.progress.broken.test,
                &self.progress.left_out.test,
                "test",
            ),
        };
        let mut classes = BTreeSet::new();
        for image in found {
            if known.insert(image.index) {
                log::warn!("left out `{}`: {}", image.path.display(), image.reason);
                classes.insert(source.label(image.index));
            }
        }
        for class in classes {
            let is_left =
                |image| source.label(image) == class && !known.contains(&image) && !left_out.contains(&image);
            if !(0..source.len()).any(is_left) {
                let class = &self.progress.classes[class as usize];
                log::warn!("class `{class}` has no {name} images left: none of them can be used");
            }
        }
    }
}
