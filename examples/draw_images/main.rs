//! Draws the pictures in `examples/images/`, so that there is something to classify that is free to give away.
//!
//! ```text
//! cargo run -p mbn-plot --example draw_images [FOLDER]           writes them, by default to examples/images
//! cargo run -p mbn-plot --example draw_images -- --check [FOLDER] compares them with what is drawn now
//! ```

mod cassette_player;
mod chain_saw;
mod church;
mod french_horn;
mod garbage_truck;
mod garbage_truck_cab;
mod gas_pump;
mod golf_ball;
mod layer;
mod nature;
mod noise;
mod parachute;
mod tench;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, RgbImage, codecs};

type Painter = fn() -> RgbImage;

/// File name and painter of each picture; the file name says which class it shows.
const PICTURES: [(&str, Painter); 9] = [
    ("cassette_player.png", cassette_player::draw),
    ("chain_saw.png", chain_saw::draw),
    ("church.jpg", church::draw),
    ("french_horn.jpg", french_horn::draw),
    ("garbage_truck.jpg", garbage_truck::draw),
    ("gas_pump.jpg", gas_pump::draw),
    ("golf_ball.jpg", golf_ball::draw),
    ("parachute.jpg", parachute::draw),
    ("tench.jpg", tench::draw),
];

const JPEG_QUALITY: u8 = 85;
/// Mathematical functions and vector units differ between machines by a rounding, which JPEG can turn into a few levels.
const MEAN_DIFFERENCE: f64 = 0.05;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let check_only = arguments.first().is_some_and(|first| first == "--check");
    if check_only {
        arguments.remove(0);
    }
    ensure!(
        arguments.len() <= 1,
        "expected at most one FOLDER, found {}",
        arguments.len()
    );
    let folder = arguments
        .first()
        .map_or_else(|| PathBuf::from("examples/images"), PathBuf::from);
    if check_only {
        check(&folder)
    } else {
        write(&folder)
    }
}

fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for (name, draw) in PICTURES {
        let path = folder.join(name);
        let bytes = encode(name, draw())?;
        std::fs::write(&path, &bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
        println!("{}  {} bytes", path.display(), bytes.len());
    }
    Ok(())
}

fn check(folder: &Path) -> Result<()> {
    for (name, draw) in PICTURES {
        let path = folder.join(name);
        let stored = image::open(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let drawn = image::load_from_memory(&encode(name, draw())?)?;
        let difference = mean_difference(&stored, &drawn);
        ensure!(
            difference <= MEAN_DIFFERENCE,
            "`{}` is not what is drawn now: mean difference {difference:.2} of 255; run without `--check` to draw it again",
            path.display(),
        );
    }
    Ok(())
}

/// Mean absolute difference of the channel values; infinite for different sizes.
fn mean_difference(one: &DynamicImage, other: &DynamicImage) -> f64 {
    let (one, other) = (one.to_rgb8(), other.to_rgb8());
    if one.dimensions() != other.dimensions() {
        return f64::INFINITY;
    }
    let sum: u64 = one
        .iter()
        .zip(other.iter())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / one.len() as f64
}

fn encode(name: &str, picture: RgbImage) -> Result<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let mut bytes = Vec::new();
    if name.ends_with(".png") {
        let compression = codecs::png::CompressionType::Best;
        codecs::png::PngEncoder::new_with_quality(&mut bytes, compression, codecs::png::FilterType::Adaptive)
            .write_image(&picture, width, height, ExtendedColorType::Rgb8)?;
    } else {
        codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(&picture)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_pictures_are_what_is_drawn() {
        check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/images")).unwrap();
    }
}
