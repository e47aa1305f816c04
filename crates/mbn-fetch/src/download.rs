//! Downloads a file, over as many connections as it takes. The file on disk grows; each attempt resumes at its end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ureq::http::{Response, StatusCode, header};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder};

use crate::{Archive, FetchError, OnProgress, Progress, Step};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// The longest silence of a server before the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(60);

/// How often progress is reported, and a request to stop noticed, while no data arrives.
const TICK: Duration = Duration::from_millis(100);

/// Why a connection ended before the file did.
enum End {
    /// Another attempt may resume.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// Another attempt would fail as well.
    Fatal(FetchError),
}

/// Downloads the archive to `part`, after the bytes already there.
pub(crate) fn download(
    archive: &Archive,
    part: &Path,
    on_progress: &mut OnProgress,
) -> Result<(), FetchError> {
    let agent = Agent::new_with_config(
        Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(SILENCE))
            .timeout_recv_response(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build(),
    );
    let mut farthest = length(part)?;
    let mut failures = 0;
    loop {
        tick(length(part)?, on_progress)?;
        let source = match attempt(&agent, archive, part, on_progress) {
            Ok(()) => return Ok(()),
            Err(End::Fatal(error)) => return Err(error),
            Err(End::Broken(source)) => source,
        };
        let done = length(part)?;
        // A server without range requests starts over each time. Only bytes beyond the farthest point are progress.
        if done > farthest {
            farthest = done;
            failures = 0;
        }
        failures += 1;
        if failures >= archive.attempts {
            return Err(FetchError::Broken {
                url: archive.url.clone(),
                done,
                attempts: failures,
                source,
            });
        }
        log::warn!("the connection broke after {done} bytes ({source}); trying again");
        let mut left = archive.pause;
        while !left.is_zero() {
            tick(done, on_progress)?;
            let slice = left.min(TICK);
            std::thread::sleep(slice);
            left -= slice;
        }
    }
}

/// Reports `done` bytes while no data arrives.
fn tick(done: u64, on_progress: &mut OnProgress) -> Result<(), FetchError> {
    let progress = Progress {
        step: Step::Download,
        done,
        total: None,
    };
    match on_progress(progress).is_break() {
        true => Err(FetchError::Interrupted),
        false => Ok(()),
    }
}

/// The number of bytes on disk.
fn length(part: &Path) -> Result<u64, FetchError> {
    match part.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(FetchError::disk(part, error)),
    }
}

/// Downloads over one connection.
fn attempt(agent: &Agent, archive: &Archive, part: &Path, on_progress: &mut OnProgress) -> Result<(), End> {
    let have = length(part).map_err(End::Fatal)?;
    let mut request = agent
        .get(&archive.url)
        .header(header::ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = respond(request, have, on_progress)
        .map_err(End::Fatal)?
        .map_err(|error| unreachable(archive, error))?;
    let restart = || -> Result<(), End> {
        std::fs::remove_file(part).map_err(|error| End::Fatal(FetchError::disk(part, error)))
    };
    match response.status() {
        StatusCode::PARTIAL_CONTENT => match content_range(&response) {
            Some((start, total)) if start == have => receive(response, part, have, total, on_progress),
            _ => {
                restart()?;
                Err(End::Broken("the server sent another range than requested".into()))
            }
        },
        StatusCode::OK => {
            let total = response.body().content_length();
            receive(response, part, 0, total, on_progress)
        }
        // The server has nothing after these bytes: the file is complete, or belongs to another archive. If the server
        // does not state the length, the checksum decides.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => match whole_length(&response) {
            None => Ok(()),
            Some(total) if total == have => Ok(()),
            Some(_) => {
                restart()?;
                Err(End::Broken("the file on the server has changed".into()))
            }
        },
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(End::Broken(format!("the server answered {status}").into()))
        }
        status => Err(End::Fatal(FetchError::Status {
            url: archive.url.clone(),
            status: status.as_u16(),
        })),
    }
}

/// Sends a request and waits for the head of the response. The request runs on a thread of its own, because nothing can
/// interrupt a connection to a silent server; stopping leaves the thread behind.
fn respond(
    request: RequestBuilder<WithoutBody>,
    have: u64,
    on_progress: &mut OnProgress,
) -> Result<Result<Response<Body>, ureq::Error>, FetchError> {
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::Builder::new().spawn(move || {
        // After a stop, nobody listens.
        let _ = sender.send(request.call());
    });
    if let Err(error) = waiting {
        return Ok(Err(error.into()));
    }
    loop {
        match receiver.recv_timeout(TICK) {
            Ok(response) => return Ok(response),
            Err(RecvTimeoutError::Timeout) => tick(have, on_progress)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(Err(ureq::Error::ConnectionFailed)),
        }
    }
}

fn unreachable(archive: &Archive, error: ureq::Error) -> End {
    match error {
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => {
            End::Broken(Box::new(error))
        }
        _ => End::Fatal(FetchError::Connect {
            url: archive.url.clone(),
            source: Box::new(error),
        }),
    }
}

/// Appends the body to the first `have` bytes of the file.
fn receive(
    response: Response<Body>,
    part: &Path,
    have: u64,
    total: Option<u64>,
    on_progress: &mut OnProgress,
) -> Result<(), End> {
    let disk = |error| End::Fatal(FetchError::disk(part, error));
    let mut file = open(part, have).map_err(disk)?;
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut chunk = vec![0; CHUNK];
    let mut done = have;
    loop {
        let progress = Progress {
            step: Step::Download,
            done,
            total,
        };
        if on_progress(progress).is_break() {
            return Err(End::Fatal(FetchError::Interrupted));
        }
        match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => {
                file.write_all(&chunk[..bytes]).map_err(disk)?;
                done += bytes as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(End::Broken(Box::new(error))),
        }
    }
    if total.is_some_and(|total| done < total) {
        return Err(End::Broken("the connection was closed early".into()));
    }
    // A device cannot be synced.
    match file.sync_all() {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(disk(error)),
        _ => Ok(()),
    }
}

/// Opens the file for writing after its first `have` bytes.
fn open(part: &Path, have: u64) -> io::Result<File> {
    match have {
        0 => File::create(part),
        _ => OpenOptions::new().append(true).open(part),
    }
}

/// The start of the range and the length of the whole file, if known: `bytes 100-199/200` or `bytes 100-199/*`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The length of the whole file in `bytes */200`.
fn whole_length(response: &Response<Body>) -> Option<u64> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes */")?.trim().parse().ok()
}
