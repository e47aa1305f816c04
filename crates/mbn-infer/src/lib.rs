//! Classifies images through ONNX Runtime, checked against candle.
//!
//! [`run`] is the program: [`setup`] puts together model, engine and check, [`inputs`] finds the images and [`feed`] hands them
//! over, [`pipeline`] decodes ahead of the engine, [`output`] prints what it found.

pub mod bench;
pub mod builtin;
pub mod check;
pub mod classes;
pub mod evaluation;
pub mod failure;
pub mod feed;
pub mod given;
mod hints;
pub mod html;
pub mod inputs;
pub mod made_by;
pub mod model;
pub mod options;
pub mod output;
pub mod pipeline;
pub mod predictions;
pub mod preprocessing;
pub mod reference;
pub mod report;
mod run;
pub mod scores;
pub mod setup;
pub mod shard;
pub mod sorter;
pub mod stages;
mod work;

pub use run::run;
