//! Whose certificates of servers are trusted.

use std::env;
use std::error::Error;

use rustls_native_certs::{CertificateResult, load_native_certs};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Environment variables that name certificates in place of the system's.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What to do about a server that nobody vouches for.
pub(crate) const UNTRUSTED: &str = "nobody whom this system trusts has signed the server's certificate: `SSL_CERT_FILE=FILE.pem` names \
                                    your company's or your own authority, besides those that you need";

/// Trusts whom this system trusts, so that a company's own authority counts, and a private server's.
pub(crate) fn tls_config() -> TlsConfig {
    let found = load_native_certs();
    let is_chosen = VARIABLES.iter().any(|name| env::var_os(name).is_some());
    for error in &found.errors {
        match is_chosen {
            true => log::warn!(
                "{} names certificates that cannot be read: {error}",
                VARIABLES.join(" or ")
            ),
            false => log::debug!("a certificate of this system cannot be read: {error}"),
        }
    }
    TlsConfig::builder().root_certs(root_certs(found)).build()
}

/// The certificates that were found. Where there are none, as in small containers, those that Mozilla trusts, which are built in.
fn root_certs(found: CertificateResult) -> RootCerts {
    match found.certs.is_empty() {
        true => RootCerts::WebPki,
        false => {
            let certificates = found.certs.iter();
            certificates
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect::<Vec<_>>()
                .into()
        }
    }
}

/// Whether a connection failed because nobody that is trusted has signed the server's certificate, or it is not valid.
pub(crate) fn is_of_certificate(error: &(dyn Error + 'static)) -> bool {
    // ureq passes rustls's error on in one of several wrappings.
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        cause = error.source();
    }
    false
}
