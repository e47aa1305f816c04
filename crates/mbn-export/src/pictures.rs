//! Pictures in every form that networks take them in: whole, resized as bytes, and normalised.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use image::RgbImage;
use mbn_data::{CollectError, Normalizer, collect, decode_file, resize};
use mbn_engine::images::{Picture, PixelBuffer, PixelType};
use mbn_spec::Preprocess;
use mbn_spec::text::counted;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

/// Some pictures.
pub(crate) struct Sample {
    whole: Vec<RgbImage>,
    /// As the network's preprocessing makes them.
    resized: Vec<RgbImage>,
    preprocess: Preprocess,
}

impl Sample {
    /// Pictures of any size.
    ///
    /// # Errors
    /// A picture that cannot be resized.
    pub fn of_whole(whole: Vec<RgbImage>, preprocess: &Preprocess) -> Result<Self> {
        let resized = whole.par_iter().map(|image| resize(image, preprocess));
        Ok(Self {
            resized: resized.collect::<Result<_, _>>()?,
            whole,
            preprocess: *preprocess,
        })
    }

    /// Pictures that have the network's size. They do not serve a network that resizes.
    pub fn of_resized(resized: Vec<RgbImage>, preprocess: &Preprocess) -> Self {
        Self {
            whole: Vec::new(),
            resized,
            preprocess: *preprocess,
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.resized.len()
    }

    /// Height and width of the network's input.
    pub fn size(&self) -> usize {
        self.preprocess.size
    }

    /// The same with about half of the resized bytes moved by a level, always the same ones.
    pub fn rounded_otherwise(&self) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(2);
        let mut resized = self.resized.clone();
        for byte in resized.iter_mut().flat_map(|image| image.iter_mut()) {
            *byte = match rng.random_range(0..4u8) {
                0 => byte.saturating_add(1),
                1 => byte.saturating_sub(1),
                _ => *byte,
            };
        }
        Self::of_resized(resized, &self.preprocess)
    }

    /// `[n, 3, size, size]`, normalised.
    pub fn floats(&self) -> Vec<f32> {
        let normalizer = Normalizer::new(&self.preprocess);
        let len = 3 * self.preprocess.size * self.preprocess.size;
        let mut floats = vec![0.0; self.resized.len() * len];
        for (image, slot) in self.resized.iter().zip(floats.chunks_exact_mut(len)) {
            normalizer.apply(image, slot);
        }
        floats
    }

    /// The pictures as a network with this kind of input takes them.
    pub fn pixels(&self, pixel_type: PixelType) -> PixelBuffer {
        match pixel_type {
            PixelType::Float => PixelBuffer::Float(self.floats()),
            PixelType::Uint8 => PixelBuffer::Uint8(self.bytes()),
            PixelType::Pictures => PixelBuffer::Pictures(self.whole.iter().map(picture).collect()),
        }
    }

    /// `[n, size, size, 3]`
    pub fn bytes(&self) -> Vec<u8> {
        bytes(&self.resized)
    }

    /// Height and width of whole pictures that are all alike, and their bytes.
    pub fn whole(&self) -> ([usize; 2], Vec<u8>) {
        let size = self
            .whole
            .first()
            .map_or([0; 2], |image| [image.height() as usize, image.width() as usize]);
        (size, bytes(&self.whole))
    }
}

fn bytes(images: &[RgbImage]) -> Vec<u8> {
    images.iter().flat_map(|image| image.as_raw()).copied().collect()
}

fn picture(image: &RgbImage) -> Picture {
    Picture {
        height: image.height() as usize,
        width: image.width() as usize,
        bytes: image.as_raw().clone(),
    }
}

/// Gives the pictures of a folder to `use_sample`, at most `batch` at once, and returns how many there are: whole as well if a
/// network with this kind of input takes them so. Those that cannot be used are reported and left out.
///
/// # Errors
/// There is none that can be used; an error of `use_sample`.
pub(crate) fn read(
    folder: &Path,
    preprocess: &Preprocess,
    pixel_type: PixelType,
    batch: usize,
    mut use_sample: impl FnMut(Sample) -> Result<()>,
) -> Result<usize> {
    let paths = check_images(folder)?;
    let mut used = 0;
    for batch in paths.chunks(batch) {
        let mut sample = Sample::of_resized(Vec::new(), preprocess);
        match pixel_type {
            PixelType::Float | PixelType::Uint8 => sample.resized = load_resized(batch, preprocess),
            PixelType::Pictures => {
                let pairs = load(batch, |path| {
                    let whole = decode_file(path)?;
                    let resized = resize(&whole, preprocess)?;
                    Ok((whole, resized))
                });
                (sample.whole, sample.resized) = pairs.into_iter().unzip();
            }
        }
        if sample.len() > 0 {
            used += sample.len();
            use_sample(sample)?;
        }
    }
    if used == 0 {
        return Err(none_usable(folder, OPTION, paths.len()).context(Unusable::Pictures));
    }
    Ok(used)
}

/// Name of the option in messages.
const OPTION: &str = "--check-images";

/// What files are to be checked with cannot be used, which says nothing of the files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unusable {
    /// The pictures.
    Pictures,
    /// The weights.
    Weights,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pictures => "there are no pictures to check it on",
            Self::Weights => "there are no weights to compare it with",
        })
    }
}

/// The pictures in the folder of `--check-images`.
///
/// # Errors
/// As [`paths`]; the error is [`Unusable`].
pub(crate) fn check_images(folder: &Path) -> Result<Vec<PathBuf>> {
    paths(folder, OPTION).context(Unusable::Pictures)
}

/// The pictures in the folder that the user gave with `option`. What is in it but cannot be reached, such as a link to nowhere, is
/// reported and left out.
///
/// # Errors
/// The folder cannot be read, or has none; the machine fails.
pub(crate) fn paths(folder: &Path, option: &str) -> Result<Vec<PathBuf>> {
    let (mut paths, mut unreachable) = (Vec::new(), Vec::new());
    for found in collect(&[folder.to_owned()]).pictures {
        match found {
            Ok(path) => paths.push(path),
            Err(error) => unreachable.push(error),
        }
    }
    let ends = |error: &CollectError| paths.is_empty() || error.kind.is_of_machine();
    if let Some(i) = unreachable.iter().position(ends) {
        return Err(unreachable.swap_remove(i))
            .with_context(|| format!("`{option} {}` cannot be used", folder.display()));
    }
    for error in unreachable {
        log::warn!("{:#}", Error::from(error));
    }
    Ok(paths)
}

/// Pictures as the preprocessing makes them. Photos from a camera are large: each is whole only while it is resized. Those that
/// cannot be used are reported and left out.
pub(crate) fn load_resized(paths: &[PathBuf], preprocess: &Preprocess) -> Vec<RgbImage> {
    load(paths, |path| Ok(resize(&decode_file(path)?, preprocess)?))
}

/// What `read` makes of each file. Those that cannot be used are reported and left out.
fn load<T: Send>(paths: &[PathBuf], read: impl Fn(&Path) -> Result<T> + Sync) -> Vec<T> {
    let loaded: Vec<_> = paths.par_iter().map(|path| read(path)).collect();
    let usable = loaded
        .into_iter()
        .filter_map(|picture| picture.inspect_err(|error| log::warn!("{error:#}")).ok());
    usable.collect()
}

/// The error for a folder none of whose `n` pictures can be used.
pub(crate) fn none_usable(folder: &Path, option: &str, n: usize) -> Error {
    anyhow!(
        "none of the {} in `{option} {}` can be used",
        counted(n, "picture"),
        folder.display()
    )
}
