//! The proof that a file computes what its weights compute in candle: on noise in several batches, and on pictures.

mod outputs;
mod reference;
mod unrelated;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use mbn_engine::engine::{Engine, Provider};
use mbn_engine::images::PixelType;
use mbn_engine::parity::{Comparison, Tolerance};
use mbn_engine::precision::ModelPrecision;
use mbn_spec::Preprocess;
use mbn_spec::text::{counted, joined};

use crate::noise::{Noise, blocks, extremes};
use crate::pictures::{self, Sample};

pub(crate) use outputs::feed_of;
pub use outputs::{Beside, OtherOutput, other_outputs};
pub use reference::Reference;

/// Batch sizes: one, and others to see that the file does not fix the batch.
const BATCHES: [usize; 3] = [1, 2, 7];
/// Pictures that run at once, unless the file says how many.
const PICTURES: usize = 16;

/// What a few pictures may move the logits further than the few on which [`rounding`] measures.
const FACTOR: f32 = 3.0;

/// What is proven of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// How pictures become the network's input.
    pub preprocess: Preprocess,
    /// The number format that the file computes in.
    pub precision: ModelPrecision,
    /// Number of images that the file takes at once, if it fixes that.
    pub batch: Option<usize>,
    /// Whether the file takes images of another size than the preprocessing makes.
    pub any_size: bool,
    /// Folder of pictures to run, besides noise.
    pub pictures: Option<&'a Path>,
}

/// A file's logits beside candle's.
#[derive(Clone, Debug)]
pub struct Proof {
    /// One for each kind of pictures and batch.
    pub cases: Vec<Case>,
    /// What ran the file.
    pub engine: String,
}

/// Logits of some pictures beside candle's.
#[derive(Clone, Debug)]
pub struct Case {
    /// Whether the pictures are noise.
    pub noise: bool,
    /// Pictures that ran at once.
    pub batch: usize,
    /// How far the logits are apart.
    pub comparison: Comparison,
    /// How far those of an int8 file are from the float network's, whatever that may be.
    pub float: Option<Comparison>,
}

impl Proof {
    /// Whether every case is within its tolerance.
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| case.comparison.passed())
    }

    /// Refuses a proof that failed.
    ///
    /// # Errors
    /// Outputs that differ by more than is allowed.
    pub fn verdict(&self) -> Result<()> {
        let mut failures = self.cases.iter().map(|case| case.comparison.failure());
        if let Some(failure) = failures.find_map(|failure| failure) {
            bail!("its outputs differ from candle's: {failure}: {self}");
        }
        Ok(())
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for noise in [true, false] {
            let cases: Vec<_> = self.cases.iter().filter(|case| case.noise == noise).collect();
            let by = |of: fn(&Case) -> f32| cases.iter().max_by(|a, b| of(a).total_cmp(&of(b)));
            let (Some(farthest), Some(nearest)) = (by(Case::largest), by(Case::excess)) else {
                continue;
            };
            let all = cases.iter().map(|case| case.comparison.differences());
            let (mut images, mut same, mut sum) = (0, 0, 0.0);
            for differences in all {
                images += differences.images;
                same += differences.same_class;
                sum += differences.mean() * differences.images as f64;
            }
            let (what, start) = match noise {
                true => ("noise picture", "largest"),
                false => ("picture", "; largest"),
            };
            let batches = joined(cases.iter().map(|case| case.batch));
            let beside = float_differences(&cases);
            write!(
                f,
                "{start} difference {:.1e}, mean {:.1e}, on {} in batches of {batches}, {:.1e} allowed; the first class agrees on \
                 {same} of {images}",
                farthest.largest(),
                sum / images.max(1) as f64,
                counted(images, what),
                farthest.comparison.allowed(),
            )?;
            if nearest.excess() > farthest.excess() {
                let (largest, allowed) = (nearest.largest(), nearest.comparison.allowed());
                write!(
                    f,
                    "; nearest to what is allowed is {largest:.1e} of {allowed:.1e}, in batches of {}",
                    nearest.batch
                )?;
            }
            if let Some(beside) = beside {
                write!(f, "; beside float32, {beside}")?;
            }
        }
        write!(f, " ({})", self.engine)
    }
}

impl Case {
    fn largest(&self) -> f32 {
        self.comparison.differences().largest
    }

    /// The largest difference as a fraction of what is allowed.
    fn excess(&self) -> f32 {
        self.largest() / self.comparison.allowed()
    }
}

/// How far an int8 file's logits are from the float network's.
fn float_differences(cases: &[&Case]) -> Option<String> {
    let all: Vec<_> = cases.iter().filter_map(|case| case.float.as_ref()).collect();
    let worst = all
        .iter()
        .map(|float| float.differences().largest)
        .reduce(f32::max)?;
    let (mut images, mut same, mut sum) = (0, 0, 0.0);
    for differences in all.iter().map(|float| float.differences()) {
        images += differences.images;
        same += differences.same_class;
        sum += differences.mean() * differences.images as f64;
    }
    Some(format!(
        "largest difference {worst:.1e}, mean {:.1e}, the same first class on {same} of {images}",
        sum / images.max(1) as f64
    ))
}

/// Runs noise, and the pictures if there are any, through `engine` and candle. `float` is the float network of an int8 file,
/// whose logits only serve to tell how far the file's are from them.
///
/// # Errors
/// An engine fails, candle's logits are not finite, or the pictures cannot be read.
pub fn prove(
    engine: &mut dyn Engine,
    reference: &mut Reference,
    float: Option<&mut Reference>,
    subject: &Subject<'_>,
) -> Result<Proof> {
    let mut references = References { reference, float };
    let preprocess = &subject.preprocess;
    let usual = match references.reference {
        Reference::Bytes(engine) => Tolerance::of_integers(engine.is_mixed()),
        _ => Tolerance::of(subject.precision, &Provider::Cpu),
    };
    let usual = match engine.pixel_type() {
        PixelType::Pictures => usual
            .on_resized()
            .at_least(FACTOR * rounding(references.reference, preprocess)?),
        PixelType::Float | PixelType::Uint8 => usual,
    };
    let mut cases = Vec::new();
    let batches = subject
        .batch
        .map_or_else(|| BATCHES.to_vec(), |batch| vec![batch]);
    for (i, batch) in batches.into_iter().enumerate() {
        let mut case = references.case(true, batch, usual.on_noise());
        for sample in noise(engine.pixel_type(), batch, i, preprocess)? {
            references.compare(engine, &sample, &mut case)?;
        }
        if i == 0 && case.float.is_some() && engine.pixel_type() != PixelType::Pictures {
            let extremes = Sample::of_resized(extremes(batch, preprocess.size), preprocess);
            references.compare(engine, &extremes, &mut case)?;
        }
        if subject.any_size && i == 0 {
            let other = other_size(preprocess);
            let sample = Sample::of_resized(Noise::new(batch, other.size).images(), &other);
            references.compare(engine, &sample, &mut case)?;
        }
        cases.push(case);
    }
    if let Some(folder) = subject.pictures {
        let batch = subject.batch.unwrap_or(PICTURES);
        let mut case = references.case(false, batch, usual);
        pictures::read(folder, preprocess, engine.pixel_type(), batch, |sample| {
            references.compare(engine, &sample, &mut case)
        })?;
        cases.push(case);
    }
    Ok(Proof {
        cases,
        engine: engine.describe(),
    })
}

/// How far candle's logits move where the rounding of every other byte goes the other way, as it may when something else
/// resizes. With random weights that is far; with trained ones it is less than the usual tolerance.
fn rounding(reference: &mut Reference, preprocess: &Preprocess) -> Result<f32> {
    let sample = Sample::of_resized(Noise::new(4, preprocess.size).images(), preprocess);
    let (logits, moved) = (
        reference.logits(&sample)?,
        reference.logits(&sample.rounded_otherwise())?,
    );
    let differences = logits.iter().zip(&moved).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f32::max))
}

/// A smaller, odd size, at which convolutions of stride 2 are padded otherwise; the smallest that there is if need be.
fn other_size(preprocess: &Preprocess) -> Preprocess {
    preprocess.with_size((preprocess.size * 3 / 4).max(33) | 1)
}

/// Noise in batches of `batch`. A network that resizes gets it in odd sizes: wider and higher than its input, and smaller.
pub(crate) fn noise(
    pixel_type: PixelType,
    batch: usize,
    i: usize,
    preprocess: &Preprocess,
) -> Result<Vec<Sample>> {
    if pixel_type != PixelType::Pictures {
        return Ok(vec![Sample::of_resized(
            Noise::new(batch, preprocess.size).images(),
            preprocess,
        )]);
    }
    let size = preprocess.size as u32;
    let sizes = [
        (2 * size + 3, size + size / 2 + 1),
        (size + size / 2 + 1, 2 * size + 3),
        (size / 2 + 1, size / 3 + 2),
        (size / 3 + 2, size / 2 + 1),
    ];
    let some = match i {
        0 => &sizes[..],
        i => &sizes[i % 2..][..1],
    };
    some.iter()
        .map(|&(width, height)| Sample::of_whole(blocks(batch, width, height), preprocess))
        .collect()
}

/// What the file is compared with.
struct References<'a> {
    reference: &'a mut Reference,
    float: Option<&'a mut Reference>,
}

impl References<'_> {
    fn case(&self, noise: bool, batch: usize, tolerance: Tolerance) -> Case {
        let eight_bits = Tolerance::of(ModelPrecision::Int8, &Provider::Cpu);
        Case {
            noise,
            batch,
            comparison: Comparison::new(tolerance, false),
            float: self.float.is_some().then(|| Comparison::new(eight_bits, false)),
        }
    }

    fn compare(&mut self, engine: &mut dyn Engine, sample: &Sample, case: &mut Case) -> Result<()> {
        let logits = self.reference.logits(sample)?;
        ensure!(
            logits.iter().all(|value| value.is_finite()),
            "the weights give values that are not finite numbers, in candle too"
        );
        let pixels = sample.pixels(engine.pixel_type());
        let found = engine.logits(pixels.pixels(), sample.len())?;
        case.comparison.add(sample.len(), &found, &logits)?;
        if let (Some(reference), Some(float)) = (&mut self.float, &mut case.float) {
            float.add(sample.len(), &found, &reference.logits(sample)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
