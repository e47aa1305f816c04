//! What the arguments say about the preprocessing.

use mbn_spec::{PartialPreprocess, Preprocess, shorter_for};

use super::super::{crop_mode, crop_part, input_size};
use super::Notes;
use crate::beside::fields::Object;

/// Arguments that say which part of a picture is taken; those of the size come before them.
const CROP: [&str; 2] = ["crop_pct", "crop_mode"];
const SIZE: [&str; 2] = ["input_size", "img_size"];
const STATISTICS: [&str; 2] = ["mean", "std"];

/// What the arguments say. What they leave open is as it is published: `usual`. What cannot be followed takes nothing else with it.
pub(super) fn read(arguments: &Object, usual: Preprocess, notes: &mut Notes) -> PartialPreprocess {
    let geometry = geometry(arguments, usual, notes);
    let interpolation = notes.take("interpolation", arguments.interpolation("interpolation"));
    PartialPreprocess {
        interpolation,
        ..geometry.or(statistics(arguments, usual, notes))
    }
}

/// Size and crop: both, else the size alone, else the crop alone.
fn geometry(arguments: &Object, usual: Preprocess, notes: &mut Notes) -> PartialPreprocess {
    let size = notes.take("input_size", input_size(arguments));
    let size = size.or_else(|| notes.take("img_size", arguments.square("img_size")));
    let part = notes.take("crop_pct", crop_part(arguments));
    let parts = |size: Option<usize>, part: Option<f64>| {
        let shorter = match (size, part) {
            (None, None) => usual.shorter_side(),
            (size, part) => {
                let usual_part = usual.size as f64 / usual.shorter_side() as f64;
                shorter_for(size.unwrap_or(usual.size), part.unwrap_or(usual_part))
            }
        };
        let parts = PartialPreprocess {
            size,
            shorter: (shorter != usual.shorter_side() || size.is_some()).then_some(shorter),
            ..PartialPreprocess::default()
        };
        (parts, shorter)
    };
    let valid = |(parts, _): &(PartialPreprocess, usize)| parts.over(usual).validate();
    let (together, of_size) = (parts(size, part), parts(size, None));
    let (mut found, shorter) = match (valid(&together), valid(&of_size)) {
        (Ok(()), _) => together,
        (Err(error), Ok(())) => {
            notes.drop(&CROP, arguments, &error);
            of_size
        }
        (_, Err(error)) => {
            notes.drop(&SIZE, arguments, &error);
            let of_crop = parts(None, part);
            match valid(&of_crop) {
                Ok(()) => of_crop,
                Err(error) => {
                    notes.drop(&CROP, arguments, &error);
                    parts(None, None)
                }
            }
        }
    };
    if arguments.has("crop_mode") {
        let mode = crop_mode(arguments, found.size.unwrap_or(usual.size), shorter);
        found.resize = notes.take("crop_mode", mode.map(Some));
    }
    found
}

/// Mean and standard deviation: if one of them cannot be followed, the other is of no use. One that is not given is as published.
fn statistics(arguments: &Object, usual: Preprocess, notes: &mut Notes) -> PartialPreprocess {
    let mut read = |name| {
        let read = arguments.channels_or_one(name);
        (read.is_err(), notes.take(name, read))
    };
    let ((is_wrong, mean), (is_other_wrong, std)) = (read("mean"), read("std"));
    let stated = PartialPreprocess {
        mean,
        std,
        ..PartialPreprocess::default()
    };
    let valid = stated.over(usual).validate();
    if is_wrong || is_other_wrong {
        let alone = notes.fields.extract_if(.., |field| STATISTICS.contains(field));
        for field in alone.collect::<Vec<_>>() {
            let error = arguments.error(format!("has a `{field}` for one that is not used"));
            notes.unused.push(error.to_string());
        }
        return PartialPreprocess::default();
    }
    match valid {
        Ok(()) => stated,
        Err(error) => {
            notes.drop(&STATISTICS, arguments, &error);
            PartialPreprocess::default()
        }
    }
}
