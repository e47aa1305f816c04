//! A server that answers as the Hub does: a listing of the repository, redirects to a second server for large files and to
//! another path for small ones, ETags and ranges. It can have bad habits.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const REPOSITORY: &str = "owner/net.v1";
/// Files of at least this many bytes are kept on the second server, under their SHA-256.
const LARGE: usize = 1000;

/// How it answers.
#[derive(Clone)]
pub struct Habits {
    /// For each of the first requests to the second server, the bytes of the body after which it breaks off.
    pub breaks: Vec<usize>,
    /// Whether it honours a range.
    pub ranges: bool,
    /// What it answers to every request, with the code of the error.
    pub refuses: Option<(u16, &'static str)>,
    /// Whether it sends other bytes than it names.
    pub lies: bool,
    /// Whether the second server sends a byte now and then.
    pub slow: bool,
    /// ETag of every file instead of its own.
    pub etag: Option<&'static str>,
    /// Whether it keeps the size and the checksum of a large file to itself.
    pub is_reticent: bool,
    /// Bytes that the second server sends after those of a file, and counts as the file's.
    pub adds: usize,
    /// Whether the second server keeps the length of its answers to itself.
    pub is_endless: bool,
    /// Where every file is redirected to instead.
    pub redirect: Option<&'static str>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            breaks: Vec::new(),
            ranges: true,
            refuses: None,
            lies: false,
            slow: false,
            etag: None,
            is_reticent: false,
            adds: 0,
            is_endless: false,
            redirect: None,
        }
    }
}

/// A request that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub range: Option<usize>,
    /// Whether the second server got it.
    pub at_store: bool,
}

pub struct FakeHub {
    pub endpoint: String,
    pub requests: Arc<Mutex<Vec<Request>>>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    habits: Habits,
    store: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeHub {
    /// Serves the files of [`REPOSITORY`] at [`COMMIT`] from threads that end with the process.
    pub fn start(files: &[(&str, &[u8])], habits: Habits) -> Self {
        let (hub, store) = (listen(), listen());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let endpoint = address(&hub);
        let requests = Arc::new(Mutex::new(Vec::new()));
        let state = Arc::new(State {
            files: files
                .iter()
                .map(|(name, content)| ((*name).to_owned(), content.to_vec()))
                .collect(),
            habits,
            store: address(&store),
            requests: Arc::clone(&requests),
        });
        for (listener, at_store) in [(hub, false), (store, true)] {
            let state = Arc::clone(&state);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let state = Arc::clone(&state);
                    std::thread::spawn(move || state.serve(&stream.unwrap(), at_store));
                }
            });
        }
        Self { endpoint, requests }
    }

    pub fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The ranges that the second server was asked for.
    pub fn ranges(&self) -> Vec<Option<usize>> {
        let seen = self.seen();
        let stored = seen.iter().filter(|request| request.at_store);
        stored.map(|request| request.range).collect()
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

pub fn sha256(content: &[u8]) -> String {
    let sum = Sha256::digest(content);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a file's content: 64 digits for a large one, 40 as Git's for a small one.
pub fn etag(content: &[u8]) -> String {
    let mut name = sha256(content);
    if content.len() < LARGE {
        name.truncate(40);
    }
    name
}

impl State {
    fn serve(&self, mut stream: &TcpStream, at_store: bool) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ').map(str::to_owned);
        let mut request = Request {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            authorization: None,
            range: None,
            at_store,
        };
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "authorization" => request.authorization = Some(value.to_owned()),
                "range" => {
                    let start = value
                        .strip_prefix("bytes=")
                        .and_then(|range| range.strip_suffix('-'));
                    request.range = start.and_then(|start| start.parse().ok());
                }
                _ => {}
            }
        }
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.iter().filter(|request| request.at_store).count()
        };
        let (head, body) = match at_store {
            true => self.stored(&request),
            false => self.answer(&request),
        };
        let length = match head.contains("Content-Length") || (self.habits.is_endless && at_store) {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", body.len()),
        };
        let head = format!("HTTP/1.1 {head}\r\n{length}Connection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes());
        if request.method == "HEAD" {
            return;
        }
        let end = match at_store {
            true => self.habits.breaks.get(number - 1).copied().unwrap_or(usize::MAX),
            false => usize::MAX,
        };
        let body = &body[..body.len().min(end)];
        if !(self.habits.slow && at_store) {
            let _ = stream.write_all(body);
            return;
        }
        for byte in body {
            std::thread::sleep(Duration::from_millis(50));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    }

    /// Status line with headers, and body, of the first server.
    fn answer(&self, request: &Request) -> (String, Vec<u8>) {
        let refuse = |status: u16, code: &str| {
            let code = match code {
                "" => String::new(),
                code => format!("\r\nX-Error-Code: {code}"),
            };
            (
                format!("{status} No{code}\r\nX-Error-Message: because"),
                b"no".to_vec(),
            )
        };
        if let Some((status, code)) = self.habits.refuses {
            return refuse(status, code);
        }
        let listing = format!("/api/models/{REPOSITORY}/revision/");
        if let Some(revision) = request.path.strip_prefix(&listing) {
            if !["main", "refs%2Fpr%2F1", COMMIT].contains(&revision) {
                return refuse(404, "RevisionNotFound");
            }
            let siblings: Vec<_> = self
                .files
                .keys()
                .map(|name| serde_json::json!({"rfilename": name}))
                .collect();
            let listing = serde_json::json!({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings});
            return ("200 OK".to_owned(), listing.to_string().into_bytes());
        }
        let direct = format!("/direct/{COMMIT}/");
        if let Some(content) = request
            .path
            .strip_prefix(&direct)
            .and_then(|file| self.files.get(file))
        {
            let etag = self.etag(content);
            return (format!("200 OK\r\nETag: W/\"{etag}\""), content.clone());
        }
        let Some(file) = request
            .path
            .strip_prefix(&format!("/{REPOSITORY}/resolve/{COMMIT}/"))
        else {
            return refuse(401, "RepoNotFound");
        };
        let Some(content) = self.files.get(file) else {
            return refuse(404, "EntryNotFound");
        };
        let head = match (self.habits.redirect, content.len() >= LARGE) {
            (Some(to), _) => format!("302 Found\r\nLocation: {to}"),
            (None, true) => {
                let (name, store) = (self.etag(content), &self.store);
                let size = match self.habits.is_reticent {
                    true => String::new(),
                    false => format!("\r\nX-Linked-Size: {}", content.len()),
                };
                format!(
                    "302 Found\r\nLocation: {store}/{}?Signature=secret\r\nX-Linked-ETag: \"{name}\"{size}",
                    sha256(content)
                )
            }
            (None, false) => format!("307 Temporary Redirect\r\nLocation: {direct}{file}"),
        };
        (format!("{head}\r\nX-Repo-Commit: {COMMIT}"), Vec::new())
    }

    fn etag(&self, content: &[u8]) -> String {
        let mut name = self.habits.etag.map_or_else(|| etag(content), str::to_owned);
        if self.habits.is_reticent {
            name.truncate(40);
        }
        name
    }

    /// Status line with headers, and body, of the second server.
    fn stored(&self, request: &Request) -> (String, Vec<u8>) {
        let name = request.path.trim_start_matches('/').split('?').next().unwrap();
        let content = self.files.values().find(|content| sha256(content) == name);
        let Some(content) = content else {
            return ("403 Forbidden".to_owned(), Vec::new());
        };
        let mut content = content.clone();
        if self.habits.lies {
            content[0] ^= 1;
        }
        content.resize(content.len() + self.habits.adds, 7);
        let total = content.len();
        match request.range.filter(|_| self.habits.ranges) {
            None => ("200 OK\r\nETag: \"of-the-store\"".to_owned(), content),
            Some(from) if from >= total => (
                format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{total}"),
                Vec::new(),
            ),
            Some(from) => (
                format!(
                    "206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}",
                    total - 1
                ),
                content[from..].to_vec(),
            ),
        }
    }
}
