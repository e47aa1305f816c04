//! Where the time of training steps goes.

use std::time::Duration;

/// Direction of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From the images to the logits.
    Forward,
    /// From the loss to the gradients.
    Backward,
}

/// Time spent in each convolution, its batch norm and activation included, by its place in
/// [`mbn_spec::Architecture::convs`].
#[derive(Clone, Debug, Default)]
pub struct Profile {
    forward: Vec<Duration>,
    backward: Vec<Duration>,
}

impl Profile {
    /// Time of all steps together.
    pub fn time(&self, phase: Phase, layer: usize) -> Duration {
        let times = match phase {
            Phase::Forward => &self.forward,
            Phase::Backward => &self.backward,
        };
        times.get(layer).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, phase: Phase, layer: usize, time: Duration) {
        let times = match phase {
            Phase::Forward => &mut self.forward,
            Phase::Backward => &mut self.backward,
        };
        if times.len() <= layer {
            times.resize(layer + 1, Duration::ZERO);
        }
        times[layer] += time;
    }
}
