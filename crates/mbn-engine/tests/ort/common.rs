//! A small network, and pictures of noise for it.

use std::collections::BTreeMap;
use std::path::Path;

use mbn_engine::engine::{Engine, ModelSource, OrtEngine, Provider, SessionOptions};
use mbn_engine::images::{PixelType, Pixels};
use mbn_engine::runtime::{self, Runtime};
use mbn_onnx::{ExportOptions, export};
use mbn_spec::{Alpha, Architecture, Metadata, Preprocess, TensorKind};
use mbn_weights::Weights;

/// Float32 results of one network through different paths of ONNX Runtime.
pub const SAME_NETWORK: f32 = 1e-5;
/// A size that keeps these tests fast.
pub const SIZE: usize = 32;
pub const CLASSES: usize = 3;

/// ONNX Runtime. Skips the calling test and returns `None` where there is none.
pub fn runtime() -> Option<Runtime> {
    let download = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../onnxruntime/lib");
    let named = std::env::var_os("ORT_DYLIB_PATH").is_none() && download.is_dir();
    match runtime::find(named.then_some(download.as_path())) {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            let reason = format!("{error}; `make onnxruntime` gets it");
            mbn_testing::skip(mbn_testing::Needs::Other, reason);
            None
        }
    }
}

/// A byte that follows from `i` and looks random.
pub fn noise(i: usize) -> u8 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29))
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .to_be_bytes()[0]
}

/// Weights of a size that keeps values in range, different for each tensor, and a variance of one.
pub fn weights() -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, CLASSES);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let fan_in = spec.shape.iter().skip(1).product::<usize>().max(1) as f32;
        let value = |j: usize| match spec.kind {
            TensorKind::Weight => (f32::from(noise(i * 1_000_003 + j)) / 127.5 - 1.0) * (6.0 / fan_in).sqrt(),
            _ if spec.name.ends_with("running_var") || spec.name.ends_with("weight") => 1.0,
            _ => ((i + j) % 7) as f32 / 70.0,
        };
        let len = spec.shape.iter().product::<usize>();
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name.clone(), 1)),
            _ => drop(floats.insert(spec.name.clone(), (0..len).map(value).collect::<Vec<_>>())),
        }
    }
    let metadata = Metadata {
        classes: Some((0..CLASSES).map(|i| format!("name {i}")).collect()),
        preprocess: Some(Preprocess {
            size: SIZE,
            ..Preprocess::default()
        }),
        ..Metadata::default()
    };
    Weights::new(architecture, metadata, floats, counters).unwrap()
}

pub fn engine(runtime: &Runtime, options: &ExportOptions) -> OrtEngine {
    let bytes = export(&weights(), options).unwrap().to_bytes();
    OrtEngine::from_bytes(runtime, &bytes, 1).unwrap()
}

/// Pictures of noise.
pub struct Pictures {
    pub n: usize,
    /// RGB, as decoders give it.
    pub bytes: Vec<u8>,
    /// The same, normalised.
    pub floats: Vec<f32>,
}

impl Pictures {
    pub fn new(n: usize) -> Self {
        let (preprocess, plane) = (Preprocess::default(), SIZE * SIZE);
        // The byte at a place of channel c is the same in both layouts.
        let at = |picture: usize, pixel: usize, c: usize| noise((picture * 3 + c) * plane + pixel);
        let bytes = (0..n * plane * 3).map(|i| at(i / (3 * plane), i / 3 % plane, i % 3));
        let floats = (0..n * 3 * plane).map(|i| {
            let (scale, offset) = preprocess.affine(i / plane % 3);
            f32::from(noise(i)) * scale + offset
        });
        Self {
            n,
            bytes: bytes.collect(),
            floats: floats.collect(),
        }
    }

    pub fn pixels(&self, pixel_type: PixelType) -> Pixels<'_> {
        match pixel_type {
            PixelType::Float => Pixels::Float(&self.floats),
            PixelType::Uint8 => Pixels::Uint8(&self.bytes),
            PixelType::Pictures => panic!("these graphs do not resize"),
        }
    }

    /// The first `n`.
    pub fn first(&self, n: usize, pixel_type: PixelType) -> Pixels<'_> {
        self.pixels(pixel_type).range(0..n * 3 * SIZE * SIZE)
    }

    /// The logits of an engine, whichever pixels it takes.
    pub fn logits(&self, engine: &mut dyn Engine) -> Vec<f32> {
        engine.logits(self.pixels(engine.pixel_type()), self.n).unwrap()
    }
}

pub fn assert_same(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= tolerance, "{found:?}, expected {expected:?}");
    }
}

/// A session on the CPU whose batch is fixed, in bound buffers, as on CUDA.
pub fn fixed(batch: usize) -> SessionOptions {
    SessionOptions {
        threads: 1,
        provider: Provider::Cpu,
        batch: Some(batch),
    }
}

pub fn source(options: &ExportOptions) -> ModelSource {
    ModelSource::Bytes(export(&weights(), options).unwrap().to_bytes().into())
}
