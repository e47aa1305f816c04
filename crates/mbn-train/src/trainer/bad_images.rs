//! Images that turn out not to be usable during a run that goes on without them.

use std::collections::BTreeSet;

use mbn_data::Unusable;

use super::Trainer;
use crate::run::ImageSet;

/// The part of the data set that an image belongs to.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Train,
    Test,
}

impl Trainer {
    /// Reports images that a batch lacks, each once in a run, and remembers them: no later epoch has them, even if they can be used
    /// again by then. Warns when the last image of a class is among them.
    pub(super) fn note_unusable(&mut self, found: &[Unusable], part: Part) {
        let known = part.of_mut(&mut self.progress.broken);
        let new: Vec<_> = found.iter().filter(|image| known.insert(image.index)).collect();
        for image in &new {
            log::warn!("left out `{}`: {}", image.path.display(), image.reason);
        }
        if !new.is_empty() {
            self.lack_broken();
        }
        self.warn_of_emptied_classes(new.iter().map(|image| image.index), part);
    }

    /// Leaves out images that the check of a resumed run has found, and named. Unlike those of a new run's check they belong to batches,
    /// which lack them from now on.
    pub(super) fn leave_out(&mut self, found: &ImageSet) {
        for part in [Part::Train, Part::Test] {
            part.of_mut(&mut self.progress.broken).extend(part.of(found));
        }
        self.lack_broken();
        for part in [Part::Train, Part::Test] {
            self.warn_of_emptied_classes(part.of(found).iter().copied(), part);
        }
    }

    /// Takes the images that turned out not to be usable out of the batches of the next epochs. The figures of all epochs have to be
    /// of the same images, those that the summary counts, also when a file is put back.
    pub(super) fn lack_broken(&mut self) {
        let broken = &self.progress.broken;
        self.train_loader.lack(&broken.train);
        self.test_loader.lack(&broken.test);
    }

    /// Warns of the classes of some images that have no others left.
    fn warn_of_emptied_classes(&self, images: impl Iterator<Item = usize>, part: Part) {
        let (source, name) = match part {
            Part::Train => (&self.data.train, "training"),
            Part::Test => (&self.data.test, "test"),
        };
        let (broken, left_out) = (part.of(&self.progress.broken), part.of(&self.progress.left_out));
        let classes: BTreeSet<u32> = images.map(|image| source.label(image)).collect();
        for class in classes {
            let is_left = |image| {
                source.label(image) == class && !broken.contains(&image) && !left_out.contains(&image)
            };
            if !(0..source.len()).any(is_left) {
                let class = &self.progress.classes[class as usize];
                log::warn!("class `{class}` has no {name} images left: none of them can be used");
            }
        }
    }
}

impl Part {
    fn of(self, images: &ImageSet) -> &BTreeSet<usize> {
        match self {
            Self::Train => &images.train,
            Self::Test => &images.test,
        }
    }

    fn of_mut(self, images: &mut ImageSet) -> &mut BTreeSet<usize> {
        match self {
            Self::Train => &mut images.train,
            Self::Test => &mut images.test,
        }
    }
}
