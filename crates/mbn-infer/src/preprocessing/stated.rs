//! What a model of another tool, or a file beside it, says of its preprocessing.

use anyhow::{Context, Result};
use mbn_cli::Hint;
use mbn_spec::PartialPreprocess;
use mbn_weights::model_preprocess;

use super::ASSUMED;
use crate::model::Foreign;

/// What the model or a file beside it says.
#[derive(Default)]
pub(super) struct Stated {
    /// The preprocessing.
    pub preprocess: PartialPreprocess,
    /// The part of the shorter side that the crop keeps, if that is what is said.
    pub crop_part: Option<f64>,
    /// Where that is from.
    pub source: String,
    /// What says that blue comes before red, if it does.
    pub blue_by: Option<String>,
}

impl Stated {
    /// What Ultralytics' metadata says, else a file beside the model.
    ///
    /// # Errors
    /// The file cannot be used.
    pub fn beside(foreign: &Foreign) -> Result<Self> {
        if let Some(told) = &foreign.ultralytics {
            return Ok(Self {
                preprocess: told.preprocess(),
                crop_part: None,
                source: "Ultralytics' metadata".to_owned(),
                blue_by: None,
            });
        }
        for folder in &foreign.folders {
            let found = model_preprocess(folder, ASSUMED.preprocess());
            let found = found
                .with_context(|| format!("the preprocessing in `{}` cannot be used", folder.display()))
                .hint(|| "`--preprocess PRESET` says it in the file's place".to_owned())?;
            if let Some(found) = found {
                let source = format!("`{}` beside it", found.file);
                if let Some(name) = &found.value.unknown_type {
                    log::warn!("{source} names the unknown type `{name}` and is read as most types are");
                }
                let blue_by = format!("{source} puts it before red");
                return Ok(Self {
                    preprocess: found.value.preprocess,
                    crop_part: found.value.crop_part,
                    source,
                    blue_by: found.value.blue_first.then_some(blue_by),
                });
            }
        }
        Ok(Self::default())
    }
}
