//! What a model of another tool, or a file beside it, says of its preprocessing.

use std::path::PathBuf;

use anyhow::{Context, Result};
use mbn_cli::Hint;
use mbn_spec::PartialPreprocess;
use mbn_weights::{FromFile, model_preprocess};

use super::ASSUMED;
use crate::model::Foreign;

/// What the model or a file beside it says.
#[derive(Default)]
pub(super) struct Stated {
    /// The preprocessing.
    pub preprocess: PartialPreprocess,
    /// The part of the shorter side that the crop keeps, if that is what is said.
    pub crop_part: Option<f64>,
    /// Another size that is said, in pixels, and the part that the crop keeps at it.
    pub test: Option<(usize, f64)>,
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
                source: "Ultralytics' metadata".to_owned(),
                ..Self::default()
            });
        }
        Self::in_folders(&foreign.folders)
    }

    /// What the files of the nearest folder say. Where that is a size alone, as a network's own configuration has it, the next folder
    /// is asked for the rest.
    fn in_folders(folders: &[PathBuf]) -> Result<Self> {
        let mut stated = Self::default();
        for folder in folders {
            let found = model_preprocess(folder, ASSUMED.preprocess());
            let found = found
                .with_context(|| format!("the preprocessing in `{}` cannot be used", folder.display()))
                .hint(|| "`--preprocess PRESET` says it in the file's place".to_owned())?;
            let Some(FromFile { value, file }) = found else {
                continue;
            };
            let source = format!("`{file}` beside it");
            if let Some(name) = &value.unknown_type {
                log::warn!("{source} names the unknown type `{name}` and is read as most types are");
            }
            let blue_by = format!("{source} puts it before red");
            if stated.preprocess.is_empty() {
                stated.source = source;
            } else if has_more_than_a_size(&value.preprocess) {
                // The size that was found is for a file that says none, unless what it says depends on one.
                let takes = value.preprocess.size.or(value.preprocess.shorter).is_none();
                stated.preprocess.size = stated.preprocess.size.filter(|_| takes);
                stated.source = match takes {
                    true => format!("{source}, with the size of {},", stated.source),
                    false => source,
                };
            } else {
                continue;
            }
            stated = Self {
                preprocess: value.preprocess.or(stated.preprocess),
                crop_part: value.crop_part,
                test: value.test,
                source: stated.source,
                blue_by: value.blue_first.then_some(blue_by),
            };
            if has_more_than_a_size(&stated.preprocess) {
                break;
            }
        }
        Ok(stated)
    }
}

/// Whether parts other than the size are said.
fn has_more_than_a_size(preprocess: &PartialPreprocess) -> bool {
    let rest = PartialPreprocess {
        size: None,
        ..*preprocess
    };
    !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use mbn_spec::Resize;
    use tempfile::TempDir;

    use super::*;

    const NETWORK: (&str, &str) = ("config.json", r#"{"model_type": "vit", "image_size": 160}"#);
    const VIT: (&str, &str) = (
        "preprocessor_config.json",
        r#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 96, "width": 96}}"#,
    );
    const MEAN: (&str, &str) = (
        "preprocessor_config.json",
        r#"{"image_mean": [0.25, 0.25, 0.25]}"#,
    );
    const SHORTER: (&str, &str) = ("preprocessor_config.json", r#"{"size": {"shortest_edge": 256}}"#);
    const TIMM: (&str, &str) = (
        "config.json",
        r#"{"architecture": "a", "pretrained_cfg": {"input_size": [3, 96, 96]}}"#,
    );

    /// What the files of a folder and of the one above it say, in this order.
    fn stated(folders: [&[(&str, &str)]; 2]) -> Stated {
        let root = TempDir::new().unwrap();
        let paths: Vec<_> = (0..2).map(|i| root.path().join(i.to_string())).collect();
        for (path, files) in paths.iter().zip(folders) {
            std::fs::create_dir(path).unwrap();
            for (name, content) in files {
                std::fs::write(path.join(name), content).unwrap();
            }
        }
        Stated::in_folders(&paths).unwrap()
    }

    /// A network's own configuration may lie in the folder `onnx`, and that of its preprocessing above it.
    #[test]
    fn a_size_alone_does_not_hide_the_folder_above() {
        let alone = stated([&[VIT], &[]]);
        assert_eq!(alone.preprocess.resize, Some(Resize::Square));
        for folders in [
            [&[NETWORK][..], &[VIT][..]],
            [&[], &[VIT]],
            [&[NETWORK], &[VIT, NETWORK]],
        ] {
            let found = stated(folders);
            assert_eq!(found.preprocess, alone.preprocess, "{folders:?}");
            assert_eq!(found.source, "`preprocessor_config.json` beside it");
        }
        let timm = stated([&[NETWORK], &[TIMM]]);
        assert_eq!(
            (timm.preprocess.size, timm.preprocess.shorter),
            (Some(96), Some(109))
        );
        assert!(timm.crop_part.is_some());
        // The nearest that says more than a size is all that counts.
        let near = stated([&[MEAN], &[VIT]]);
        assert_eq!(
            (near.preprocess.mean, near.preprocess.size),
            (Some([0.25; 3]), None)
        );
    }

    #[test]
    fn a_size_is_kept_where_the_folder_above_has_none() {
        let size = |folders| {
            let found = stated(folders);
            (found.preprocess.size, found.preprocess.mean, found.source)
        };
        let config = "`config.json` beside it".to_owned();
        let other = [("config.json", r#"{"image_size": 224}"#)];
        assert_eq!(size([&[NETWORK], &[]]), (Some(160), None, config.clone()));
        assert_eq!(size([&[NETWORK], &other]), (Some(160), None, config.clone()));
        let both = format!("`preprocessor_config.json` beside it, with the size of {config},");
        assert_eq!(size([&[NETWORK], &[MEAN]]), (Some(160), Some([0.25; 3]), both));
        // A shorter side is of the size that its library assumes.
        let source = "`preprocessor_config.json` beside it".to_owned();
        assert_eq!(size([&[NETWORK], &[SHORTER]]), (None, None, source));
    }

    #[test]
    fn an_unknown_type_says_nothing_by_itself() {
        let unknown = (
            "preprocessor_config.json",
            r#"{"image_processor_type": "TimmWrapperImageProcessor", "pretrained_cfg": {}}"#,
        );
        assert_eq!(
            stated([&[unknown], &[VIT]]).preprocess,
            stated([&[VIT], &[]]).preprocess
        );
        assert!(stated([&[unknown], &[]]).preprocess.is_empty());
    }
}
