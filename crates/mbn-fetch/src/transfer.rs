//! One connection of a download: waits for the response and appends its body to a file, while the caller can stop it.

mod receive;

use std::env;
use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use receive::receive;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::typestate::{AgentScope, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

use crate::proxy::{ProxyError, proxy_for};
use crate::trust::tls_config;

/// The longest silence of a server before the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(60);
/// How often progress is reported, and a request to stop noticed, while no data arrives.
const TICK: Duration = Duration::from_millis(100);

/// Why a connection ended before the file did.
pub(crate) enum End<E> {
    /// Another attempt may resume.
    Broken(Box<dyn Error + Send + Sync>),
    /// Another attempt would fail as well.
    Fatal(E),
    /// The file cannot be written.
    Disk(io::Error),
    /// The caller asked to stop.
    Stopped(Stopped),
}

/// The caller asked to stop.
#[derive(Debug)]
pub(crate) struct Stopped;

impl<E> From<Stopped> for End<E> {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// The last of several attempts.
pub(crate) struct GivenUp<E> {
    /// Why it failed.
    pub end: End<E>,
    /// Bytes on the disk.
    pub done: u64,
    /// Attempts in a row without progress.
    pub attempts: u32,
}

/// The size that a file may have, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// What it is said to be, if anything is said.
    pub expected: Option<u64>,
    /// The limit.
    pub most: u64,
}

/// What another attempt would meet again.
pub(crate) enum Refusal<'a> {
    /// The status of the response.
    Status(StatusCode, &'a HeaderMap),
    /// The file is larger than the limit. It has so many bytes, if the server says it.
    TooLarge(Option<u64>),
}

/// Called with the bytes done and the total, if known, several times a second; `Break` stops.
pub(crate) type Tick<'a> = dyn FnMut(u64, Option<u64>) -> ControlFlow<()> + 'a;

/// The most redirects in a row.
pub(crate) const MAX_REDIRECTS: usize = 10;

/// The settings of every agent: a status is no error, silence ends a connection, and whoever asks follows redirects, since another
/// address may have another proxy.
pub(crate) fn agent_config() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls_config())
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
}

/// Reports `done` bytes while no data arrives.
pub(crate) fn report(done: u64, tick: &mut Tick) -> Result<(), Stopped> {
    match tick(done, None).is_break() {
        true => Err(Stopped),
        false => Ok(()),
    }
}

/// Waits before another attempt.
pub(crate) fn pause(time: Duration, done: u64, tick: &mut Tick) -> Result<(), Stopped> {
    let mut left = time;
    while !left.is_zero() {
        report(done, tick)?;
        let slice = left.min(TICK);
        std::thread::sleep(slice);
        left -= slice;
    }
    Ok(())
}

/// Attempts to complete the file, each given the bytes that are there, until one does or `attempts` in a row make no progress.
pub(crate) fn persevere<E>(
    part: &Path,
    attempts: u32,
    time: Duration,
    tick: &mut Tick,
    mut attempt: impl FnMut(u64, &mut Tick) -> Result<(), End<E>>,
) -> Result<(), GivenUp<E>> {
    let given_up = |end, done, attempts| GivenUp { end, done, attempts };
    let have = || length(part).map_err(|error| given_up(End::Disk(error), 0, 0));
    let mut farthest = have()?;
    let mut failures = 0;
    loop {
        let before = have()?;
        let ended = report(before, tick)
            .map_err(End::from)
            .and_then(|()| attempt(before, tick));
        let source = match ended {
            Ok(()) => return Ok(()),
            Err(End::Broken(source)) => source,
            Err(end) => return Err(given_up(end, before, failures)),
        };
        let done = have()?;
        // A server without range requests starts over each time. Only bytes beyond the farthest point are progress.
        if done > farthest {
            farthest = done;
            failures = 0;
        }
        failures += 1;
        if failures >= attempts {
            return Err(given_up(End::Broken(source), done, failures));
        }
        log::warn!("the connection broke after {done} bytes ({source}); trying again");
        pause(time, done, tick).map_err(|stopped| given_up(stopped.into(), done, failures))?;
    }
}

/// Takes a response to a request for all after the first `have` bytes. `refusal` makes the error for what another attempt would meet
/// again. No byte beyond the size is written, and nothing stays of a file that is too large.
pub(crate) fn take<E>(
    response: Response<Body>,
    part: &Path,
    have: u64,
    size: Size,
    tick: &mut Tick,
    refusal: impl FnOnce(Refusal) -> E,
) -> Result<(), End<E>> {
    let restart = |problem: &str| match std::fs::remove_file(part) {
        Ok(()) => End::Broken(problem.into()),
        Err(error) => End::Disk(error),
    };
    match response.status() {
        StatusCode::PARTIAL_CONTENT => match content_range(&response) {
            Some((start, total)) if start == have => {
                receive(response, part, have, total, size, tick).map_err(|end| end.of(part, refusal))
            }
            _ => Err(restart("the server sent another range than requested")),
        },
        StatusCode::OK => {
            let total = response.body().content_length();
            receive(response, part, 0, total, size, tick).map_err(|end| end.of(part, refusal))
        }
        // The server has nothing after these bytes: the file is complete, or another. If the server does not state the
        // length, the checksum decides.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => match whole_length(&response) {
            None => Ok(()),
            Some(total) if total == have => Ok(()),
            Some(_) => Err(restart("the file on the server has changed")),
        },
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(End::Broken(format!("the server answered {status}").into()))
        }
        status => Err(End::Fatal(refusal(Refusal::Status(status, response.headers())))),
    }
}

/// The number of bytes of a file; 0 if there is none.
pub(crate) fn length(part: &Path) -> io::Result<u64> {
    match part.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Sends a request, through the proxy that the environment names for its address, and waits for the head of the response. The request runs on a thread of its own, because nothing can
/// interrupt a connection to a silent server; stopping leaves the thread behind.
pub(crate) fn respond(
    request: RequestBuilder<WithoutBody>,
    have: u64,
    tick: &mut Tick,
) -> Result<Result<Response<Body>, ureq::Error>, Stopped> {
    let proxy = match request
        .uri_ref()
        .map(|uri| proxy_for(uri, |name| env::var(name).ok()))
    {
        None => None,
        Some(Ok(proxy)) => proxy,
        Some(Err(error)) => return Ok(Err(ureq::Error::Other(Box::new(error)))),
    };
    let request = match proxy {
        None => request,
        Some(proxy) => request.config().proxy(Some(proxy)).build(),
    };
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
            Err(RecvTimeoutError::Timeout) => report(have, tick)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(Err(ureq::Error::ConnectionFailed)),
        }
    }
}

/// Whether another attempt may do better after this error.
pub(crate) fn is_passing(error: &ureq::Error) -> bool {
    matches!(
        error,
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed
    )
}

/// Why the server was not asked: a proxy refuses to, or none can be used. `Err` of another error.
pub(crate) fn cause_at_proxy(error: ureq::Error) -> Result<Box<dyn Error + Send + Sync>, ureq::Error> {
    match error {
        ureq::Error::ConnectProxyFailed(_) => Ok(error.into()),
        ureq::Error::Other(cause) if cause.is::<ProxyError>() => Ok(cause),
        error => Err(error),
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
