//! Classifies images through ONNX Runtime, checked against candle.
//!
//! [`run`] is the program: `setup` puts together model, engine and check, `inputs` finds the images and `feed` hands them
//! over, `pipeline` decodes ahead of the engine, `output` prints what it found.

mod bench;
pub mod builtin;
mod check;
mod classes;
mod evaluation;
mod failure;
mod feed;
mod given;
mod hints;
mod html;
mod inputs;
mod made_by;
mod model;
pub mod options;
mod output;
mod pipeline;
mod predictions;
mod preprocessing;
mod reference;
mod report;
mod run;
mod scores;
mod setup;
mod shard;
mod sorter;
mod stages;
mod work;

pub use run::run;
