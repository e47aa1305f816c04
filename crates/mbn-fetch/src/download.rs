//! Downloading to a file that grows, over as many connections as it takes.

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
/// A server that sends nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(60);

/// While nothing comes, progress is told of, and a wish to stop heard, this often.
const TICK: Duration = Duration::from_millis(100);

/// Why a connection ended before the file did.
enum End {
    /// Another attempt may go on.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// No other attempt will do better.
    Fatal(FetchError),
}

/// Downloads the archive to `part`, going on after what is there.
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
        // A server that cannot go on in the middle starts anew each time, which is no progress.
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

/// Tells of `done` bytes while none come.
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

/// Bytes of the file that are there.
fn length(part: &Path) -> Result<u64, FetchError> {
    match part.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(FetchError::disk(part, error)),
    }
}

/// One connection.
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
                Err(End::Broken(
                    "the server sent another part than was asked for".into(),
                ))
            }
        },
        StatusCode::OK => {
            let total = response.body().content_length();
            receive(response, part, 0, total, on_progress)
        }
        // Nothing comes after what is there: either that is all, or it is of another file. Where the server does not
        // say, the sum will.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => match whole_length(&response) {
            None => Ok(()),
            Some(total) if total == have => Ok(()),
            Some(_) => {
                restart()?;
                Err(End::Broken("the file on the server is another one now".into()))
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

/// Sends a request and waits for the answer's head, on a thread of its own: connecting to a server that is silent cannot
/// be broken off, only left.
fn respond(
    request: RequestBuilder<WithoutBody>,
    have: u64,
    on_progress: &mut OnProgress,
) -> Result<Result<Response<Body>, ureq::Error>, FetchError> {
    let (sender, receiver) = mpsc::channel();
    let waiting = std::thread::Builder::new().spawn(move || {
        // Nobody listens any more where the caller was told to stop.
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
    // A device, for one, cannot be synced.
    match file.sync_all() {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(disk(error)),
        _ => Ok(()),
    }
}

/// The file, ready to be written after its first `have` bytes.
fn open(part: &Path, have: u64) -> io::Result<File> {
    match have {
        0 => File::create(part),
        _ => OpenOptions::new().append(true).open(part),
    }
}

/// Start and, if it is known, length of the whole: `bytes 100-199/200` or `bytes 100-199/*`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The length in `bytes */200`.
fn whole_length(response: &Response<Body>) -> Option<u64> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes */")?.trim().parse().ok()
}
