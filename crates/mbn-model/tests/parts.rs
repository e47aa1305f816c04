//! Training on parts of a batch, each on a network of its own, is training on the batch.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use candle_core::{Device, Tensor};
use mbn_collectives::{Collectives, threads};
use mbn_model::{Decayed, Gradients, Network, Optimizer, OptimizerKind, SharedBatch, SumOverRanks};
use mbn_model::{cross_entropy, random_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_weights::Weights;

const STEPS: usize = 20;
const LEARNING_RATE: f64 = 2e-4;
const IMAGES: usize = 4;
const CLASSES: usize = 3;
const SGD: OptimizerKind = OptimizerKind::Sgd {
    momentum: 0.9,
    nesterov: true,
};

fn weights() -> Weights {
    // Their statistics are those of noise, so that fixed ones keep activations in range.
    random_weights(Architecture::new(Alpha::Quarter, CLASSES), 4, &Device::Cpu).unwrap()
}

/// The same with shifts that keep most activations away from the kink of ReLU: one that rounding takes across would move the
/// gradients of all layers before it.
fn shifted_weights() -> Weights {
    let network = Network::from_weights(&weights(), &Device::Cpu).unwrap();
    let shifts = network
        .parameters()
        .filter(|parameter| parameter.name.starts_with("model.") && parameter.name.ends_with(".bias"));
    for shift in shifts {
        shift.var.set(&(shift.tensor() + 3.0).unwrap()).unwrap();
    }
    network.to_weights(Metadata::default()).unwrap()
}

/// Images of noise, by a linear congruential generator, and their classes.
fn batch(step: usize, size: usize) -> (Tensor, Vec<u32>) {
    let mut state = step as u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 * 2.0 - 2.0
    };
    let values: Vec<f32> = (0..IMAGES * 3 * size * size).map(|_| noise()).collect();
    let images = Tensor::from_vec(values, (IMAGES, 3, size, size), &Device::Cpu).unwrap();
    let labels = (0..IMAGES).map(|i| ((i + step) % CLASSES) as u32).collect();
    (images, labels)
}

/// What batch norm sees of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistics {
    /// Nothing.
    Fixed,
    /// The part that a rank has.
    OfParts,
    /// The batch of all ranks.
    OfAll,
}

impl Statistics {
    /// The weights to start from.
    fn start(self) -> Weights {
        match self {
            Self::OfAll => shifted_weights(),
            _ => weights(),
        }
    }

    /// Height and width of the images. The last layers normalise as many values as there are images if these have less than 33
    /// pixels; so few make batch norm amplify rounding.
    fn size(self) -> usize {
        match self {
            Self::OfAll => 48,
            _ => 32,
        }
    }
}

struct Sums<'a>(&'a dyn Collectives);

impl SumOverRanks for Sums<'_> {
    fn sum(&self, values: &mut [f64]) -> candle_core::Result<()> {
        self.0.sum_f64(values).map_err(candle_core::Error::wrap)
    }
}

/// A pass over the images `from..to` of a batch, in both directions.
fn pass(
    network: &mut Network,
    statistics: Statistics,
    step: usize,
    [from, to]: [usize; 2],
    shared: Option<SharedBatch>,
) -> Gradients {
    let (images, labels) = batch(step, statistics.size());
    let images = images.narrow(0, from, to - from).unwrap();
    let labels = Tensor::new(&labels[from..to], &Device::Cpu).unwrap();
    let pass = network.forward_part(&images, shared).unwrap();
    let loss = cross_entropy(pass.logits(), &labels, 0.1).unwrap();
    network.backward_part(pass, &loss, shared).unwrap()
}

/// Trains on the parts that the ranks take, which are not of the same size. The last rank of more than two has none.
fn train_in_parts(ranks: &dyn Collectives, statistics: Statistics) -> Weights {
    let mut network = Network::from_weights(&statistics.start(), &Device::Cpu).unwrap();
    if statistics == Statistics::Fixed {
        network.fix_statistics();
    }
    let mut optimizer = Optimizer::new(SGD, 1e-4, Decayed::Weights);
    let [from, to] = match (ranks.rank(), ranks.size()) {
        (_, 1) => [0, IMAGES],
        (0, _) => [0, 1],
        (1, _) => [1, IMAGES],
        _ => [IMAGES, IMAGES],
    };
    for step in 0..STEPS {
        let part = to - from;
        let sums = Sums(ranks);
        let shared = (statistics == Statistics::OfAll).then_some(SharedBatch {
            ranks: &sums,
            weight: part as f64,
        });
        let gradients = (part > 0).then(|| pass(&mut network, statistics, step, [from, to], shared));
        if gradients.is_none() {
            network.count_batch();
            for len in shared.map(|_| network.sums_over_ranks()).unwrap_or_default() {
                sums.sum(&mut vec![0.0; len]).unwrap();
            }
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

fn on_ranks(size: usize, statistics: Statistics) -> Vec<Weights> {
    std::thread::scope(|scope| {
        let ranks = threads(size).into_iter();
        let running: Vec<_> = ranks
            .map(|rank| scope.spawn(move || train_in_parts(&rank, statistics)))
            .collect();
        running.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// Trains on whole batches, without what parts need.
fn train_whole(statistics: Statistics) -> Weights {
    let mut network = Network::from_weights(&statistics.start(), &Device::Cpu).unwrap();
    if statistics == Statistics::Fixed {
        network.fix_statistics();
    }
    let mut optimizer = Optimizer::new(SGD, 1e-4, Decayed::Weights);
    for step in 0..STEPS {
        let gradients = pass(&mut network, statistics, step, [0, IMAGES], None);
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
    let whole = train_whole(Statistics::Fixed);
    let start = weights();
    assert_eq!(whole.not_finite(), None);
    assert!(difference(&start, &whole) > 1e-2, "the weights hardly moved");
    assert_eq!(
        start.values("model.3.1.running_mean"),
        whole.values("model.3.1.running_mean")
    );
    for ranks in [2, 3] {
        let found = on_ranks(ranks, Statistics::Fixed);
        for other in &found {
            let apart = difference(&whole, other);
            assert!(apart < 1e-4, "{ranks} ranks: {apart}");
            assert!(*other == found[0], "{ranks} ranks differ");
        }
    }
}

#[test]
fn with_the_statistics_of_all_parts_train_as_the_whole() {
    let whole = train_whole(Statistics::OfAll);
    let start = shifted_weights();
    for name in ["model.0.0.weight", "model.7.3.weight", "fc.weight"] {
        let largest = start.values(name).iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        let moved = start.values(name).iter().zip(whole.values(name));
        let moved = moved.fold(0.0, |a: f32, (b, c)| a.max((b - c).abs()));
        assert!(
            moved > 3e-3 * largest,
            "{name} hardly moved: {moved} of {largest}"
        );
    }
    for ranks in [2, 3] {
        let found = on_ranks(ranks, Statistics::OfAll);
        for other in &found {
            let apart = difference(&whole, other);
            assert!(apart < 1e-4, "{ranks} ranks: {apart}");
            assert!(*other == found[0], "{ranks} ranks differ");
            let counter = "model.3.1.num_batches_tracked";
            assert_eq!(other.counter(counter), whole.counter(counter));
        }
    }
}

/// Batch norm sees the part alone, so several ranks learn something else than one, but all of them the same.
#[test]
fn ranks_stay_equal_and_one_rank_is_the_whole() {
    let whole = train_whole(Statistics::OfParts);
    let alone = on_ranks(1, Statistics::OfParts);
    // Gradients and statistics are multiplied and divided by a power of two.
    assert!(alone[0] == whole);
    for ranks in [2, 3] {
        let found = on_ranks(ranks, Statistics::OfParts);
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
    pass(&mut network, Statistics::OfParts, 0, [0, IMAGES], None);
    assert!(network.to_weights(Metadata::default()).unwrap() != before);
    network.set_running_statistics(statistics);
    assert!(network.to_weights(Metadata::default()).unwrap() == before);
    let few = Tensor::new(&[0f32; 3], &Device::Cpu).unwrap();
    assert!(network.take(&few, 1.0, 1).is_err());
}
