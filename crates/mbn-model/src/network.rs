//! The network that trains.

mod observe;
mod passes;
mod ranges;
mod shared;
mod weights;

use candle_core::{DType, Device};
use mbn_spec::Architecture;

use crate::buffers::Buffers;
use crate::layer::Layer;
use crate::parameters::Parameter;
use crate::profile::Profile;

pub use observe::Observed;
pub use passes::SharedBatch;
pub use ranges::{LayerRange, Ranges};
pub use shared::RunningStatistics;

/// Type of the values of activations and of their gradients in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActivationType {
    /// float32
    #[default]
    F32,
    /// bfloat16
    Bf16,
}

impl ActivationType {
    /// The type of their tensors.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

/// MobileNetV1 with trained parameters and running statistics.
pub struct Network {
    architecture: Architecture,
    device: Device,
    layers: Vec<Layer>,
    fc_weight: Parameter,
    fc_bias: Parameter,
    activation_type: ActivationType,
    /// Blocks at the beginning that do not train, the stem being the first.
    frozen: usize,
    /// Whether batch norm uses the running statistics while the network trains.
    has_fixed_statistics: bool,
    buffers: Buffers,
    profile: Option<Profile>,
}

impl Network {
    /// Keeps activations and their gradients in this type. Parameters, sums and statistics stay float32.
    pub fn set_activation_type(&mut self, activation_type: ActivationType) {
        self.activation_type = activation_type;
        self.buffers = Buffers::default();
    }

    /// Freezes the first `blocks` blocks, the stem being the first: their batch norm uses the running statistics and
    /// leaves them as they are, and they get no gradients. With all 14, only the classifier trains.
    pub fn freeze(&mut self, blocks: usize) {
        self.frozen = blocks;
    }

    /// Keeps the running statistics of batch norm as they are, and uses them in training too. All parameters train: with fixed
    /// statistics no image of a batch affects another, so parts of a batch have the gradients of the whole. `mbn-train` has no option for
    /// it; a program that compares training in parts with training on whole batches needs it.
    pub fn fix_statistics(&mut self) {
        self.has_fixed_statistics = true;
    }

    /// Measures the time of each layer from now on.
    pub fn start_profile(&mut self) {
        self.profile = Some(Profile::default());
    }

    /// The times measured since [`Self::start_profile`].
    pub fn take_profile(&mut self) -> Profile {
        self.profile.take().unwrap_or_default()
    }

    /// All trained tensors, in the order of the weight file.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let layers = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.weight, &layer.gamma, &layer.beta]);
        layers.chain([&self.fc_weight, &self.fc_bias])
    }

    /// The parameters that are not frozen: those that get gradients.
    pub fn trainable_parameters(&self) -> impl Iterator<Item = &Parameter> {
        // A layer has three: its weight, and batch norm's scale and shift.
        self.parameters().skip(3 * self.first_trainable())
    }

    /// The network's description.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Where the network's tensors are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Index of the first layer that is not frozen.
    fn first_trainable(&self) -> usize {
        let frozen = |layer: &&Layer| layer.spec.block < self.frozen;
        self.layers.iter().take_while(frozen).count()
    }
}
