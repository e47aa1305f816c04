//! The proxy of a request. As with curl, each scheme has a variable of its own, and another names servers to ask without one.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// A variable that names no proxy. Its value, which may hold a password, is not shown.
#[derive(Debug, thiserror::Error)]
#[error("`{variable}` names no proxy that can be used, expected `http://HOST:PORT` or `https://HOST:PORT`")]
pub(crate) struct ProxyError {
    variable: String,
}

/// The proxy for an address: that of `https_proxy` or `http_proxy`, by its scheme, else of `all_proxy`, unless `no_proxy` names the
/// server. Each variable may have its name in capitals; an empty one counts as unset.
pub(crate) fn proxy_for(
    uri: &Uri,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, ProxyError> {
    let set = |name: &str| {
        let names = [name.to_owned(), name.to_ascii_uppercase()];
        names.into_iter().find_map(|name| {
            let value = variable(&name)?.trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        })
    };
    let of_scheme = match uri.scheme_str() {
        Some("https") => "https_proxy",
        _ => "http_proxy",
    };
    let Some((variable, value)) = set(of_scheme).or_else(|| set("all_proxy")) else {
        return Ok(None);
    };
    if set("no_proxy").is_some_and(|(_, list)| is_exempt(uri, &list)) {
        return Ok(None);
    }
    // `ureq` would ask without a proxy instead of one of another protocol.
    let is_known = |proxy: &Proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    match Proxy::new(&value) {
        Ok(proxy) if is_known(&proxy) => Ok(Some(proxy)),
        _ => Err(ProxyError { variable }),
    }
}

/// Whether a list, whose entries commas or spaces separate, names the server of the address.
fn is_exempt(uri: &Uri, list: &str) -> bool {
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let port = uri.port_u16().unwrap_or(usual);
    let Some(host) = uri.host() else {
        return false;
    };
    let host = host.trim_matches(['[', ']']).trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    let entries = list.split(|c: char| c == ',' || c.is_whitespace());
    let mut entries = entries.filter(|entry| !entry.is_empty());
    entries.any(|entry| {
        let (name, of_port) = with_port(entry);
        of_port.is_none_or(|of_port| of_port == port) && names(&name.to_ascii_lowercase(), &host)
    })
}

/// The parts of `HOST:PORT` or `[ADDRESS]:PORT`. An IPv6 address alone has colons too.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Whether an entry without its port, such as `example.com`, `10.0.0.0/8`, `10.*` or `*`, names the host.
fn names(entry: &str, host: &str) -> bool {
    if let Some(start) = entry.strip_suffix('*') {
        return host.starts_with(start);
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        let (network, bits) = match entry.split_once('/') {
            Some((network, bits)) => (network, bits.parse().ok()),
            None => (entry, Some(u32::MAX)),
        };
        // The end of an address is no domain.
        return matches!((network.parse(), bits), (Ok(network), Some(bits)) if is_within(address, network, bits));
    }
    // `*.example.com` and `.example.com` are `example.com`, which names its subdomains too.
    let name = entry.strip_prefix('*').unwrap_or(entry);
    let name = name.trim_start_matches('.').trim_end_matches('.');
    let above = host.strip_suffix(name);
    !name.is_empty() && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

/// Whether the first `bits` bits of both are the same; all, if they have fewer.
fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let differs = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << (u128::BITS - u32::BITS),
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    differs.leading_zeros() >= bits.min(if address.is_ipv4() { u32::BITS } else { u128::BITS })
}

#[cfg(test)]
mod tests;
