//! What operations take and return: plain data, below all backends.

pub(crate) mod checks;
pub(crate) mod conv3x3;
pub(crate) mod element;
pub(crate) mod fused;
pub(crate) mod layer;
pub(crate) mod linear;
pub(crate) mod loss;
pub mod optim;
pub(crate) mod ranks;
pub(crate) mod shapes;
