//! Fetches from a server whose certificate an authority of its own has signed, as a company's proxy or mirror has.
//!
//! The authority and the server are valid until 2120; `openssl` made them, for `localhost`. Which authorities count is read from the
//! environment, so each fetch is a process of its own: this program again, with the test that fetches.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
#[path = "hub/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mbn_fetch::hub::{Hub, Wanted, fetch};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use server::{FakeHub, Habits, REPOSITORY};

const CERTIFICATE: &[u8] = include_bytes!("hub/certificates/server.der");
const KEY: &[u8] = include_bytes!("hub/certificates/server_key.der");
/// Environment variable that has the address to fetch from.
const ENDPOINT: &str = "MBN_TEST_ENDPOINT";
const WEIGHTS: &[u8] = b"a small file of weights";

/// Speaks TLS for a server that does not, a request at a time. Gives its address.
fn with_tls(endpoint: &str) -> String {
    let chain = vec![CertificateDer::from(CERTIFICATE)];
    let key = PrivatePkcs8KeyDer::from(KEY).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = endpoint.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust it ends the connection.
            let _ = pass_on(StreamOwned::new(connection, stream.unwrap()), &behind);
        }
    });
    format!("https://localhost:{port}")
}

fn pass_on(stream: StreamOwned<ServerConnection, TcpStream>, behind: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if stream.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let mut server = TcpStream::connect(behind)?;
    server.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let stream = stream.get_mut();
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Fetches in a process with this authority, if any. What it prints.
fn fetched(endpoint: &str, authority: Option<PathBuf>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "fetches_if_it_is_told_from_where", "--nocapture"]);
    command
        .env(ENDPOINT, endpoint)
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR");
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority);
    }
    let output = command.output().unwrap();
    let printed =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), printed)
}

/// The process of [`fetched`]; does nothing in another.
#[test]
fn fetches_if_it_is_told_from_where() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub {
        endpoint,
        cache: folder.path().join("hub"),
        token: None,
        offline: false,
        attempts: 1,
        pause: Duration::ZERO,
        max_bytes: 1 << 20,
    };
    let name = format!("hf:{REPOSITORY}").parse().unwrap();
    let found = fetch(&hub, &name, Wanted::Weights, &mut |_| ControlFlow::Continue(()));
    match found {
        Ok(found) => assert_eq!(std::fs::read(found.path).unwrap(), WEIGHTS),
        Err(error) => {
            assert!(error.is_of_certificate(), "{error}");
            panic!("refused: {error}");
        }
    }
}

#[test]
fn an_authority_that_the_environment_names_is_trusted() {
    let hub = FakeHub::start(&[("model.safetensors", WEIGHTS)], Habits::default());
    let endpoint = with_tls(&hub.endpoint);
    let authority = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hub/certificates/authority.pem");
    let (is_fetched, printed) = fetched(&endpoint, Some(authority));
    assert!(is_fetched, "{printed}");
    let (is_fetched, printed) = fetched(&endpoint, None);
    assert!(!is_fetched && printed.contains("refused: "), "{printed}");
    // Without any certificates, those that are built in count, not all.
    let (is_fetched, printed) = fetched(&endpoint, Some("/nowhere.pem".into()));
    assert!(!is_fetched && printed.contains("refused: "), "{printed}");
}
