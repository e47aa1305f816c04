//! Proxies, which only the environment names: each fetch is made by this program in a process of its own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
#[path = "hub/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, io, thread};

use mbn_fetch::hub::{Hub, HubError, Wanted};
use mbn_fetch::{Archive, FetchError, hub};
use server::{FakeHub, Habits, REPOSITORY};
use tempfile::TempDir;

const FILES: [(&str, &[u8]); 1] = [("model.safetensors", b"weights")];
/// What the process of a fetch is given: the folder for all that it writes, and the address to ask.
const FOLDER: &str = "MBN_TEST_FOLDER";
const ADDRESS: &str = "MBN_TEST_ADDRESS";

/// A proxy for `CONNECT`, and what it was asked to connect to.
struct FakeProxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeProxy {
    /// It answers with this status, and connects if that is 200.
    fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let known = Arc::clone(&known);
                thread::spawn(move || serve(&stream.unwrap(), status, &known));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, status: u16, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let _ = lines.take_while(|line| !line.is_empty()).count();
    asked.lock().unwrap().push(first.clone());
    let server = first
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    let (Some(server), 200) = (server, status) else {
        let _ = write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let server = TcpStream::connect(server).unwrap();
    write!(stream, "HTTP/1.1 200 Connected\r\n\r\n").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| io::copy(&mut &*stream, &mut &server));
        let _ = io::copy(&mut &server, &mut &*stream);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
}

/// Runs one of the tests below that fetch, in a process with these variables alone, and returns what it got.
fn fetched(test: &str, folder: &Path, address: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.env(FOLDER, folder).env(ADDRESS, address);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(folder.join("got")).unwrap()
}

fn given() -> Option<(std::path::PathBuf, String)> {
    Some((env::var_os(FOLDER)?.into(), env::var(ADDRESS).ok()?))
}

#[test]
fn fetches_from_the_hub() {
    let Some((folder, endpoint)) = given() else {
        return;
    };
    let hub = Hub {
        endpoint,
        cache: folder.join("hub"),
        token: None,
        offline: false,
        attempts: 1,
        pause: Duration::ZERO,
        max_bytes: 1 << 20,
    };
    let name = format!("hf:{REPOSITORY}").parse().unwrap();
    let fetched = hub::fetch(&hub, &name, Wanted::Weights, &mut |_| ControlFlow::Continue(()));
    let got = match fetched {
        Ok(found) if found.downloaded => "downloaded".to_owned(),
        Ok(found) => format!("in the cache, {}", told(&found.unreachable.unwrap())),
        Err(error) => told(&error),
    };
    fs::write(folder.join("got"), got).unwrap();
}

fn told(error: &HubError) -> String {
    match error {
        HubError::Connect { source, .. } => format!("unreachable: {source}"),
        error => format!("{error:?}"),
    }
}

#[test]
fn fetches_an_archive() {
    let Some((folder, url)) = given() else {
        return;
    };
    let mut archive = Archive::stl10();
    (archive.url, archive.attempts, archive.pause) = (url, 1, Duration::ZERO);
    let error = mbn_fetch::fetch(&archive, &folder, &mut |_| ControlFlow::Continue(())).unwrap_err();
    let is_of_proxy = matches!(error, FetchError::Proxy { .. });
    fs::write(folder.join("got"), format!("{is_of_proxy}: {error}")).unwrap();
}

/// To a user, it is as if there were no network.
#[test]
fn a_proxy_that_refuses_leaves_the_cache() {
    for status in [403, 407, 503] {
        let (server, folder) = (FakeHub::start(&FILES, Habits::default()), TempDir::new().unwrap());
        let proxy = FakeProxy::start(status);
        let get = |variables: &[(&str, &str)]| {
            fetched("fetches_from_the_hub", folder.path(), &server.endpoint, variables)
        };
        let through = [("HTTP_PROXY", proxy.address.as_str())];
        let got = get(&through);
        assert!(
            got.starts_with("unreachable: ") && got.contains(&status.to_string()),
            "{got}"
        );
        assert!(server.seen().is_empty());
        assert_eq!(get(&[]), "downloaded");
        let got = get(&through);
        assert!(got.starts_with("in the cache, unreachable: "), "{got}");
    }
}

#[test]
fn a_variable_that_names_no_proxy_leaves_the_cache() {
    let (server, folder) = (FakeHub::start(&FILES, Habits::default()), TempDir::new().unwrap());
    let variables = [("all_proxy", "socks5://secret@127.0.0.1:1")];
    let got = fetched(
        "fetches_from_the_hub",
        folder.path(),
        &server.endpoint,
        &variables,
    );
    assert!(
        got.starts_with("unreachable: `all_proxy` names no proxy"),
        "{got}"
    );
    assert!(!got.contains("secret") && server.seen().is_empty(), "{got}");
}

#[test]
fn each_address_has_its_proxy() {
    for (name, exempt, is_asked) in [
        ("HTTP_PROXY", "", true),
        ("http_proxy", "localhost,10.0.0.0/8", true),
        ("ALL_PROXY", "127.0.0.1:1", true),
        ("HTTPS_PROXY", "", false),
        ("HTTP_PROXY", "localhost,127.0.0.0/8", false),
        ("ALL_PROXY", "127.0.0.1", false),
    ] {
        let (server, folder) = (FakeHub::start(&FILES, Habits::default()), TempDir::new().unwrap());
        let proxy = FakeProxy::start(200);
        let variables = [(name, proxy.address.as_str()), ("no_proxy", exempt)];
        let got = fetched(
            "fetches_from_the_hub",
            folder.path(),
            &server.endpoint,
            &variables,
        );
        assert_eq!(got, "downloaded", "{name} {exempt}");
        let asked = proxy.asked();
        assert_eq!(!asked.is_empty(), is_asked, "{name} {exempt}: {asked:?}");
        let connect = format!("CONNECT {} ", server.endpoint.trim_start_matches("http://"));
        assert!(asked.iter().all(|line| line.starts_with(&connect)), "{asked:?}");
    }
}

#[test]
fn an_archive_that_the_proxy_refuses_says_what_it_must_allow() {
    let (folder, proxy) = (TempDir::new().unwrap(), FakeProxy::start(403));
    let variables = [("HTTP_PROXY", proxy.address.as_str())];
    let url = "http://data.invalid/stl10.tar.gz";
    let got = fetched("fetches_an_archive", folder.path(), url, &variables);
    let expected = format!(
        "true: cannot download `{url}` through a proxy; it must allow `CONNECT` to `data.invalid:80`"
    );
    assert!(got.starts_with(&expected), "{got}");
    assert_eq!(proxy.asked(), ["CONNECT data.invalid:80 HTTP/1.1"]);
    let got = fetched(
        "fetches_an_archive",
        folder.path(),
        "http://127.0.0.1:9/x",
        &[("NO_PROXY", "*")],
    );
    assert!(got.starts_with("false: "), "{got}");
}
