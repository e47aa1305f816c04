//! What the user is told about the preprocessing of a model of another tool.

use mbn_cli::options_of;
use mbn_spec::{PartialPreprocess, Preprocess};

use super::Preprocessing;
use super::shown::{By, Shown, described};

impl Preprocessing {
    /// Logs what was read, with its source, and what is assumed, as options.
    pub(super) fn log(&self, preprocess: &Preprocess, input_size: Option<usize>, takes_bytes: bool) {
        let source = &self.source;
        if let (Some(said), Some(input)) = (self.read.size, input_size)
            && said != input
        {
            let crop = match self.crop_part {
                Some(_) => "the crop keeps its part",
                None => "the crop is scaled",
            };
            log::warn!(
                "{source} says that images are of {said} x {said}, its input takes {input} x {input}: {crop}"
            );
        }
        let all = PartialPreprocess::from(*preprocess);
        let mut given = self.given.parts.stated();
        if self.given.preset.is_some() {
            let size = given.size.or(input_size);
            given = PartialPreprocess { size, ..all };
        }
        if takes_bytes {
            (given.mean, given.std) = (all.mean, all.std);
        }
        let read = options_of(preprocess, &all.without(&self.read).or(given));
        if !read.is_empty() && self.given.preset.is_none() {
            log::info!("preprocessing (as {source} says): {}", read.join(" "));
        }
        let known = given.or(self.read);
        let mut rest = known;
        if let Some(Shown {
            by: By::Metadata(key),
            ..
        }) = self.shown
        {
            let statistics = PartialPreprocess {
                mean: all.mean,
                std: all.std,
                ..PartialPreprocess::default()
            };
            rest = known.or(statistics);
            let told = options_of(preprocess, &all.without(&statistics).or(known));
            if !told.is_empty() {
                log::info!("preprocessing (as metadata `{key}` says): {}", told.join(" "));
            }
        }
        let assumed = options_of(preprocess, &rest);
        if !assumed.is_empty() {
            log::info!("preprocessing (assumed): {}", assumed.join(" "));
        }
        if let Some(Shown { range, by: By::Nodes }) = self.shown
            && !takes_bytes
            && known.mean.is_none()
            && known.std.is_none()
        {
            let range = described(range);
            log::info!("the model's first nodes normalise channels {range}, which it is given");
        }
    }
}
