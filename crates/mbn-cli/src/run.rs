//! The frame of a program: options, logging, threads, exit codes.

use std::io;
use std::process::ExitCode;

use anyhow::{Context, Error};
use clap::Parser;
use mbn_fetch::hub::HubError;
use mbn_spec::text::counted;

use crate::{CommonArgs, Hinted, arguments, file_limit, logging, progress};

const FAILURE: u8 = 1;
const USAGE: u8 = 2;
const PARTIAL: u8 = 3;
pub(crate) const INTERRUPTED: u8 = 130;

/// How a program ended, unless an error stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: exit code 0.
    Success,
    /// Something failed and has been reported: exit code 1.
    Failure,
    /// The work is done, but some inputs could not be used and have been reported: exit code 3.
    Partial,
    /// The user stopped it: exit code 130.
    Interrupted,
}

/// A mistake on the command line: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Starts the threads on which candle computes. A program calls it before it computes
/// anything: else the first computation starts one for each core.
///
/// # Errors
/// The system refuses to start them, or they have been started.
pub fn start_threads(threads: usize) -> anyhow::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global();
    pool.with_context(|| format!("cannot start {}", counted(threads, "thread")))
}

/// Reads the options, sets up logging, runs `main` and prints its error, if any.
pub fn run<A>(main: impl FnOnce(A) -> anyhow::Result<Outcome>) -> ExitCode
where
    A: Parser + AsRef<CommonArgs>,
{
    let args = parse::<A>();
    let common = args.as_ref();
    logging::init(common.level());
    file_limit::fail_at_limit();
    if common.quiet {
        progress::hide();
    }
    let outcome = match common.generate {
        Some(what) => what.print(A::command()).map(|()| Outcome::Success),
        None => main(args),
    };
    ExitCode::from(match outcome {
        Ok(Outcome::Success) => 0,
        Ok(Outcome::Failure) => FAILURE,
        Ok(Outcome::Partial) => PARTIAL,
        Ok(Outcome::Interrupted) => INTERRUPTED,
        // The reader of the output has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) && is_closed(&io::stdout()) => 0,
        Err(error) if is_interrupted(&error) => {
            log::warn!("{error:#}");
            INTERRUPTED
        }
        Err(error) => report(&error),
    })
}

/// Parses the options. A negative number is a value, so that the error is about its range and not about an unknown option.
fn parse<A: Parser>() -> A {
    let mut command = A::command().mut_args(|arg| {
        let takes_value = arg.get_action().takes_values() && !arg.is_positional();
        if takes_value {
            arg.allow_negative_numbers(true)
        } else {
            arg
        }
    });
    let given = arguments::reordered(&command, std::env::args_os().collect());
    let matches = command.try_get_matches_from_mut(given.clone());
    let matches = matches.map_err(|error| arguments::explained(error, &mut command, &given));
    let parsed = matches.and_then(|mut matches| A::from_arg_matches_mut(&mut matches));
    parsed.unwrap_or_else(|error| error.format(&mut command).exit())
}

/// What the user reads about an error, with the advice that it carries.
pub fn message(error: &Error) -> String {
    let hints = error.chain().filter_map(|cause| cause.downcast_ref::<Hinted>());
    let hints = hints
        .map(|hinted| format!("\nhint: {}", hinted.hint))
        .collect::<String>();
    format!("{error:#}{hints}")
}

fn report(error: &Error) -> u8 {
    log::error!("{}", message(error));
    let is_usage = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<UsageError>()
            || cause
                .downcast_ref::<Hinted>()
                .is_some_and(|h| h.error.is::<UsageError>())
    };
    if error.chain().any(is_usage) {
        USAGE
    } else {
        FAILURE
    }
}

/// Whether the user stopped a download.
fn is_interrupted(error: &Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<HubError>());
    causes.any(|cause| matches!(cause, HubError::Interrupted))
}

fn is_broken_pipe(error: &Error) -> bool {
    let kinds = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}

/// Whether the reader of a pipe or a socket is gone. This tells a broken stdout from a broken output file or connection.
#[cfg(unix)]
fn is_closed(pipe: &impl std::os::fd::AsFd) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let mut pipes = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
    let polled = poll(&mut pipes, PollTimeout::ZERO).is_ok();
    let events = pipes[0].revents().unwrap_or(PollFlags::empty());
    // A socket's end, and that of every pipe on macOS, is a hang-up.
    polled && events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
}

/// Other systems cannot tell.
#[cfg(not(unix))]
fn is_closed<T>(_pipe: &T) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_closed_when_its_reader_is_gone() {
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_closed(&writer));
        drop(reader);
        assert!(is_closed(&writer));
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!is_closed(&writer));
        drop(reader);
        assert!(is_closed(&writer));
        assert!(!is_closed(&tempfile::tempfile().unwrap()));
    }
}
