//! The network on a CUDA device against PyTorch and against the CPU. Without a device each test says so and passes;
//! `--nocapture` shows how far results are apart.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod device;

use candle_core::Device;
use common::{files, step};
use device::{LOOSE, SGD, SMALL, Setting, Steps, check_losses, check_single_steps, differences};
use mbn_model::{ActivationType, Decayed, Meter, Network, Optimizer, WeightAverage, cross_entropy};
use mbn_ops::{CudaUnavailable, Work, allow_tf32, open_cuda, work_so_far};
use mbn_spec::Alpha;
use mbn_testing::{Closeness, Tolerance, Turn, Turns, mismatch};

static CUDA: Turns<Device, CudaUnavailable> = Turns::new(|| open_cuda(0));

/// Part of the elements that AdamW's first step takes to where PyTorch's takes them: all but those whose gradient is so
/// small that an activation across its kink turns the sign.
const ADAMW_CLOSE: f64 = 0.98;
/// TF32 keeps ten bits of each factor, 5e-4 of it, in thirteen products one after the other.
const TF32_LOGITS: Tolerance = Tolerance {
    absolute: 0.0,
    relative_to_max: 0.03,
};
/// The network as it is trained, which fills the device.
const LARGE: Setting = Setting {
    alpha: Alpha::One,
    size: 224,
    batch: 8,
    frozen: 0,
    seed: 4,
};

/// The device. Skips the calling test and returns `None` where there is none.
fn cuda() -> Option<Turn<Device>> {
    let turn = CUDA.take()?;
    allow_tf32(false);
    Some(turn)
}

#[test]
fn a_training_step_is_pytorchs() {
    let Some(cuda) = cuda() else {
        return;
    };
    let reference = files::reference();
    step::check_pass(&reference, cuda.device, device::ACROSS_A_KINK);
    assert!(step::close_after_adamw(&reference, cuda.device) >= ADAMW_CLOSE);
}

#[test]
fn a_step_is_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    for frozen in [0, 5] {
        check_single_steps(frozen, |setting| run(&cuda, setting));
    }
}

/// The steps of a setting's weights on the device and on the CPU.
fn run(cuda: &Turn<Device>, setting: Setting) -> [Steps; 2] {
    let weights = setting.weights();
    [cuda.device, &Device::Cpu].map(|device| device::steps(device, setting, &weights, SGD, 1))
}

#[test]
fn a_step_of_the_whole_network_is_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    let [found, expected] = run(&cuda, LARGE);
    differences(&found, &expected, LOOSE).check();
}

#[test]
fn two_runs_give_the_same_bits() {
    let Some(cuda) = cuda() else {
        return;
    };
    let weights = LARGE.weights();
    let run = || device::steps(cuda.device, LARGE, &weights, SGD, 3);
    differences(&run(), &run(), [Closeness::Each(Tolerance::EXACT); 3]).check();
}

/// What surrounds the passes costs few launches, however many tensors the network has: the host must be ahead of the device.
#[test]
fn all_tensors_are_updated_in_one_launch() {
    let Some(cuda) = cuda() else {
        return;
    };
    let mut network = Network::from_weights(&SMALL.weights(), cuda.device).unwrap();
    let (images, labels) = SMALL.batch(cuda.device);
    let mut optimizer = Optimizer::new(SGD.0, 1e-4, Decayed::Weights);
    let mut average = WeightAverage::new(&network, 0.999).unwrap();
    let mut meter = Meter::new(cuda.device);
    // The first step makes buffers, and the optimiser its state.
    for step in 1..=2 {
        let start = work_so_far();
        let pass = network.forward_train(&images).unwrap();
        let after_forward = work_so_far();
        let loss = cross_entropy(pass.logits(), &labels, 0.1).unwrap();
        let after_loss = work_so_far();
        meter.add(&loss, &labels).unwrap();
        let after_meter = work_so_far();
        let gradients = network.backward(pass, &loss).unwrap();
        let after_backward = work_so_far();
        optimizer.step(network.parameters(), &gradients, 0.1).unwrap();
        let after_optimizer = work_so_far();
        average.update(&network, step).unwrap();
        let end = work_so_far();
        eprintln!(
            "step {step}: forward {:?}, backward {:?}, all {:?}",
            after_forward - start,
            after_backward - after_meter,
            end - start
        );
        let expected = |launches, allocations| Work {
            launches,
            products: 0,
            allocations,
        };
        if step == 2 {
            assert_eq!(after_loss - after_forward, expected(2, 3), "loss");
            assert_eq!(after_meter - after_loss, expected(1, 0), "meter");
            assert_eq!(after_optimizer - after_backward, expected(1, 0), "optimiser");
            assert_eq!(end - after_optimizer, expected(1, 0), "average");
        }
    }
}

/// Thirty steps in each arithmetic.
#[test]
fn the_loss_falls_as_on_the_cpu() {
    let Some(cuda) = cuda() else {
        return;
    };
    let losses = |device, of| device::losses(device, SMALL, of, 30);
    let on_cpu = losses(&Device::Cpu, ActivationType::F32);
    let float = losses(cuda.device, ActivationType::F32);
    check_losses(&on_cpu, &float);
    check_losses(&float, &losses(cuda.device, ActivationType::Bf16));
    allow_tf32(true);
    let tf32 = losses(cuda.device, ActivationType::F32);
    allow_tf32(false);
    check_losses(&float, &tf32);
}

#[test]
fn logits_are_the_cpus() {
    let Some(cuda) = cuda() else {
        return;
    };
    for setting in [SMALL, LARGE] {
        let expected = device::logits(&Device::Cpu, setting);
        let mut problems = Vec::new();
        for (tf32, tolerance) in [(false, Tolerance::LOGITS), (true, TF32_LOGITS)] {
            allow_tf32(tf32);
            let found = device::logits(cuda.device, setting);
            for (name, (found, expected)) in
                ["folded", "trained"].into_iter().zip(found.iter().zip(&expected))
            {
                let name = format!("{name}, {setting:?}, TF32 {tf32}");
                problems.extend(mismatch(&name, found, expected, tolerance));
                let apart = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
                eprintln!("{name}: {:.1e}", apart.fold(0f32, f32::max));
            }
        }
        allow_tf32(false);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[test]
fn saved_weights_are_those_of_the_network() {
    let Some(cuda) = cuda() else {
        return;
    };
    device::check_saving(cuda.device, LARGE);
}
