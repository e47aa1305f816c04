//! What a model says about itself to a person.

use mbn_spec::{Architecture, Interpolation, Preprocess, Resize};

use crate::{ExportOptions, InputKind, InputSize, Precision};

/// The model in a few sentences: what goes in, what comes out.
pub(super) fn text(architecture: &Architecture, preprocess: &Preprocess, options: &ExportOptions) -> String {
    let Preprocess {
        size,
        interpolation,
        mean,
        std,
        ..
    } = preprocess;
    let filter = match interpolation {
        Interpolation::Nearest => "nearest pixel".to_owned(),
        Interpolation::BilinearNoAntialias => "bilinear, not antialiased".to_owned(),
        filter => format!("{filter}, antialiased"),
    };
    let resize = match preprocess.resize {
        Resize::Square => format!("resized to {size} x {size} ({filter})"),
        Resize::Crop => format!(
            "resized so that the shorter side has {} pixels ({filter}), then cropped to the central {size} x {size}",
            preprocess.shorter_side()
        ),
    };
    let normalised = format!("scaled to [0, 1], normalised with mean {mean:?} and std {std:?}");
    let input = match (options.input, options.size) {
        (InputKind::Float, _) => format!("RGB pictures {resize}, {normalised}, channels first"),
        (InputKind::Uint8, InputSize::Resized) => {
            format!(
                "RGB pictures of any size as bytes, channels last; inside they are {resize} and {normalised}"
            )
        }
        (InputKind::Uint8, _) => {
            format!("RGB pictures {resize}, as bytes, channels last; inside they are {normalised}")
        }
    };
    let norm = match options.fold {
        true => "Batch norm is folded into the convolutions",
        false => "Batch norm is kept",
    };
    let mut outputs = vec!["`logits`"];
    if options.softmax {
        outputs.push("`probabilities` (softmax of the logits)");
    }
    if options.features {
        outputs.push("`features` (averaged over the last layer's pixels, the classifier's input)");
    }
    let values = match options.precision {
        Precision::Int8 => "weights are int8, values between layers uint8".to_owned(),
        precision => format!("values are {precision}"),
    };
    format!(
        "{architecture}. `input`: {input}. Outputs: {}. {norm}; {values}.",
        outputs.join(", "),
    )
}
