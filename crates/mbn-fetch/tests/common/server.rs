//! A web server with one file and, if wanted, bad habits.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// How it answers.
#[derive(Clone)]
pub struct Habits {
    /// Whether it honours a range.
    pub ranges: bool,
    /// Whether it states the length of the file when a range begins after its end.
    pub tells_length: bool,
    /// Whether it keeps silent after a request.
    pub silent: bool,
    /// For each of the first connections, the bytes of the body after which it breaks off.
    pub breaks: Vec<usize>,
    /// How many of the first requests it redirects to another path.
    pub redirects: usize,
    /// The status that it answers with instead of the file.
    pub status: Option<u16>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            ranges: true,
            tells_length: true,
            silent: false,
            breaks: Vec::new(),
            redirects: 0,
            status: None,
        }
    }
}

pub struct Server {
    pub url: String,
    /// The first byte of the range that each request asked for.
    pub requests: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Serves `file` from a thread that ends with the process.
    pub fn start(file: Vec<u8>, habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/stl10_binary.tar.gz", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let mut range = None;
                for line in BufReader::new(&stream).lines() {
                    let line = line.unwrap().to_ascii_lowercase();
                    if let Some(from) = line.strip_prefix("range: bytes=") {
                        range = Some(from.trim_end_matches('-').parse().unwrap());
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                seen.lock().unwrap().push(range);
                if habits.silent {
                    kept.push(stream);
                    continue;
                }
                let (head, body) = match number < habits.redirects {
                    true => (format!("HTTP/1.1 302 Found\r\nLocation: /{number}"), &b""[..]),
                    false => answer(&file, &habits, range),
                };
                let end = habits.breaks.get(number).copied().unwrap_or(usize::MAX);
                let head = format!(
                    "{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                let _ = stream.write_all(&body[..body.len().min(end)]);
            }
        });
        Self { url, requests }
    }
}

/// Status line with headers, and body.
fn answer<'a>(file: &'a [u8], habits: &Habits, range: Option<usize>) -> (String, &'a [u8]) {
    let total = file.len();
    if let Some(status) = habits.status {
        return (format!("HTTP/1.1 {status} No"), b"no");
    }
    match range.filter(|_| habits.ranges) {
        None => ("HTTP/1.1 200 OK".to_owned(), file),
        Some(from) if from >= total && !habits.tells_length => {
            ("HTTP/1.1 416 Range Not Satisfiable".to_owned(), b"")
        }
        Some(from) if from >= total => (
            format!("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}"),
            b"",
        ),
        Some(from) => (
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}",
                total - 1
            ),
            &file[from..],
        ),
    }
}
