//! Appends the body of a response to a file, as far as the file may grow.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use ureq::Body;
use ureq::http::Response;

use super::{End, Refusal, Size, Stopped, Tick};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// The file is larger than the limit. It has so many bytes, if the server says it.
pub(super) struct TooLarge(Option<u64>);

impl End<TooLarge> {
    /// The same with the caller's error. Nothing stays of a file that is too large: no attempt would complete it.
    pub fn of<E>(self, part: &Path, refusal: impl FnOnce(Refusal) -> E) -> End<E> {
        match self {
            Self::Fatal(TooLarge(found)) => {
                // The error says more than one about what cannot be removed.
                let _ = std::fs::remove_file(part);
                End::Fatal(refusal(Refusal::TooLarge(found)))
            }
            Self::Broken(source) => End::Broken(source),
            Self::Disk(error) => End::Disk(error),
            Self::Stopped(stopped) => End::Stopped(stopped),
        }
    }
}

/// Appends the body to the first `have` bytes of the file, which is `total` bytes long as the server says.
pub(super) fn receive(
    response: Response<Body>,
    part: &Path,
    have: u64,
    total: Option<u64>,
    size: Size,
    tick: &mut Tick,
) -> Result<(), End<TooLarge>> {
    let coming = response.body().content_length();
    // A part of the file may be stated to be longer than the whole.
    let stated = total.max(coming.map(|coming| have.saturating_add(coming)));
    if stated.is_some_and(|stated| stated > size.most) {
        return Err(End::Fatal(TooLarge(stated)));
    }
    if let (Some(total), Some(expected)) = (total, size.expected)
        && total != expected
    {
        let problem = format!("the server says that the file has {total} bytes, expected {expected}");
        return Err(End::Broken(problem.into()));
    }
    let total = total.or(size.expected);
    let mut file = open(part, have).map_err(End::Disk)?;
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut chunk = vec![0; CHUNK];
    let mut done = have;
    loop {
        if tick(done, total).is_break() {
            return Err(Stopped.into());
        }
        match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(bytes) => {
                let after = done.saturating_add(bytes as u64);
                if after > size.most {
                    return Err(End::Fatal(TooLarge(None)));
                }
                if total.is_some_and(|total| after > total) {
                    return Err(End::Broken("the server sent more than it said".into()));
                }
                file.write_all(&chunk[..bytes]).map_err(End::Disk)?;
                done = after;
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
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(End::Disk(error)),
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
