//! Stops when the caller asks for it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use common::{Habits, Server, assert_unpacked, described, folder, names, whole};
use mbn_fetch::{FetchError, Progress, Step, fetch};

#[test]
fn stops_at_any_step_and_resumes() {
    let file = whole();
    for step in [Step::Download, Step::Verify, Step::Unpack] {
        let dir = folder();
        let server = Server::start(file.clone(), Habits::default());
        let archive = described(&server, &file);
        let mut stop = |progress: Progress| match progress.step == step && progress.done > 0 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let error = fetch(&archive, dir.path(), &mut stop).unwrap_err();
        assert!(matches!(error, FetchError::Interrupted), "{step:?}: {error}");
        assert_eq!(names(dir.path()), ["stl10_binary.tar.gz.part"]);
        fetch(&archive, dir.path(), &mut |_| ControlFlow::Continue(())).unwrap();
        assert_unpacked(dir.path());
    }
}

/// Between two attempts, and while a server is silent.
#[test]
fn stops_while_no_data_arrives() {
    const SOON: Duration = Duration::from_secs(10);
    for habits in [
        Habits {
            breaks: vec![0; 9],
            ..Habits::default()
        },
        Habits {
            silent: true,
            ..Habits::default()
        },
    ] {
        let dir = folder();
        let server = Server::start(whole(), habits);
        let mut archive = described(&server, &whole());
        archive.pause = Duration::from_secs(3600);
        let start = Instant::now();
        // Stop only after the request has reached the server.
        let mut stop = |_| match start.elapsed() > Duration::from_millis(300) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let error = fetch(&archive, dir.path(), &mut stop).unwrap_err();
        assert!(matches!(error, FetchError::Interrupted), "{error}");
        assert!(start.elapsed() < SOON);
        assert_eq!(server.requests.lock().unwrap().len(), 1);
    }
}
