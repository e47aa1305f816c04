//! Requests to the Hub. Redirects are followed here, so that the token goes to the Hub's own server alone.

use std::collections::BTreeSet;
use std::io::Read;

use serde::Deserialize;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

use super::name::{is_commit, is_path};
use super::url::{encoded, redirected, server};
use super::{Hub, HubError, HubName};
use crate::transfer::{
    End, MAX_REDIRECTS, Stopped, Tick, agent_config, cause_at_proxy, is_passing, pause, respond,
};

/// The longest description of a repository.
const MAX_LISTING: u64 = 16 << 20;
/// The longest ETag.
const MAX_ETAG: usize = 128;
/// The most characters of a server's explanation that are shown.
const EXPLAINED: usize = 200;
/// Times that a question is asked of a busy server.
const QUESTIONS: u32 = 3;

/// A repository at a commit.
#[derive(Debug)]
pub(super) struct Listing {
    pub commit: String,
    pub files: BTreeSet<String>,
}

/// What the Hub says about a file.
#[derive(Debug)]
pub(super) struct Head {
    /// The content's name: its SHA-256 if it is large, else a hash of Git's.
    pub etag: String,
    pub size: Option<u64>,
}

pub(super) struct Client<'h> {
    hub: &'h Hub,
    agent: Agent,
    server: Option<(String, String, u16)>,
}

/// A response after redirects, and what the Hub's own server said about the file.
struct Answer {
    response: Response<Body>,
    etag: Option<String>,
    size: Option<u64>,
}

#[derive(Deserialize)]
struct Description {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'h> Client<'h> {
    pub fn new(hub: &'h Hub) -> Self {
        let config = agent_config().user_agent(concat!("mbn-fetch/", env!("CARGO_PKG_VERSION")));
        Self {
            hub,
            agent: Agent::new_with_config(config.build()),
            server: server(&hub.endpoint),
        }
    }

    /// The commit of a revision, and its files.
    pub fn listing(&self, name: &HubName, tick: &mut Tick) -> Result<Listing, HubError> {
        let (endpoint, repository) = (&self.hub.endpoint, name.repository());
        let revision = encoded(name.revision(), b"");
        let url = format!("{endpoint}/api/models/{repository}/revision/{revision}");
        let answer = self.ask(name, &url, false, tick)?;
        let malformed = |problem: String| HubError::Malformed {
            url: url.clone(),
            problem,
        };
        let mut text = Vec::new();
        let body = answer.response.into_body().into_with_config().limit(MAX_LISTING);
        body.reader()
            .read_to_end(&mut text)
            .map_err(|error| HubError::Connect {
                url: url.clone(),
                source: error.into(),
            })?;
        let description: Description =
            serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if !is_commit(&description.sha) {
            return Err(malformed("it names no commit".to_owned()));
        }
        let files = description.siblings.into_iter().map(|sibling| sibling.rfilename);
        Ok(Listing {
            commit: description.sha,
            // Whatever leads out of the folder is no file of the repository.
            files: files.filter(|file| is_path(file)).collect(),
        })
    }

    /// What the Hub says about a file of a commit.
    pub fn head(&self, name: &HubName, tick: &mut Tick) -> Result<Head, HubError> {
        let url = self.address(name);
        let answer = self.ask(name, &url, true, tick)?;
        let malformed = |problem: &str| HubError::Malformed {
            url: url.clone(),
            problem: problem.to_owned(),
        };
        let etag = answer.etag.ok_or_else(|| malformed("it states no ETag"))?;
        Ok(Head {
            etag,
            size: answer.size,
        })
    }

    /// Begins to download a file after its first `have` bytes, if it still has this ETag.
    pub fn open(
        &self,
        name: &HubName,
        etag: &str,
        have: u64,
        tick: &mut Tick,
    ) -> Result<Response<Body>, End<HubError>> {
        let url = self.address(name);
        let answer = self.follow(&url, false, have, tick).map_err(|end| match end {
            End::Fatal(HubError::Connect { source, .. }) => End::Broken(source),
            end => end,
        })?;
        if answer.etag.is_some_and(|found| found != etag) {
            return Err(End::Fatal(HubError::Malformed {
                url,
                problem: "the file changed while it was downloaded".to_owned(),
            }));
        }
        Ok(answer.response)
    }

    /// The error for a status with which a download cannot begin.
    pub fn refusal(&self, name: &HubName, status: StatusCode, headers: &HeaderMap) -> HubError {
        let with_token = self.hub.token.is_some();
        let (repository, endpoint) = (name.repository().to_owned(), self.hub.endpoint.clone());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let message = text("x-error-message").map(|message| {
            let shown = message.chars().filter(|c| !c.is_control()).take(EXPLAINED);
            shown.collect::<String>()
        });
        let no_repository = || HubError::NoRepository {
            repository: repository.clone(),
            endpoint: endpoint.clone(),
            with_token,
        };
        match (text("x-error-code"), status.as_u16()) {
            (Some("GatedRepo"), _) => HubError::Gated {
                repository: repository.clone(),
                with_token,
            },
            (Some("RepoNotFound"), _) => no_repository(),
            (Some("RevisionNotFound"), _) => HubError::NoRevision(name.clone()),
            (Some("EntryNotFound"), _) => HubError::NoFile {
                name: name.clone(),
                files: Vec::new(),
            },
            (_, 401) if with_token => HubError::Refused { endpoint, message },
            (_, 401) => no_repository(),
            (_, 404) if name.file().is_none() => no_repository(),
            (_, status) => HubError::Status {
                url: self.address(name),
                status,
                message,
            },
        }
    }

    /// The address of a file, or of the repository.
    fn address(&self, name: &HubName) -> String {
        let (endpoint, repository) = (&self.hub.endpoint, name.repository());
        match name.file() {
            None => format!("{endpoint}/{repository}"),
            Some(file) => {
                let (revision, file) = (encoded(name.revision(), b""), encoded(file, b"/"));
                format!("{endpoint}/{repository}/resolve/{revision}/{file}")
            }
        }
    }

    /// Asks for something small, a few times if the server is busy.
    fn ask(&self, name: &HubName, url: &str, head: bool, tick: &mut Tick) -> Result<Answer, HubError> {
        let mut asked = 0;
        loop {
            let answer = self.follow(url, head, 0, tick).map_err(|end| match end {
                End::Fatal(error) => error,
                End::Stopped(_) => HubError::Interrupted,
                End::Broken(source) => HubError::Connect {
                    url: url.to_owned(),
                    source,
                },
                End::Disk(source) => HubError::Connect {
                    url: url.to_owned(),
                    source: source.into(),
                },
            })?;
            let status = answer.response.status();
            if status.is_success() || (head && status.is_redirection()) {
                return Ok(answer);
            }
            asked += 1;
            let busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            if !busy || asked >= QUESTIONS {
                return Err(self.refusal(name, status, answer.response.headers()));
            }
            pause(self.hub.pause, 0, tick).map_err(|_| HubError::Interrupted)?;
        }
    }

    /// Sends a request and follows redirects; a question about a file ends where the Hub's server has answered it.
    fn follow(&self, url: &str, head: bool, have: u64, tick: &mut Tick) -> Result<Answer, End<HubError>> {
        let malformed = |problem: &str| {
            End::Fatal(HubError::Malformed {
                url: url.to_owned(),
                problem: problem.to_owned(),
            })
        };
        let (mut etag, mut size) = (None, None);
        let mut place = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let at_hub = server(&place).is_some() && server(&place) == self.server;
            let response = self.send(&place, url, head, have, at_hub, tick)?;
            let headers = response.headers();
            let to = response
                .status()
                .is_redirection()
                .then(|| headers.get(header::LOCATION));
            if at_hub {
                let linked = headers.get("x-linked-etag");
                let own = || {
                    headers
                        .get(header::ETAG)
                        .filter(|_| response.status().is_success())
                };
                let found = linked.or_else(own).and_then(|value| value.to_str().ok());
                etag = etag.or_else(|| content_name(found?));
                let linked = headers.get("x-linked-size");
                let own = || {
                    let whole = response.status() == StatusCode::OK;
                    headers.get(header::CONTENT_LENGTH).filter(|_| whole)
                };
                let found = linked.or_else(own).and_then(|value| value.to_str().ok());
                size = size.or_else(|| found?.trim().parse().ok());
            }
            let Some(to) = to.flatten() else {
                return Ok(Answer { response, etag, size });
            };
            let to = to.to_str().ok().and_then(|to| redirected(&place, to));
            let to =
                to.ok_or_else(|| malformed("it redirects to no address, or to one without encryption"))?;
            if head && etag.is_some() && server(&to) != self.server {
                return Ok(Answer { response, etag, size });
            }
            place = to;
        }
        Err(malformed("it redirects too often"))
    }

    fn send(
        &self,
        place: &str,
        url: &str,
        head: bool,
        have: u64,
        at_hub: bool,
        tick: &mut Tick,
    ) -> Result<Response<Body>, End<HubError>> {
        let mut request = match head {
            true => self.agent.head(place),
            false => self.agent.get(place),
        };
        request = request.header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        if let Some(token) = self.hub.token.as_ref().filter(|_| at_hub) {
            request = request.header(header::AUTHORIZATION, token.0.clone());
        }
        let error = match respond(request, have, tick) {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => error,
            Err(Stopped) => return Err(End::Stopped(Stopped)),
        };
        let url = url.to_owned();
        let unreachable = match is_passing(&error) {
            true => Ok(error.into()),
            false => cause_at_proxy(error),
        };
        Err(End::Fatal(match unreachable {
            Ok(source) => HubError::Connect { url, source },
            Err(error) => HubError::Malformed {
                url,
                problem: error.to_string(),
            },
        }))
    }
}

/// An ETag as the name of a file: without `W/` and quotes.
fn content_name(etag: &str) -> Option<String> {
    let name = etag.trim().trim_start_matches("W/").trim_matches('"');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = !name.is_empty() && name.len() <= MAX_ETAG && name.bytes().all(allowed);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
