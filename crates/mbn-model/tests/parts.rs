//! Training on parts of a batch, each on a network of its own, is training on the batch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use candle_core::{Device, Tensor};
use mbn_collectives::{Collectives, threads};
use mbn_model::{Gradients, Network, Optimizer, OptimizerKind, cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_weights::Weights;

const STEPS: usize = 20;
const LEARNING_RATE: f64 = 2e-4;
const IMAGES: usize = 4;
const CLASSES: usize = 3;
const SIZE: usize = 32;
const SGD: OptimizerKind = OptimizerKind::Sgd {
    momentum: 0.9,
    nesterov: true,
};

fn weights() -> Weights {
    // Their statistics are those of noise, so that fixed ones keep activations in range.
    random_weights(Architecture::new(Alpha::Quarter, CLASSES), 4, &Device::Cpu).unwrap()
}

/// Images of noise, by a linear congruential generator, and their classes.
fn batch(step: usize) -> (Tensor, Vec<u32>) {
    let mut state = step as u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 * 2.0 - 2.0
    };
    let values: Vec<f32> = (0..IMAGES * 3 * SIZE * SIZE).map(|_| noise()).collect();
    let images = Tensor::from_vec(values, (IMAGES, 3, SIZE, SIZE), &Device::Cpu).unwrap();
    let labels = (0..IMAGES).map(|i| ((i + step) % CLASSES) as u32).collect();
    (images, labels)
}

/// A pass over the images `from..to` of a batch, in both directions.
fn pass(network: &mut Network, step: usize, from: usize, to: usize) -> Gradients {
    let (images, labels) = batch(step);
    let images = images.narrow(0, from, to - from).unwrap();
    let labels = Tensor::new(&labels[from..to], &Device::Cpu).unwrap();
    let pass = network.forward_train(&images).unwrap();
    let loss = cross_entropy(pass.logits(), &labels, 0.1).unwrap();
    network.backward(pass, &loss).unwrap()
}

/// Trains on the parts that the ranks take, which are not of the same size. The last rank of more than two has none.
fn train_in_parts(ranks: &dyn Collectives, fix: bool) -> Weights {
    let mut network = Network::from_weights(&weights(), &Device::Cpu).unwrap();
    if fix {
        network.fix_statistics();
    }
    let mut optimizer = Optimizer::new(SGD, 1e-4, false);
    let [from, to] = match (ranks.rank(), ranks.size()) {
        (_, 1) => [0, IMAGES],
        (0, _) => [0, 1],
        (1, _) => [1, IMAGES],
        _ => [IMAGES, IMAGES],
    };
    for step in 0..STEPS {
        let part = to - from;
        let gradients = (part > 0).then(|| pass(&mut network, step, from, to));
        if gradients.is_none() {
            network.count_batch();
        }
        let shared = network.share(gradients.as_ref(), part as f32, part, &[part as f32, 0.5]);
        let mut values = shared.unwrap().to_vec1().unwrap();
        ranks.sum(&mut values).unwrap();
        let len = network.shared_len();
        assert_eq!(values[len..], [IMAGES as f32, 0.5 * ranks.size() as f32]);
        let sums = Tensor::new(&values[..len], &Device::Cpu).unwrap();
        let gradients = network.take(&sums, IMAGES as f32, IMAGES).unwrap();
        optimizer
            .step(network.trainable_parameters(), &gradients, LEARNING_RATE)
            .unwrap();
    }
    network.to_weights(Metadata::default()).unwrap()
}

fn on_ranks(size: usize, fix: bool) -> Vec<Weights> {
    std::thread::scope(|scope| {
        let ranks = threads(size).into_iter();
        let running: Vec<_> = ranks
            .map(|rank| scope.spawn(move || train_in_parts(&rank, fix)))
            .collect();
        running.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// Trains on whole batches, without what parts need.
fn train_whole(fix: bool) -> Weights {
    let mut network = Network::from_weights(&weights(), &Device::Cpu).unwrap();
    if fix {
        network.fix_statistics();
    }
    let mut optimizer = Optimizer::new(SGD, 1e-4, false);
    for step in 0..STEPS {
        let gradients = pass(&mut network, step, 0, IMAGES);
        optimizer
            .step(network.trainable_parameters(), &gradients, LEARNING_RATE)
            .unwrap();
    }
    network.to_weights(Metadata::default()).unwrap()
}

/// The largest difference of any tensor, relative to the tensor's largest value.
fn difference(one: &Weights, other: &Weights) -> f32 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, |a: f32, b| a.max(b.abs()));
    let tensors = one.architecture().tensors().into_iter();
    let tensors = tensors.filter(|spec| spec.kind != TensorKind::Counter);
    let relative = tensors.map(|spec| {
        let (one, other) = (one.values(&spec.name), other.values(&spec.name));
        let apart = largest(&mut one.iter().zip(other).map(|(a, b)| a - b));
        apart / largest(&mut one.iter().copied()).max(f32::MIN_POSITIVE)
    });
    relative.fold(0.0, f32::max)
}

#[test]
fn with_fixed_statistics_parts_train_as_the_whole() {
    let whole = train_whole(true);
    let start = weights();
    assert_eq!(whole.not_finite(), None);
    assert!(difference(&start, &whole) > 1e-2, "the weights hardly moved");
    assert_eq!(
        start.values("model.3.1.running_mean"),
        whole.values("model.3.1.running_mean")
    );
    for ranks in [2, 3] {
        let found = on_ranks(ranks, true);
        for other in &found {
            let apart = difference(&whole, other);
            assert!(apart < 1e-4, "{ranks} ranks: {apart}");
            assert!(*other == found[0], "{ranks} ranks differ");
        }
    }
}

/// Batch norm sees the part alone, so several ranks learn something else than one, but all of them the same.
#[test]
fn ranks_stay_equal_and_one_rank_is_the_whole() {
    let whole = train_whole(false);
    let alone = on_ranks(1, false);
    // Gradients and statistics are multiplied and divided by a power of two.
    assert!(alone[0] == whole);
    for ranks in [2, 3] {
        let found = on_ranks(ranks, false);
        assert!(
            found.iter().all(|other| *other == found[0]),
            "{ranks} ranks differ"
        );
        assert_ne!(
            found[0].values("model.3.1.running_mean"),
            whole.values("model.3.1.running_mean")
        );
        let counter = "model.3.1.num_batches_tracked";
        assert_eq!(found[ranks - 1].counter(counter), whole.counter(counter));
    }
}

#[test]
fn a_pass_can_be_undone() {
    let mut network = Network::from_weights(&weights(), &Device::Cpu).unwrap();
    network.freeze(2);
    let before = network.to_weights(Metadata::default()).unwrap();
    let statistics = network.running_statistics().unwrap();
    pass(&mut network, 0, 0, IMAGES);
    assert!(network.to_weights(Metadata::default()).unwrap() != before);
    network.set_running_statistics(statistics);
    assert!(network.to_weights(Metadata::default()).unwrap() == before);
    let few = Tensor::new(&[0f32; 3], &Device::Cpu).unwrap();
    assert!(network.take(&few, 1.0, 1).is_err());
}
