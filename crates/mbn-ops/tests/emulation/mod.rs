//! An emulation of a GPU, and the operations that run on it.

mod convolutions;
mod faults;
mod image;
mod inference;
mod library;
mod loss;
mod nan;
mod optim;
mod pool;
mod stream;
mod support;
mod tiles;
