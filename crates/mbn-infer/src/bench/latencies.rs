//! The latency of every call, for other programs to make figures of.

use std::path::Path;

use anyhow::{Context, Result};

use super::figures::Measured;
use crate::output::cannot_write;

const HEADER: [&str; 8] = [
    "model",
    "precision",
    "engine",
    "threads",
    "batch",
    "round",
    "call",
    "seconds",
];

/// Writes a row for each call in the order of the calls of a combination. Rounds and calls are counted from 0.
pub(super) fn write(measured: &[Measured], path: &Path) -> Result<()> {
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    csv.serialize(HEADER)?;
    for Measured { what, rounds } in measured {
        for (round, calls) in rounds.iter().enumerate() {
            for (call, latency) in calls.latencies.iter().enumerate() {
                csv.serialize((what, round, call, latency.as_secs_f64()))?;
            }
        }
    }
    let bytes = csv.into_inner().map_err(csv::IntoInnerError::into_error)?;
    mbn_files::atomic::write(path, &bytes).with_context(|| cannot_write(Some(path)))
}
