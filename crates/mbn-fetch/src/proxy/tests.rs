use super::*;

/// `HOST:PORT` of the proxy for an address, or the message of the error.
fn proxy(address: &str, variables: &[(&str, &str)]) -> Option<String> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    match proxy_for(&address.parse().unwrap(), variable) {
        Ok(proxy) => proxy.map(|proxy| format!("{}:{}", proxy.host(), proxy.port())),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn each_scheme_has_its_variable() {
    let all = [
        ("ALL_PROXY", "http://all:1"),
        ("HTTPS_PROXY", "http://secure:2"),
        ("HTTP_PROXY", "plain:3"),
    ];
    assert_eq!(proxy("https://hub.test/x", &all).as_deref(), Some("secure:2"));
    assert_eq!(proxy("http://hub.test/x", &all).as_deref(), Some("plain:3"));
    assert_eq!(proxy("http://hub.test/x", &all[..2]).as_deref(), Some("all:1"));
    assert_eq!(proxy("http://hub.test/x", &all[1..2]), None);
    assert_eq!(proxy("https://hub.test/x", &all[2..]), None);
    assert_eq!(proxy("https://hub.test/x", &[]), None);
    // The lower case comes first, and an empty variable says nothing.
    let both = [
        ("https_proxy", "http://user:secret@low"),
        ("HTTPS_PROXY", "http://high"),
    ];
    assert_eq!(proxy("https://hub.test", &both).as_deref(), Some("low:80"));
    let empty = [("https_proxy", " "), ("HTTPS_PROXY", ""), ("all_proxy", "all:1")];
    assert_eq!(proxy("https://hub.test", &empty).as_deref(), Some("all:1"));
}

#[test]
fn a_variable_that_names_no_proxy_is_named_without_its_value() {
    for value in [
        "socks5://user:secret@host:1080",
        "ftp://secret",
        "http://",
        "a secret",
    ] {
        let message = proxy("https://hub.test", &[("HTTPS_PROXY", value)]).unwrap();
        assert!(
            message.starts_with("`HTTPS_PROXY` names no proxy"),
            "{value}: {message}"
        );
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn servers_are_exempt_by_name_domain_network_and_port() {
    for (list, address, is_exempt) in [
        ("*", "http://hub.test", true),
        ("hub.test", "http://hub.test", true),
        ("HUB.test.", "https://Hub.Test./x", true),
        ("hub.test", "http://www.hub.test", true),
        (".hub.test", "http://www.hub.test", true),
        (".hub.test", "http://hub.test", true),
        ("*.hub.test", "http://a.b.hub.test", true),
        ("hub.test", "http://nohub.test", false),
        ("test", "http://hub.testing", false),
        ("other.test, hub.test", "http://hub.test", true),
        ("other.test hub.test", "http://hub.test", true),
        (",, ,", "http://hub.test", false),
        (".", "http://hub.test", false),
        ("hub.test:80", "http://hub.test/x", true),
        ("hub.test:80", "http://hub.test:8080/x", false),
        ("hub.test:443", "https://hub.test/x", true),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/x", true),
        ("127.0.0.1:8081", "http://127.0.0.1:8080/x", false),
        ("127.0.0.0/8", "http://127.1.2.3:8080", true),
        ("127.0.0.0/8", "http://128.1.2.3", false),
        ("10.0.0.0/9", "http://10.127.255.255", true),
        ("10.0.0.0/9", "http://10.128.0.0", false),
        ("0.0.0.0/0", "http://10.128.0.0", true),
        ("10.1.2.3/32", "http://10.1.2.3", true),
        ("10.1.2.3/32", "http://10.1.2.2", false),
        ("10.0.0.0/x", "http://10.0.0.0", false),
        ("10.*", "http://10.1.2.3", true),
        ("0.1", "http://127.0.0.1", false),
        ("::1", "http://[::1]:8080", true),
        ("[::1]", "http://[::1]:8080", true),
        ("[::1]:8080", "http://[::1]:8080", true),
        ("[::1]:8081", "http://[::1]:8080", false),
        ("0:0:0:0:0:0:0:1", "http://[::1]", true),
        ("fe80::/10", "http://[febf::1]", true),
        ("fe80::/10", "http://[fec0::1]", false),
        ("::/0", "http://10.0.0.1", false),
    ] {
        let variables = [("ALL_PROXY", "http://proxy:1"), ("NO_PROXY", list)];
        assert_eq!(
            proxy(address, &variables).is_none(),
            is_exempt,
            "{list}: {address}"
        );
    }
}
