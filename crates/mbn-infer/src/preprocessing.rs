//! How images become the input of a model: what the user gives, what the model or a file beside it says, and what is assumed
//! where none of them says anything.

mod shown;
mod stated;
mod told;

use anyhow::{Result, anyhow, bail};
use mbn_cli::{Hint, options_of};
use mbn_engine::images::PixelType;
use mbn_spec::text::joined;
use mbn_spec::{PartialPreprocess, Preprocess, Preset, Resize, SMALLEST_OF_ANY, SMALLEST_SIZE, shorter_for};

use crate::given::Given;
use crate::model::{Foreign, Model};
use shown::{Said, Shown, statistics_of};
use stated::Stated;

/// What is assumed about a model of another tool that says nothing.
const ASSUMED: Preset = Preset::Imagenet;
/// The range that is assumed about one that takes grey pictures, of which it is given the whole.
const ASSUMED_OF_GREY: Preset = Preset::Unit;

/// Everything that is said about a model's preprocessing, before its input is known.
pub struct Preprocessing {
    given: Given,
    /// What the model says about itself in this project's terms.
    stated: Option<Preprocess>,
    /// What the model or a file beside it says.
    read: PartialPreprocess,
    /// Where that is from.
    source: String,
    /// The part of the shorter side that the crop keeps, if that is what is read.
    crop_part: Option<f64>,
    /// Another size that is read, in pixels, and the part that the crop keeps at it.
    test: Option<(usize, f64)>,
    /// What says a mean or a standard deviation that the first nodes contradict, so that they count.
    left_aside: Option<String>,
    /// What says that blue comes before red, if a file beside the model does.
    blue_by: Option<String>,
    /// What is taken for the rest.
    usual: Preprocess,
    /// The rest is an assumption, which the user is told.
    is_foreign: bool,
    /// How pictures are normalised is said before what the model shows.
    said: Said,
    /// The range of the channels that the model takes, as far as it shows it; `usual` goes by it.
    shown: Option<Shown>,
}

impl Preprocessing {
    /// What the user, the model and the files beside it say.
    ///
    /// # Errors
    /// A file beside the model cannot be used.
    pub fn of(model: &Model, given: Given) -> Result<Self> {
        let stated = model.stated_preprocess();
        let own = stated.map(|stated| Stated {
            preprocess: stated.into(),
            source: "its metadata".to_owned(),
            ..Stated::default()
        });
        let Stated {
            preprocess: mut read,
            crop_part,
            test,
            source,
            blue_by,
        } = match model.foreign() {
            // The user says it all, but for the order of the channels; a file that cannot be used says nothing.
            Some(foreign) if given.preset.is_some() => {
                let size = stated.map(|stated| stated.size);
                let size = size.or(foreign.ultralytics.as_ref().and_then(|told| told.size));
                Stated {
                    preprocess: PartialPreprocess {
                        size,
                        ..PartialPreprocess::default()
                    },
                    source: "its metadata".to_owned(),
                    blue_by: Stated::beside(foreign).ok().and_then(|stated| stated.blue_by),
                    ..Stated::default()
                }
            }
            Some(foreign) => match own {
                Some(own) => own,
                None => Stated::beside(foreign)?,
            },
            None => own.unwrap_or_default(),
        };
        // A file may be about the network alone, without what the graph does before it.
        let normalises = model.foreign().and_then(|foreign| foreign.normalisation);
        let left_aside = normalises
            .filter(|found| given.preset.is_none() && shown::contradicts(found.range, (read.mean, read.std)));
        if left_aside.is_some() {
            (read.mean, read.std) = (None, None);
        }
        let known = given.parts.stated().or(read);
        let said = match given.preset {
            Some(_) => Said::Preset,
            None if known.mean.is_some() && known.std.is_some() => Said::Statistics,
            None => Said::Nothing,
        };
        let shown = model.foreign().and_then(|foreign| Shown::of(foreign, said));
        let usual = match (model.foreign(), given.preset) {
            (_, Some(preset)) => preset.preprocess(),
            (Some(foreign), None) => assumed(shown.as_ref(), foreign.is_grey),
            (None, None) => Preprocess::default(),
        };
        Ok(Self {
            given,
            stated,
            read: match given.preset {
                Some(_) => PartialPreprocess {
                    size: read.size,
                    ..PartialPreprocess::default()
                },
                None => read,
            },
            left_aside: left_aside.map(|_| source.clone()),
            source,
            crop_part,
            test,
            blue_by,
            usual,
            is_foreign: model.foreign().is_some(),
            said,
            shown,
        })
    }

    /// Refuses a model of another tool that asks for pictures that cannot be made, and an order of channels for other models.
    ///
    /// # Errors
    /// It asks for them, and neither the user nor a file says how its pictures are made; the user gives an order to a model that has one.
    pub fn require(&self, model: &Model) -> Result<()> {
        match model.foreign() {
            Some(foreign) => {
                shown::require(foreign, model.name(), self.said)?;
                self.warn_of_twice(foreign, model.name());
                Ok(())
            }
            None if self.given.channels.is_some() => {
                bail!("`--channels` has no effect: {} takes red first", model.name())
            }
            None => Ok(()),
        }
    }

    /// Warns if a model, which messages call `name`, normalises its pictures itself, and something says that they are normalised before.
    fn warn_of_twice(&self, foreign: &Foreign, name: &str) {
        let Some(nodes) = foreign.normalisation else {
            return;
        };
        let range = shown::described(nodes.range);
        if let Some(source) = &self.left_aside {
            log::warn!(
                "mean and standard deviation of {source} are left aside: the first nodes of {name} normalise channels {range}, which \
                 they are given\nhint: `--mean` and `--std` normalise them before"
            );
        }
        let given = self.given.parts.stated();
        let preset = self.given.preset.map(Preset::preprocess);
        let mean = given.mean.or(preset.map(|preset| preset.mean));
        let std = given.std.or(preset.map(|preset| preset.std));
        if shown::contradicts(nodes.range, (mean, std)) {
            let preset = shown::preset_of(nodes.range);
            log::warn!(
                "pictures are normalised twice: the first nodes of {name} normalise channels {range}, and the options do it before\n\
                 hint: leave `--mean` and `--std` out, or `--preprocess {preset}` gives channels {range}"
            );
        }
    }

    /// Whether the model takes blue first. Logs what shows it.
    pub fn is_blue_first(&self, model: &Model) -> bool {
        let blue_by = self.blue_by.clone();
        model
            .foreign()
            .is_some_and(|foreign| shown::is_blue_first(foreign, model.name(), self.given.channels, blue_by))
    }

    /// Height and width of the images, unless the model's input fixes them.
    pub fn size(&self) -> usize {
        let size = self.given.parts.size.or(self.read.size);
        size.unwrap_or(self.usual.size)
    }

    /// The preprocessing for an input that may fix the size, and may take bytes, which the model normalises itself, or whole
    /// pictures, which it resizes as well. `is_grey`: it takes one channel. Logs what was read and assumed about a model of another
    /// tool.
    ///
    /// # Errors
    /// The user gives what the input does not allow, or no picture can follow the result.
    pub fn settle(
        &self,
        input_size: Option<usize>,
        pixel_type: PixelType,
        is_grey: bool,
    ) -> Result<Preprocess> {
        let parts = &self.given.parts;
        match pixel_type {
            PixelType::Float => {}
            PixelType::Uint8 => self.refuse_statistics()?,
            PixelType::Pictures => self.refuse_all()?,
        }
        if is_grey {
            self.require_one_channel(pixel_type)?;
        }
        if let (Some(size), Some(input)) = (parts.size, input_size)
            && size != input
        {
            bail!("`--size {size}` does not fit the model, whose input takes images of {input} x {input}");
        }
        let said = self.read.over(self.usual);
        let size = input_size.or(parts.size);
        let mut sized = size.map_or(said, |size| said.with_size(size));
        // Another size than the file's has the shorter side that follows from the part, not from the file's rounded one.
        let part = self.test.filter(|(test, _)| *test == sized.size);
        let part = part.map(|(_, part)| part).or(self.crop_part);
        if let (Some(part), Resize::Crop) = (part, sized.resize) {
            sized = sized.with_shorter(shorter_for(sized.size, part));
        }
        let smallest = if self.is_foreign {
            SMALLEST_OF_ANY
        } else {
            SMALLEST_SIZE
        };
        let mut preprocess = parts.over_from(sized, smallest)?;
        let takes_bytes = pixel_type != PixelType::Float;
        if let Some(inside) = self.stated.filter(|_| takes_bytes) {
            // What the model computes, whatever a preset has: candle needs it.
            (preprocess.mean, preprocess.std) = (inside.mean, inside.std);
        }
        if self.is_foreign {
            self.log(&preprocess, input_size, takes_bytes);
        }
        Ok(preprocess)
    }

    /// Refuses what is said of red, green and blue about a model that takes grey.
    fn require_one_channel(&self, pixel_type: PixelType) -> Result<()> {
        if self.given.channels.is_some() {
            bail!("`--channels` has no effect: the model's input takes one channel, grey");
        }
        let said = self.given.parts.stated().or(self.read);
        let (mean, std) = (
            said.mean.unwrap_or(self.usual.mean),
            said.std.unwrap_or(self.usual.std),
        );
        let are_equal = |[red, green, blue]: [f32; 3]| red == green && green == blue;
        if pixel_type != PixelType::Float || are_equal(mean) && are_equal(std) {
            return Ok(());
        }
        Err(anyhow!(
            "mean {mean:?} and std {std:?} are of red, green and blue, but the model's input takes one channel, grey"
        ))
        .hint(|| "`--mean` and `--std` take one number each; `--mean 0 --std 1` gives it channels from 0 to 1".to_owned())
    }

    /// Refuses what the user gives about a model that takes whole pictures.
    fn refuse_all(&self) -> Result<()> {
        let preset = self.given.preset.map(|preset| format!("`--preprocess {preset}`"));
        let parts = self.given.parts.given().into_iter();
        let given: Vec<_> = preset
            .into_iter()
            .chain(parts.map(|option| format!("`{option}`")))
            .collect();
        match given.as_slice() {
            [] => Ok(()),
            given => Err(anyhow!(
                "{} no effect: the model resizes and normalises pictures itself",
                having(given)
            ))
            .hint(|| "`mbn-export --resize-inside` takes these options when it writes the model".to_owned()),
        }
    }

    /// Refuses what the user gives about the normalisation of a model that takes bytes.
    fn refuse_statistics(&self) -> Result<()> {
        let parts = self.given.parts.given().into_iter();
        let given: Vec<_> = parts
            .filter(|option| ["--mean", "--std"].contains(option))
            .map(|option| format!("`{option}`"))
            .collect();
        if !given.is_empty() {
            bail!(
                "{} no effect: the model's input takes bytes, which it normalises itself",
                having(&given)
            );
        }
        let Some(preset) = self.given.preset else {
            return Ok(());
        };
        let statistics = |preprocess: Preprocess| (preprocess.mean, preprocess.std);
        let own = self.stated.map(statistics);
        let named = statistics(preset.preprocess());
        if named == statistics(Preset::Bytes.preprocess()) || Some(named) == own {
            return Ok(());
        }
        Err(anyhow!(
            "the mean and the standard deviation of `--preprocess {preset}` have no effect: the model's input takes \
             bytes, which it normalises itself"
        ))
        .hint(|| {
            let resize = PartialPreprocess {
                size: Some(0),
                mean: Some([0.0; 3]),
                std: Some([1.0; 3]),
                ..PartialPreprocess::default()
            };
            let options = options_of(&preset.preprocess().with_size(self.size()), &resize).join(" ");
            format!("`--preprocess {} {options}` resizes as it does", Preset::Bytes)
        })
    }
}

/// What is assumed about a model of another tool, which may show the range of the channels that it takes.
fn assumed(shown: Option<&Shown>, is_grey: bool) -> Preprocess {
    let usual = match is_grey {
        true => Preprocess {
            resize: Resize::Square,
            ..ASSUMED_OF_GREY.preprocess()
        },
        false => ASSUMED.preprocess(),
    };
    let Preprocess { mean, std, .. } = shown.map_or(usual, |shown| statistics_of(shown.range));
    Preprocess { mean, std, ..usual }
}

/// The options, and the verb that follows them.
fn having(options: &[String]) -> String {
    let verb = if options.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", joined(options))
}

#[cfg(test)]
mod tests;
