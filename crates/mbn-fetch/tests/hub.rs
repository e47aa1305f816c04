//! Fetches from a server that answers as the Hub does, into the cache of the Hub's library.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "hub/cache.rs"]
mod cache;
#[path = "hub/downloads.rs"]
mod downloads;
#[path = "hub/refusals.rs"]
mod refusals;
#[path = "hub/server.rs"]
mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mbn_fetch::hub::{Fetched, Hub, HubError, HubName, Token, Wanted, fetch};
use server::{COMMIT, FakeHub, Habits, REPOSITORY, etag};
use tempfile::TempDir;

const CONFIG: &[u8] = b"{\"architecture\": \"mobilenetv1_100\"}";

fn weights() -> Vec<u8> {
    (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// A repository with weights and their configuration.
fn usual(habits: Habits) -> FakeHub {
    let files: [(&str, &[u8]); 4] = [
        ("model.safetensors", &weights()),
        ("config.json", CONFIG),
        ("README.md", b"words"),
        ("sub/other.pth", &weights()[1..]),
    ];
    FakeHub::start(&files, habits)
}

fn hub_at(endpoint: &str, folder: &TempDir) -> Hub {
    Hub {
        endpoint: endpoint.to_owned(),
        cache: folder.path().join("hub"),
        token: None,
        offline: false,
        attempts: 3,
        pause: Duration::ZERO,
        max_bytes: 1 << 20,
    }
}

fn name(rest: &str) -> HubName {
    format!("hf:{REPOSITORY}{rest}").parse().unwrap()
}

fn get(hub: &Hub, rest: &str) -> Result<Fetched, HubError> {
    fetch(hub, &name(rest), Wanted::Weights, &mut |_| {
        ControlFlow::Continue(())
    })
}

/// The repository's folder in the cache.
fn repository(hub: &Hub) -> PathBuf {
    hub.cache.join("models--owner--net.v1")
}
