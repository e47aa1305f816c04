//! Why an object cannot be had, in one line.

use std::error::Error as _;
use std::sync::Arc;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::scheme::{Scheme, scheme};

/// The most characters of a server's answer in a message.
const SHOWN: usize = 200;

/// An object, or a folder of objects, that cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{url}`")]
pub struct CloudError {
    /// What was asked for.
    pub url: Arc<str>,
    /// Why it cannot be had.
    #[source]
    pub kind: CloudErrorKind,
}

/// Why an object cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloudErrorKind {
    /// There is none of this name.
    #[error("no such object (the name of a folder ends with `/`)")]
    Missing,
    /// A web server has no such file.
    #[error("no such file on the server (404)")]
    MissingFile,
    /// There is no bucket, or container, of this name.
    #[error("no such bucket or container")]
    MissingBucket,
    /// No object is in the folder.
    #[error("no object is there")]
    Empty,
    /// No object matches.
    #[error("no object matches the pattern")]
    NoMatch,
    /// It is no pattern.
    #[error("not a valid pattern: {0}")]
    Pattern(String),
    /// The store refuses to give it.
    #[error("access is denied")]
    Denied,
    /// The store needs credentials.
    #[error("there are no valid credentials for it: {0}")]
    Credentials(String),
    /// No server answers.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server answers that it cannot give it.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server failed each time.
    #[error("the server failed: {0}")]
    Failed(String),
    /// The transfer ended early, each time.
    #[error("the transfer broke off: {0}")]
    Broken(String),
    /// It is not the object any more of which the first parts were read.
    #[error("another object took its place while it was read")]
    Replaced,
    /// The object is too large for its purpose.
    #[error("it has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The server gives whole files only.
    #[error("the server gives no parts of files, which this kind of file needs")]
    NoParts,
    /// The text is no URL of an object.
    #[error("not a valid URL: {0}")]
    Url(String),
    /// Web servers have no folders.
    #[error("files on a web server cannot be listed, name each of them")]
    NotListed,
    /// An object has a name that cannot be used.
    #[error("a name that cannot be used: {0}")]
    Name(String),
}

impl CloudErrorKind {
    pub(crate) fn of(self, url: &str) -> CloudError {
        CloudError {
            url: url.into(),
            kind: self,
        }
    }
}

impl CloudError {
    /// Whether the way to the store is broken, not this object: others cannot be had either, and trying later may help. Each web
    /// server is its own store, so what is wrong with one says nothing about the next URL.
    pub fn is_of_store(&self) -> bool {
        scheme(&self.url) != Some(Scheme::Http)
            && matches!(
                self.kind,
                CloudErrorKind::Credentials(_)
                    | CloudErrorKind::Unreachable(_)
                    | CloudErrorKind::Failed(_)
                    | CloudErrorKind::Broken(_)
            )
    }

    /// Whoever should have fetched it has ended.
    pub(crate) fn given_up(url: &str) -> Self {
        CloudErrorKind::Broken("it was given up".to_owned()).of(url)
    }

    /// What went wrong with `url`. `has_credentials` is false if the environment names none, so that the machine was asked for them.
    pub(crate) fn new(url: &str, has_credentials: bool, error: &Error) -> Self {
        kind(scheme(url), has_credentials, error).of(url)
    }
}

/// Codes of stores for credentials that are not valid, or no longer: they say nothing about the object.
const NO_CREDENTIALS: [&str; 7] = [
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidAccessKeyId",
    "RequestTimeTooSkewed",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
];

fn kind(scheme: Option<Scheme>, has_credentials: bool, error: &Error) -> CloudErrorKind {
    let text = error.to_string();
    if scheme != Some(Scheme::Http) {
        if let Some(code) = NO_CREDENTIALS.iter().find(|code| text.contains(**code)) {
            return CloudErrorKind::Credentials(format!("the store answers {code}"));
        }
        if matches!(error, Error::Unauthenticated { .. }) || status(&text) == Some(401) {
            return CloudErrorKind::Credentials("the store answers with status 401".to_owned());
        }
    }
    match error {
        Error::NotFound { .. } if is_about_bucket(&text) => return CloudErrorKind::MissingBucket,
        Error::NotFound { .. } if scheme == Some(Scheme::Http) => return CloudErrorKind::MissingFile,
        Error::NotFound { .. } => return CloudErrorKind::Missing,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => return CloudErrorKind::Denied,
        Error::NotSupported { .. } => return CloudErrorKind::NoParts,
        Error::InvalidPath { source } => return CloudErrorKind::Name(source.to_string()),
        _ => {}
    }
    let (last, http) = causes(error);
    if !has_credentials && scheme != Some(Scheme::Http) {
        return CloudErrorKind::Credentials(format!(
            "the environment names none, and this machine gives none: {last}"
        ));
    }
    match http {
        Some(HttpErrorKind::Connect) => return CloudErrorKind::Unreachable(last),
        Some(HttpErrorKind::Timeout) => {
            return CloudErrorKind::Unreachable("it does not answer in time".to_owned());
        }
        Some(_) => return CloudErrorKind::Broken(last),
        None => {}
    }
    match status(&text) {
        _ if is_about_bucket(&text) => CloudErrorKind::MissingBucket,
        Some(401 | 403) => CloudErrorKind::Denied,
        Some(500.. | 429) | None => CloudErrorKind::Failed(last),
        Some(_) => CloudErrorKind::Refused(last),
    }
}

/// The innermost cause as one short line, and what kind of HTTP error is on the way to it.
fn causes(error: &Error) -> (String, Option<HttpErrorKind>) {
    let (mut last, mut http) = (error.to_string(), None);
    let mut cause = error.source();
    while let Some(found) = cause {
        last = found.to_string();
        http = http.or(found.downcast_ref::<HttpError>().map(HttpError::kind));
        cause = found.source();
    }
    let line: Vec<_> = last.split_whitespace().collect();
    (line.join(" ").chars().take(SHOWN).collect(), http)
}

/// The status that the message of `object_store` tells.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

fn is_about_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
        .iter()
        .any(|part| text.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, answer: &str, is_denied: bool) -> CloudError {
        let source = format!("Server returned non-2xx status code: {answer}").into();
        let error = match is_denied {
            true => Error::PermissionDenied {
                path: "a.png".to_owned(),
                source,
            },
            false => Error::Generic { store: "S3", source },
        };
        CloudError::new(url, true, &error)
    }

    #[test]
    fn credentials_that_expire_say_nothing_about_an_object() {
        let code = |code: &str| format!("<Error><Code>{code}</Code></Error>");
        for (answer, is_denied) in [
            (format!("400 Bad Request: {}", code("ExpiredToken")), false),
            (format!("403 Forbidden: {}", code("InvalidAccessKeyId")), true),
            (format!("403 Forbidden: {}", code("AuthenticationFailed")), true),
            ("401 Unauthorized: ".to_owned(), false),
        ] {
            let error = found("s3://bucket/a.png", &answer, is_denied);
            assert!(
                matches!(error.kind, CloudErrorKind::Credentials(_)),
                "{answer}: {error}"
            );
            assert!(error.is_of_store(), "{answer}");
            // Each web server is its own store.
            assert!(
                !found("https://host/a.png", &answer, is_denied).is_of_store(),
                "{answer}"
            );
        }
        let denied = found(
            "s3://bucket/a.png",
            &format!("403 Forbidden: {}", code("AccessDenied")),
            true,
        );
        assert_eq!(denied.kind, CloudErrorKind::Denied);
        assert!(!denied.is_of_store());
    }
}
