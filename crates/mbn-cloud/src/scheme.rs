//! Kinds of stores, which a URL begins with.

/// Where an object is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    S3,
    Google,
    Azure,
    Http,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("s3://", Scheme::S3),
    ("gs://", Scheme::Google),
    ("az://", Scheme::Azure),
    ("http://", Scheme::Http),
    ("https://", Scheme::Http),
];

/// That of a URL; `None` for any other text.
pub(crate) fn scheme(url: &str) -> Option<Scheme> {
    let (_, scheme) = SCHEMES.iter().find(|(start, _)| url.starts_with(start))?;
    Some(*scheme)
}
