//! Every operation on a CUDA device against the same one on the CPU. Without a device each test says so and passes;
//! `--nocapture` shows the largest difference of each result.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod device;

use candle_core::{DType, Device};
use device::{Comparison, DTYPES, shapes};
use mbn_ops::{CudaUnavailable, allow_tf32, open_cuda};
use mbn_testing::{Turn, Turns};

static CUDA: Turns<Device, CudaUnavailable> = Turns::new(|| open_cuda(0));

/// Number of random shapes; most are run in both dtypes.
const CASES: usize = 48;
/// Images in the network's largest layers.
const BATCH: usize = 2;
/// More than the blocks that a device launches in one direction, 65 535.
const MANY: usize = 70_001;

/// The device. Skips the calling test and returns `None` where there is none.
fn cuda() -> Option<Turn<Device>> {
    let turn = CUDA.take()?;
    allow_tf32(false);
    Some(turn)
}

#[test]
fn convolutions_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for (i, block) in shapes::random(CASES).into_iter().enumerate() {
        let (case, seed) = (block.describe(), i as u64);
        for dtype in DTYPES {
            let name = |operation: &str| format!("{operation}, {dtype:?}");
            comparison.add(&name("depthwise"), &case, device::depthwise(block, dtype, seed));
            comparison.add(&name("pointwise"), &case, device::pointwise(block, dtype, seed));
            comparison.add(&name("stem"), &case, device::stem(block, dtype, seed));
        }
    }
    comparison.finish();
}

#[test]
fn the_networks_layers_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for (i, block) in shapes::of_the_network(BATCH).into_iter().enumerate() {
        let (case, seed) = (block.describe(), i as u64);
        for dtype in DTYPES {
            let name = |operation: &str| format!("{operation}, {dtype:?}");
            comparison.add(&name("depthwise"), &case, device::depthwise(block, dtype, seed));
            comparison.add(&name("pointwise"), &case, device::pointwise(block, dtype, seed));
        }
        comparison.add("block for inference", &case, device::separable(block, seed));
    }
    for conv in [mbn_ops::Conv3x3::symmetric(2), shapes::AT_THE_END] {
        let block = shapes::Block {
            input: [2 * BATCH, 224, 224, 32],
            conv,
            cout: 32,
        };
        let case = block.describe();
        for dtype in DTYPES {
            comparison.add(&format!("stem, {dtype:?}"), &case, device::stem(block, dtype, 1));
        }
        comparison.add("stem for inference", &case, device::stem_fused(block, 2));
    }
    comparison.finish();
}

#[test]
fn pooling_is_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    let random = shapes::random(CASES).into_iter().map(|block| block.input);
    for (i, shape) in random.chain([[8, 7, 7, 1024], [MANY, 1, 1, 8]]).enumerate() {
        for dtype in DTYPES {
            let name = format!("pool, {dtype:?}");
            comparison.add(&name, &format!("{shape:?}"), device::pool(shape, dtype, i as u64));
        }
    }
    comparison.finish();
}

#[test]
fn layers_for_inference_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for (i, block) in shapes::random(CASES).into_iter().enumerate() {
        let (case, seed) = (block.describe(), i as u64);
        comparison.add("stem for inference", &case, device::stem_fused(block, seed));
        comparison.add("block for inference", &case, device::separable(block, seed));
    }
    comparison.finish();
}

/// What the emulation cannot tell: that the card's own instructions keep NaN.
#[test]
fn nan_reaches_what_it_reaches_on_the_cpu() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for shape in [[14, 14, 32], [7, 7, 32], [5, 4, 24], [5, 4, 27]] {
        for max in [f32::INFINITY, 0.8] {
            for dtype in DTYPES {
                let case = format!("{shape:?}, {dtype:?}, up to {max}");
                comparison.add("NaN", &case, device::with_nan(shape, max, dtype));
            }
        }
    }
    comparison.finish();
}

#[test]
fn classifier_and_loss_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for (i, [n, c, k]) in [[1, 1, 1], [3, 40, 10], [64, 1024, 1000], [7, 255, 257]]
        .into_iter()
        .enumerate()
    {
        let (case, seed) = (format!("{n} of {c} to {k}"), i as u64);
        comparison.add("classifier", &case, device::classifier([n, c, k], seed));
        for smoothing in [0.0, 0.1] {
            let case = format!("{n} of {k}, smoothing {smoothing}");
            comparison.add(
                "cross entropy",
                &case,
                device::cross_entropy([n, k], smoothing, seed),
            );
        }
    }
    let many = device::cross_entropy([MANY, 3], 0.1, 9);
    comparison.add("cross entropy", "many rows", many);
    let steps = device::tally(&[1, 3, 64, 255, 256, 257, MANY]);
    comparison.add("sums over steps", "", steps);
    comparison.finish();
}

#[test]
fn optimisers_and_averages_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    comparison.add("SGD", "", device::sgd(false));
    comparison.add("SGD, Nesterov", "", device::sgd(true));
    comparison.add("AdamW", "", device::adamw());
    comparison.add("moving average", "", device::average());
    comparison.finish();
}

#[test]
fn pictures_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    for (n, side, size) in [(1, 1, 1), (3, 11, 7), (8, 224, 224), (2, 300, 64), (MANY, 2, 1)] {
        let case = format!("{n} of up to {side} x {side} to {size}");
        comparison.add("pictures", &case, device::pictures(n, side, size, 1));
    }
    for size in [32, 96, 224] {
        comparison.add("loaded pictures", &format!("to {size}"), device::loaded(size));
    }
    comparison.finish();
}

/// No sum depends on which block comes first.
#[test]
fn two_runs_give_the_same_bits() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut comparison = Comparison::new(cuda.device);
    let blocks = shapes::of_the_network(BATCH);
    for (i, block) in blocks.into_iter().chain(shapes::random(8)).enumerate() {
        let (case, seed) = (block.describe(), i as u64);
        for dtype in DTYPES {
            let name = |operation: &str| format!("{operation}, {dtype:?}");
            comparison.add_twice(&name("depthwise"), &case, device::depthwise(block, dtype, seed));
            comparison.add_twice(&name("pointwise"), &case, device::pointwise(block, dtype, seed));
            comparison.add_twice(&name("stem"), &case, device::stem(block, dtype, seed));
            comparison.add_twice(&name("pool"), &case, device::pool(block.input, dtype, seed));
        }
        comparison.add_twice("block for inference", &case, device::separable(block, seed));
    }
    comparison.add_twice("classifier", "", device::classifier([64, 1024, 1000], 1));
    comparison.add_twice("cross entropy", "", device::cross_entropy([64, 1000], 0.1, 1));
    comparison.add_twice("AdamW", "", device::adamw());
    comparison.add_twice("moving average", "", device::average());
    comparison.finish();
}

/// With TF32 the products of float32 differ from the CPU's by more than float32 explains, which shows that without it
/// they are formed in float32, and that the switch works.
#[test]
fn tf32_is_another_arithmetic() {
    let Some(cuda) = cuda() else {
        return;
    };
    let block = shapes::Block {
        input: [8, 14, 14, 512],
        conv: mbn_ops::Conv3x3::symmetric(1),
        cout: 512,
    };
    let pointwise = || device::pointwise(block, DType::F32, 1);
    let mut comparison = Comparison::new(cuda.device);
    comparison.add("pointwise", "float32", pointwise());
    comparison.finish();
    allow_tf32(true);
    let mut comparison = Comparison::new(cuda.device);
    comparison.add("pointwise", "TF32", pointwise());
    let problems = comparison.problems();
    allow_tf32(false);
    assert!(
        problems
            .iter()
            .any(|problem| problem.starts_with("pointwise, result, TF32")),
        "{problems:?}"
    );
}
