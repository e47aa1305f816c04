//! Downloads an archive, over as many connections as it takes. The file on disk grows; each attempt resumes at its end.

use std::path::Path;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use crate::hub::redirected;
use crate::transfer::{
    End, GivenUp, MAX_REDIRECTS, Refusal, Size, Tick, agent_config, is_passing, persevere, respond, take,
};
use crate::{Archive, FetchError, OnProgress, Progress, Step};

/// Downloads the archive to `part`, after the bytes already there.
pub(crate) fn download(
    archive: &Archive,
    part: &Path,
    on_progress: &mut OnProgress,
) -> Result<(), FetchError> {
    let mut tick = |done, total| {
        on_progress(Progress {
            step: Step::Download,
            done,
            total,
        })
    };
    let agent = Agent::new_with_config(agent_config().build());
    let downloaded = persevere(part, archive.attempts, archive.pause, &mut tick, |have, tick| {
        attempt(&agent, archive, part, have, tick)
    });
    downloaded.map_err(|GivenUp { end, done, attempts }| match end {
        End::Fatal(error) => error,
        End::Disk(error) => FetchError::disk(part, error),
        End::Stopped(_) => FetchError::Interrupted,
        End::Broken(source) => FetchError::Broken {
            url: archive.url.clone(),
            done,
            attempts,
            source,
        },
    })
}

/// Downloads over one connection.
fn attempt(
    agent: &Agent,
    archive: &Archive,
    part: &Path,
    have: u64,
    tick: &mut Tick,
) -> Result<(), End<FetchError>> {
    let mut place = archive.url.clone();
    let mut redirects = 0;
    let response = loop {
        let response = ask(agent, &place, archive, have, tick)?;
        let to = response.headers().get(header::LOCATION);
        let to = to.filter(|_| response.status().is_redirection() && redirects < MAX_REDIRECTS);
        match to.and_then(|to| redirected(&place, to.to_str().ok()?)) {
            Some(to) => place = to,
            None => break response,
        }
        redirects += 1;
    };
    let size = Size {
        expected: None,
        most: archive.max_bytes,
    };
    let url = archive.url.clone();
    take(response, part, have, size, tick, |refusal| match refusal {
        Refusal::Status(status, _) => FetchError::Status {
            url,
            status: status.as_u16(),
        },
        Refusal::TooLarge(found) => FetchError::TooLarge {
            url,
            found,
            limit: archive.max_bytes,
        },
    })
}

/// Asks the server at `place`, where the archive is, for all after the first `have` bytes.
fn ask(
    agent: &Agent,
    place: &str,
    archive: &Archive,
    have: u64,
    tick: &mut Tick,
) -> Result<Response<Body>, End<FetchError>> {
    let mut request = agent.get(place).header(header::ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    respond(request, have, tick)?.map_err(|error| match is_passing(&error) {
        true => End::Broken(Box::new(error)),
        false => End::Fatal(FetchError::connect(&archive.url, place, error)),
    })
}
