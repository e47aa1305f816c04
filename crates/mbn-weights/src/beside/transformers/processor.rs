//! The types of processor that classifiers have in transformers 5, and what they take for what a file leaves out.

use mbn_spec::{Interpolation, Preset};

use crate::beside::fields::{BesideError, Object};

/// The fields that name the type, the newer one first.
const TYPES: [&str; 2] = ["image_processor_type", "feature_extractor_type"];
/// Ends of the name that say how a processor computes, and not what.
const BACKENDS: [&str; 2] = ["Fast", "Pil"];
/// What the name ends in then, today and in older files.
const ENDS: [&str; 2] = ["ImageProcessor", "FeatureExtractor"];

/// A type of processor.
#[derive(Debug)]
pub(super) struct Processor {
    /// Without what all names end in.
    pub name: &'static str,
    /// The networks, as `config.json` calls them, that have it.
    models: &'static [&'static str],
    pub steps: Steps,
    /// What a number alone means for `size`.
    pub number: Number,
    /// `size`, if the file has none.
    pub size: Sides,
    /// `do_center_crop`, if the file has none.
    pub crops: bool,
    /// `crop_size`, if the file has none.
    pub crop_size: Option<usize>,
    pub interpolation: Interpolation,
    /// What has its mean and standard deviation.
    pub range: Preset,
}

/// What a number alone means for `size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    Square,
    Shorter,
}

/// What a picture is resized to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sides {
    Square(usize),
    Shorter(usize),
}

/// What a processor does otherwise than resize, crop, scale and normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// Nothing.
    Usual,
    /// The shorter side is 256/224 of `size`.
    Levit,
    /// The centre is a part of the shorter side below 384 pixels.
    ConvNext,
    /// The centre is a part of the shorter side.
    PoolFormer,
    /// It divides by the standard deviation twice if `include_top` is true.
    EfficientNet,
    /// It normalises nothing, and puts blue before red unless the file says otherwise.
    MobileVit,
    /// It crops before it resizes.
    Perceiver,
    /// It does what no option does.
    Refused(&'static str),
}

/// The type of a file.
pub(super) enum Found {
    Known(&'static Processor),
    /// The file names one that is not known.
    Unknown(String),
    /// Neither the file nor the network says it.
    Unnamed,
}

/// The type that a file names, or else the network.
pub(super) fn of(config: &Object, model: Option<&str>) -> Result<Found, BesideError> {
    for field in TYPES {
        if let Some(full) = config.text(field)? {
            let name = BACKENDS
                .iter()
                .fold(full, |name, end| name.strip_suffix(end).unwrap_or(name));
            let name = ENDS
                .iter()
                .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
            let known = PROCESSORS.iter().find(|known| known.name == name);
            return Ok(known.map_or_else(|| Found::Unknown(full.to_owned()), Found::Known));
        }
    }
    let has_model = |known: &&Processor| model.is_some_and(|model| known.models.contains(&model));
    Ok(PROCESSORS
        .iter()
        .find(has_model)
        .map_or(Found::Unnamed, Found::Known))
}

/// The error for a type that does what no option does.
pub(super) fn refused(config: &Object, known: &Processor, reason: &str) -> BesideError {
    let expected = format!(
        "a processor that resizes, crops and normalises; {} {reason}",
        known.name
    );
    let named = TYPES
        .iter()
        .find(|field| matches!(config.text(field), Ok(Some(_))));
    config.wrong(named.unwrap_or(&TYPES[0]), &expected)
}

/// Squeezes pictures to 224 pixels.
const SQUEEZING: Processor = Processor {
    name: "",
    models: &[],
    steps: Steps::Usual,
    number: Number::Square,
    size: Sides::Square(224),
    crops: false,
    crop_size: None,
    interpolation: Interpolation::Bicubic,
    range: Preset::Half,
};

/// Cuts 224 pixels out of pictures whose shorter side is as long.
const CROPPING: Processor = Processor {
    number: Number::Shorter,
    size: Sides::Shorter(224),
    crops: true,
    crop_size: Some(224),
    ..SQUEEZING
};

const fn refusing(name: &'static str, models: &'static [&'static str], reason: &'static str) -> Processor {
    Processor {
        name,
        models,
        steps: Steps::Refused(reason),
        ..SQUEEZING
    }
}

static PROCESSORS: [Processor; 25] = [
    Processor {
        name: "Beit",
        models: &["beit", "data2vec-vision"],
        crop_size: Some(224),
        ..SQUEEZING
    },
    Processor {
        name: "Bit",
        models: &["bit", "dinov2", "focalnet", "hiera"],
        range: Preset::Clip,
        ..CROPPING
    },
    Processor {
        name: "Blip",
        size: Sides::Square(384),
        range: Preset::Clip,
        ..SQUEEZING
    },
    Processor {
        name: "CLIP",
        models: &["clip", "metaclip_2"],
        range: Preset::Clip,
        ..CROPPING
    },
    Processor {
        name: "ChineseCLIP",
        range: Preset::Clip,
        ..CROPPING
    },
    Processor {
        name: "ConvNext",
        models: &["convnext", "convnextv2", "cvt", "regnet", "resnet"],
        steps: Steps::ConvNext,
        number: Number::Shorter,
        size: Sides::Shorter(384),
        ..SQUEEZING
    },
    Processor {
        name: "DINOv3ViT",
        interpolation: Interpolation::Bilinear,
        range: Preset::Imagenet,
        ..SQUEEZING
    },
    Processor {
        name: "DeiT",
        models: &["deit"],
        size: Sides::Square(256),
        crops: true,
        crop_size: Some(224),
        ..SQUEEZING
    },
    Processor {
        name: "EfficientNet",
        models: &["efficientnet"],
        steps: Steps::EfficientNet,
        size: Sides::Square(346),
        crop_size: Some(289),
        ..SQUEEZING
    },
    Processor {
        name: "Gemma3",
        models: &["shieldgemma2"],
        interpolation: Interpolation::Bilinear,
        ..SQUEEZING
    },
    Processor {
        name: "Levit",
        models: &["levit"],
        steps: Steps::Levit,
        range: Preset::Imagenet,
        ..CROPPING
    },
    Processor {
        name: "MobileNetV1",
        models: &["mobilenet_v1"],
        size: Sides::Shorter(256),
        interpolation: Interpolation::Bilinear,
        ..CROPPING
    },
    Processor {
        name: "MobileNetV2",
        models: &["mobilenet_v2"],
        size: Sides::Shorter(256),
        interpolation: Interpolation::Bilinear,
        ..CROPPING
    },
    Processor {
        name: "MobileViT",
        models: &["mobilevit", "mobilevitv2"],
        steps: Steps::MobileVit,
        crop_size: Some(256),
        ..CROPPING
    },
    Processor {
        name: "Perceiver",
        models: &["perceiver"],
        steps: Steps::Perceiver,
        crops: true,
        crop_size: Some(256),
        range: Preset::Imagenet,
        ..SQUEEZING
    },
    Processor {
        name: "PoolFormer",
        models: &["poolformer"],
        steps: Steps::PoolFormer,
        range: Preset::Imagenet,
        ..CROPPING
    },
    Processor {
        name: "Pvt",
        models: &["pvt", "pvt_v2"],
        range: Preset::Imagenet,
        ..SQUEEZING
    },
    Processor {
        name: "Segformer",
        models: &["segformer"],
        size: Sides::Square(512),
        interpolation: Interpolation::Bilinear,
        range: Preset::Imagenet,
        ..SQUEEZING
    },
    Processor {
        name: "Siglip",
        models: &["siglip"],
        number: Number::Shorter,
        ..SQUEEZING
    },
    Processor {
        name: "ViT",
        models: &[
            "dinat",
            "ijepa",
            "swiftformer",
            "swin",
            "swinv2",
            "vit",
            "vit_msn",
        ],
        interpolation: Interpolation::Bilinear,
        ..SQUEEZING
    },
    refusing("Donut", &["donut-swin"], "pads"),
    refusing(
        "ImageGPT",
        &["imagegpt"],
        "replaces colours by those of a palette",
    ),
    refusing("PPLCNet", &["pp_lcnet"], "puts blue before red"),
    refusing("Siglip2", &["siglip2"], "cuts pictures of any shape into patches"),
    refusing(
        "TextNet",
        &["textnet"],
        "rounds both sides up to a multiple of a number",
    ),
];
