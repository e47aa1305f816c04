//! How long an int8 file takes beside float32. On processors without VNNI that is not always less.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use mbn_engine::engine::{Engine, ModelSource, OrtEngine, Provider, Reading, SessionOptions};
use mbn_engine::runtime::Runtime;
use mbn_onnx::{ExportOptions, Exporter, Precision};
use mbn_spec::{LayerSet, Preprocess};

use crate::proof::noise;

/// Images at once, unless the graph says how many.
const BATCH: usize = 8;
/// Runs of each file, in turn; the fastest counts.
const RUNS: usize = 5;

/// The fastest runs of an int8 file and of the same graph in float32.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    int8: Duration,
    fp32: Duration,
    batch: usize,
}

impl Speed {
    /// Runs both in ONNX Runtime.
    ///
    /// # Errors
    /// ONNX Runtime fails.
    pub fn measure(
        runtime: &Runtime,
        int8: Vec<u8>,
        exporter: &Exporter<'_>,
        options: &ExportOptions,
        threads: usize,
    ) -> Result<Self> {
        let float = ExportOptions {
            precision: Precision::Fp32,
            keep_float: LayerSet::NONE,
            ..*options
        };
        let session = SessionOptions {
            threads,
            provider: Provider::Cpu,
            batch: None,
        };
        let load = |bytes: Vec<u8>| {
            OrtEngine::load(
                runtime,
                &ModelSource::Bytes(Arc::from(bytes)),
                &session,
                &Reading::default(),
            )
        };
        let mut engines = [load(int8)?, load(exporter.export(&float)?.to_bytes())?];
        let batch = options.batch.unwrap_or(BATCH);
        let preprocess: Preprocess = exporter.weights().metadata().preprocess.unwrap_or_default();
        let samples = noise(engines[0].pixel_type(), batch, 1, &preprocess)?;
        let pixels: Vec<_> = samples
            .iter()
            .map(|sample| sample.pixels(engines[0].pixel_type()))
            .collect();
        let mut best = [Duration::MAX; 2];
        // The first run also allocates.
        for _ in 0..=RUNS {
            for (engine, best) in engines.iter_mut().zip(&mut best) {
                let start = Instant::now();
                for pixels in &pixels {
                    engine.logits(pixels.pixels(), batch)?;
                }
                *best = start.elapsed().min(*best);
            }
        }
        Ok(Self {
            int8: best[0],
            fp32: best[1],
            batch,
        })
    }

    /// What is said of it, which names the file `out`.
    pub fn describe(self, out: &Path) -> String {
        format!("`{}` is {self}", out.display())
    }

    /// float32's time divided by int8's.
    pub fn ratio(self) -> f64 {
        self.fp32.as_secs_f64() / self.int8.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Whether the processor has VNNI, which multiplies bytes; `None` if that is not known.
pub fn has_vnni() -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    let found = Some(is_x86_feature_detected!("avx512vnni") || is_x86_feature_detected!("avxvnni"));
    #[cfg(not(target_arch = "x86_64"))]
    let found = None;
    found
}

/// What to expect elsewhere of a file that is slower than float32 here.
pub fn advice(vnni: Option<bool>) -> &'static str {
    match vnni {
        Some(false) => {
            "this processor lacks VNNI, with which int8 is faster, and the gain grows with alpha: at alpha 1, int8 was measured \
             1.5 times as fast as float32 without VNNI and 2.6 times with it"
        }
        Some(true) => {
            "the gain of int8 grows with alpha: at alpha 1 it was measured 2.6 times as fast as float32 on such a processor"
        }
        None => "the gain of int8 grows with alpha; on this kind of processor it was not measured",
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} times as fast as float32 in ONNX Runtime on this processor, in batches of {}",
            self.ratio(),
            self.batch
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_processor_is_named_only_where_this_one_lacks_something() {
        assert!(advice(Some(false)).contains("lacks VNNI"));
        for vnni in [Some(true), None] {
            assert!(!advice(vnni).contains("VNNI"));
        }
        // An installed program brings no documents.
        for vnni in [Some(false), Some(true), None] {
            assert!(!advice(vnni).contains(".md") && advice(vnni).contains("grows with alpha"));
        }
        assert_eq!(has_vnni().is_some(), cfg!(target_arch = "x86_64"));
    }

    #[test]
    fn half_the_time_is_twice_as_fast() {
        let speed = Speed {
            int8: Duration::from_millis(10),
            fp32: Duration::from_millis(20),
            batch: 8,
        };
        let text = speed.describe(Path::new("a/i8.onnx"));
        assert!(
            text.starts_with("`a/i8.onnx` is 2.00 times as fast as float32"),
            "{text}"
        );
    }
}
