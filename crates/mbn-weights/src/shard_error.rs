//! Why weights in several files cannot be used.

/// Why the shards of weights cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The index is no JSON, or says something else.
    #[error("it {0}, expected an object whose `weight_map` has the name of a file for each tensor")]
    Index(String),
    /// A name in the index, as a message shows it, is that of no file in its folder.
    #[error(
        "it names the shard {0}, expected the name of a `.safetensors` file in its folder, without a path"
    )]
    Name(String),
    /// The index names too many shards or tensors.
    #[error("it names {found} {what}, expected at most {limit}")]
    TooMany {
        /// How many it names.
        found: usize,
        /// What it names.
        what: &'static str,
        /// The most that are read.
        limit: usize,
    },
    /// A shard is not there.
    #[error("its shard {0} is not in its folder: fetch all files that its `weight_map` names")]
    Missing(String),
    /// A shard lacks a tensor that it should have.
    #[error(
        "its shard {shard} has no tensor {tensor}, which its `weight_map` says it has: fetch index and shards of one version"
    )]
    NoTensor {
        /// The shard.
        shard: String,
        /// The tensor.
        tensor: String,
    },
    /// Two shards have a tensor of the same name.
    #[error(
        "its shard {shard} has a tensor {tensor}, and so has another: fetch index and shards of one version"
    )]
    Twice {
        /// The shard.
        shard: String,
        /// The tensor.
        tensor: String,
    },
}
