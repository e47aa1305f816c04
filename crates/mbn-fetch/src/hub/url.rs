//! Addresses: percent encoding, redirects, and whether two are of the same server.

use ureq::http::Uri;

/// Percent-encodes all but letters, digits, `-`, `.`, `_`, `~`, and those in `kept`.
pub(super) fn encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            byte if kept.contains(&byte) => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Scheme, host and port.
pub(crate) fn server(address: &str) -> Option<(String, String, u16)> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let host = uri.host()?.to_ascii_lowercase();
    Some((scheme, host, uri.port_u16().unwrap_or(usual)))
}

/// Where a redirect from `address` to `location` leads; `None` if that is no address, or one without encryption from one
/// with it.
pub(crate) fn redirected(address: &str, location: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let to = if location.contains("://") {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else {
        let authority = rest.split(['/', '?']).next()?;
        match location.strip_prefix('/') {
            Some(path) => format!("{scheme}://{authority}/{path}"),
            None => {
                let path = rest.split('?').next()?;
                let (folder, _) = path.rsplit_once('/').unwrap_or((path, ""));
                format!("{scheme}://{folder}/{location}")
            }
        }
    };
    let (new_scheme, _, _) = server(&to)?;
    let is_downgrade = scheme.eq_ignore_ascii_case("https") && new_scheme == "http";
    (!is_downgrade).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_say() {
        let from = "https://hub.test/a/b/resolve/main/c.json?x=1";
        for (location, expected) in [
            ("https://cdn.test/x?y=z", Some("https://cdn.test/x?y=z")),
            ("/api/c.json", Some("https://hub.test/api/c.json")),
            ("//cdn.test/x", Some("https://cdn.test/x")),
            ("d.json", Some("https://hub.test/a/b/resolve/main/d.json")),
            ("http://cdn.test/x", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(redirected(from, location).as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn servers_differ_by_scheme_host_and_port() {
        assert_eq!(server("https://Hub.test/x"), server("https://hub.test:443/y"));
        for other in [
            "http://hub.test",
            "https://hub.test:8443",
            "https://hub.test.evil",
        ] {
            assert_ne!(server("https://hub.test/x"), server(other));
        }
        assert_eq!(encoded("refs/pr/1 ü", b""), "refs%2Fpr%2F1%20%C3%BC");
        assert_eq!(encoded("a b/c", b"/"), "a%20b/c");
    }
}
