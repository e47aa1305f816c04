//! What the tests against references share.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

pub mod files;
pub mod float64;
pub mod step;
