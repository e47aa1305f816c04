//! A web server on this machine, which also answers as S3 does when it lists a bucket: the first folder of a name is the bucket.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// A server; it serves as long as the process lives.
pub struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    refused: HashSet<String>,
    /// A file whose transfer breaks off in its middle, and how often it still does.
    cut: (String, usize),
    has_tags: bool,
    has_ranges: bool,
    /// Whether it answers requests for an answer's head alone.
    has_heads: bool,
    length: Length,
    page: usize,
    stall_every: usize,
    asked: Vec<String>,
    now: usize,
    most: usize,
}

/// How the client knows where an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// The server tells it before the answer.
    Told,
    /// Each piece tells its own.
    Chunked,
    /// The connection ends with it.
    Closed,
}

/// What is answered.
struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    /// Bytes of the body after which the connection ends.
    sent: usize,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            refused: HashSet::new(),
            cut: (String::new(), 0),
            has_tags: true,
            has_ranges: true,
            has_heads: true,
            length: Length::Told,
            page: 1000,
            stall_every: 0,
            asked: Vec::new(),
            now: 0,
            most: 0,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(connection.unwrap(), &shared));
            }
        });
        Self { address, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    pub fn put(&self, name: &str, content: Vec<u8>) {
        self.state().files.insert(name.to_owned(), content);
    }

    pub fn refuse(&self, name: &str) {
        self.state().refused.insert(name.to_owned());
    }

    pub fn cut(&self, name: &str, times: usize) {
        self.state().cut = (name.to_owned(), times);
    }

    pub fn cuts_left(&self) -> usize {
        self.state().cut.1
    }

    pub fn tag(&self, has_tags: bool) {
        self.state().has_tags = has_tags;
    }

    pub fn without_ranges(&self) {
        self.state().has_ranges = false;
    }

    pub fn without_heads(&self) {
        self.state().has_heads = false;
    }

    pub fn tell_length(&self, length: Length) {
        self.state().length = length;
    }

    /// How many objects are listed at once.
    pub fn page(&self, page: usize) {
        self.state().page = page;
    }

    /// Makes every n-th request take longer than those after it.
    pub fn stall_every(&self, n: usize) {
        self.state().stall_every = n;
    }

    /// What was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// The most requests at once.
    pub fn most_at_once(&self) -> usize {
        self.state().most
    }
}

/// Serves the requests of one connection.
fn serve(connection: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(connection.try_clone().ok()?).lines();
    let mut connection = connection;
    loop {
        let request = lines.next()?.ok()?;
        let mut range = None;
        loop {
            let header = lines.next()?.ok()?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(found) = header.strip_prefix("range: bytes=") {
                range = found
                    .split_once('-')
                    .map(|(start, end)| (start.to_owned(), end.to_owned()));
            }
        }
        let mut parts = request.split(' ');
        let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let stalls = {
            let mut state = state.lock().unwrap();
            state.asked.push(target.clone());
            state.now += 1;
            state.most = state.most.max(state.now);
            state.stall_every > 0 && state.asked.len().is_multiple_of(state.stall_every)
        };
        if stalls {
            thread::sleep(Duration::from_millis(50));
        }
        let (answer, length) = {
            let mut state = state.lock().unwrap();
            let answer = state.answer(&method, &target, range);
            (answer, state.length)
        };
        let Answer {
            status,
            headers,
            mut body,
            mut sent,
        } = answer;
        let is_cut = sent < body.len() && method == "GET";
        let told = match length {
            Length::Told => format!("content-length: {}", body.len()),
            Length::Chunked => "transfer-encoding: chunked".to_owned(),
            Length::Closed => "connection: close".to_owned(),
        };
        if length == Length::Chunked && !is_cut {
            let half = body.len() / 2;
            let pieces = [&body[..half], &body[half..]].into_iter();
            let pieces = pieces.filter(|piece| !piece.is_empty());
            let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            body = pieces.flat_map(chunk).chain(*b"0\r\n\r\n").collect();
            sent = body.len();
        }
        let head = format!("HTTP/1.1 {status}\r\n{told}\r\n{headers}\r\n");
        let sent = if method == "HEAD" { 0 } else { sent };
        // Before the answer: whoever has it may ask again at once.
        state.lock().unwrap().now -= 1;
        connection.write_all(head.as_bytes()).ok()?;
        connection.write_all(&body[..sent]).ok()?;
        if is_cut || length == Length::Closed {
            return None;
        }
    }
}

impl State {
    fn answer(&mut self, method: &str, target: &str, range: Option<(String, String)>) -> Answer {
        let (name, query) = target.split_once('?').unwrap_or((target, ""));
        let name = name.trim_start_matches('/');
        if query.contains("list-type=2") {
            let bucket = name.trim_end_matches('/');
            let page = self.list(bucket, query);
            let sent = self.sent(bucket, page.sent);
            return Answer { sent, ..page };
        }
        let plain = |status, body: &str| Answer {
            status,
            headers: String::new(),
            sent: body.len(),
            body: body.as_bytes().to_vec(),
        };
        if self.refused.contains(name) || (method == "HEAD" && !self.has_heads) {
            return plain("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>");
        }
        let Some(content) = self.files.get(name) else {
            return plain("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let mut headers = "last-modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n".to_owned();
        if self.has_tags {
            headers += &format!("etag: \"{}\"\r\n", content.len());
        }
        let (mut status, mut body) = ("200 OK", content.clone());
        if let Some((start, end)) = range.filter(|_| self.has_ranges) {
            let start: usize = start.parse().unwrap();
            let end = end
                .parse()
                .map_or(content.len(), |end: usize| content.len().min(end + 1));
            status = "206 Partial Content";
            headers += &format!("content-range: bytes {start}-{}/{}\r\n", end - 1, content.len());
            body = content[start..end].to_vec();
        }
        Answer {
            status,
            headers,
            sent: self.sent(name, body.len()),
            body,
        }
    }

    /// How many of an answer's bytes are sent.
    fn sent(&mut self, name: &str, bytes: usize) -> usize {
        if self.cut.0 != name || self.cut.1 == 0 {
            return bytes;
        }
        self.cut.1 -= 1;
        bytes / 2
    }

    /// A page of a bucket's names.
    fn list(&self, bucket: &str, query: &str) -> Answer {
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let found = pairs.find(|(found, _)| *found == name)?.1;
            Some(found.replace("%2F", "/"))
        };
        let base = format!("{bucket}/");
        let prefix = value("prefix").unwrap_or_default();
        let token = value("continuation-token").or_else(|| value("start-after"));
        let token = token.unwrap_or_default();
        let keys = self
            .files
            .iter()
            .filter_map(|(name, content)| Some((name.strip_prefix(&base)?, content.len())));
        let keys: Vec<_> = keys
            .filter(|(key, _)| key.starts_with(&prefix) && *key > &*token)
            .collect();
        let shown = &keys[..keys.len().min(self.page)];
        let mut body = String::from("<ListBucketResult>");
        for (key, size) in shown {
            body += &format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
            );
        }
        let is_more = shown.len() < keys.len();
        if let Some((last, _)) = shown.last().filter(|_| is_more) {
            body += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        body += &format!("<IsTruncated>{is_more}</IsTruncated></ListBucketResult>");
        let mut status = "200 OK";
        if !self.files.keys().any(|name| name.starts_with(&base)) {
            status = "404 Not Found";
            body = "<Error><Code>NoSuchBucket</Code></Error>".to_owned();
        }
        Answer {
            status,
            headers: "content-type: application/xml\r\n".to_owned(),
            sent: body.len(),
            body: body.into_bytes(),
        }
    }
}
