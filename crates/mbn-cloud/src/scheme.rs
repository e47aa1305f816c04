//! Kinds of stores, which a URL begins with.

/// Where an object is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    S3,
    Google,
    Azure,
    Http,
}

/// The names of schemes. Spark and Hadoop call S3 `s3a`, and some tools call Google Cloud Storage `gcs`.
const SCHEMES: [(&str, Scheme); 8] = [
    ("s3", Scheme::S3),
    ("s3a", Scheme::S3),
    ("s3n", Scheme::S3),
    ("gs", Scheme::Google),
    ("gcs", Scheme::Google),
    ("az", Scheme::Azure),
    ("http", Scheme::Http),
    ("https", Scheme::Http),
];

/// That of a URL, in capitals or not; `None` for any other text.
pub(crate) fn scheme(url: &str) -> Option<Scheme> {
    let (name, _) = url.split_once("://")?;
    let (_, scheme) = SCHEMES
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))?;
    Some(*scheme)
}
