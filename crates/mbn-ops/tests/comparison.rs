//! The comparisons that `cuda.rs` runs on a GPU, run on the CPU: all shapes fit, and a wrong value is noticed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod device;

use candle_core::{DType, Device};
use device::comparison::Found;
use device::{Comparison, DTYPES, shapes};
use mbn_testing::Tolerance;

const CPU: Device = Device::Cpu;

#[test]
fn the_cpu_is_the_cpus() {
    let mut comparison = Comparison::new(&CPU);
    for (i, block) in shapes::random(8).into_iter().enumerate() {
        let (case, seed) = (block.describe(), i as u64);
        for dtype in DTYPES {
            comparison.add("depthwise", &case, device::depthwise(block, dtype, seed));
            comparison.add("pointwise", &case, device::pointwise(block, dtype, seed));
            comparison.add("stem", &case, device::stem(block, dtype, seed));
            comparison.add("pool", &case, device::pool(block.input, dtype, seed));
        }
        comparison.add("stem for inference", &case, device::stem_fused(block, seed));
        comparison.add("block for inference", &case, device::separable(block, seed));
    }
    comparison.add("NaN", "", device::with_nan([5, 4, 24], 0.8, DType::BF16));
    comparison.add("SGD", "", device::sgd(true));
    comparison.add("AdamW", "", device::adamw());
    comparison.add("moving average", "", device::average());
    comparison.add("classifier", "", device::classifier([5, 16, 7], 1));
    comparison.add("cross entropy", "", device::cross_entropy([5, 7], 0.1, 1));
    comparison.add("sums over steps", "", device::tally(&[1, 3, 7]));
    comparison.add("pictures", "", device::pictures(3, 11, 7, 1));
    comparison.add("loaded pictures", "", device::loaded(32));
    comparison.finish();
}

/// The layers with the most and the fewest pixels.
#[test]
fn the_networks_blocks_fit() {
    let blocks = shapes::of_the_network(1);
    let mut comparison = Comparison::new(&CPU);
    for block in [blocks[0], blocks[blocks.len() - 1]] {
        let case = block.describe();
        comparison.add_twice("depthwise", &case, device::depthwise(block, DType::BF16, 1));
        comparison.add_twice("pointwise", &case, device::pointwise(block, DType::BF16, 1));
    }
    comparison.finish();
}

#[test]
fn a_wrong_value_is_noticed() {
    let calls = std::cell::Cell::new(0);
    let numbered = |_: &Device| {
        calls.set(calls.get() + 1);
        let values = vec![1.0, f32::from(calls.get() as u8)];
        vec![Found::within("number", values, Tolerance::CLOSE)]
    };
    let mut comparison = Comparison::new(&CPU);
    comparison.add("calls", "one after the other", numbered);
    comparison.add_twice("calls", "one after the other", numbered);
    let problems = comparison.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let expected = "calls, number, one after the other: 1 of 2 values differ";
    assert!(problems[0].starts_with(expected), "{}", problems[0]);

    let nan = |_: &Device| vec![Found::within("number", vec![f32::NAN], Tolerance::CLOSE)];
    let mut comparison = Comparison::new(&CPU);
    comparison.add("nothing", "", nan);
    assert_eq!(comparison.problems().len(), 1);
}

/// A stride, a padding or a type taken for another makes a difference that the tolerances do not cover.
#[test]
fn a_wrong_operation_is_noticed() {
    let block = shapes::Block {
        input: [2, 8, 8, 16],
        conv: mbn_ops::Conv3x3::symmetric(2),
        cout: 24,
    };
    let other = shapes::Block {
        conv: shapes::AT_THE_END,
        ..block
    };
    let calls = std::cell::Cell::new(0);
    let mut comparison = Comparison::new(&CPU);
    comparison.add("depthwise", "", |device| {
        calls.set(calls.get() + 1);
        let block = if calls.get() == 1 { other } else { block };
        device::depthwise(block, DType::F32, 1)(device)
    });
    let problems = comparison.problems();
    let notices = |result: &str| problems.iter().any(|problem| problem.contains(result));
    assert!(
        notices("result") && notices("input's gradient") && notices("weight's gradient"),
        "{problems:?}"
    );
}
