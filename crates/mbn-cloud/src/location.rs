//! URLs of objects and of the folders that their names form.

use crate::error::CloudErrorKind;
use crate::scheme::{Scheme, scheme};

/// What a URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file on a web server.
    Web,
    /// An object by its key, which may also be a folder without the slash at its end.
    Key { bucket: String, key: String },
    /// All objects below a folder: its key ends with a slash, or is empty.
    Folder { bucket: String, key: String },
    /// The objects whose keys match.
    Pattern { bucket: String, pattern: String },
}

impl Location {
    /// Takes a URL apart. Keys are taken literally, as the stores' tools do: `%20` is no blank.
    pub(crate) fn parse(url: &str) -> Result<(Scheme, Self), CloudErrorKind> {
        let scheme = scheme(url).ok_or(CloudErrorKind::Url("it has an unknown scheme".to_owned()))?;
        if scheme == Scheme::Http {
            let parsed = url::Url::parse(url).map_err(|error| CloudErrorKind::Url(error.to_string()))?;
            return match parsed.path().ends_with('/') || parsed.path().contains('*') {
                true => Err(CloudErrorKind::NotListed),
                false => Ok((scheme, Self::Web)),
            };
        }
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(CloudErrorKind::Url("it names no bucket".to_owned()));
        }
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let location = if key.contains('*') {
            let pattern = key;
            Self::Pattern { bucket, pattern }
        } else if key.is_empty() || key.ends_with('/') {
            Self::Folder { bucket, key }
        } else {
            Self::Key { bucket, key }
        };
        Ok((scheme, location))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let own = str::to_owned;
        for (url, kind, location) in [
            ("https://a.org/x%20y.jpg?sig=a%2Fb", Scheme::Http, Location::Web),
            (
                "s3://b/x/y z%20.jpg",
                Scheme::S3,
                Location::Key {
                    bucket: own("b"),
                    key: own("x/y z%20.jpg"),
                },
            ),
            (
                "gs://b",
                Scheme::Google,
                Location::Folder {
                    bucket: own("b"),
                    key: own(""),
                },
            ),
            (
                "az://b/x/",
                Scheme::Azure,
                Location::Folder {
                    bucket: own("b"),
                    key: own("x/"),
                },
            ),
            (
                "s3://b/x/*.jpg",
                Scheme::S3,
                Location::Pattern {
                    bucket: own("b"),
                    pattern: own("x/*.jpg"),
                },
            ),
        ] {
            assert_eq!(scheme(url), Some(kind));
            assert_eq!(Location::parse(url).unwrap(), (kind, location), "{url}");
        }
    }

    #[test]
    fn urls_that_lead_nowhere_are_refused() {
        for (url, part) in [
            ("s3:///x.jpg", "names no bucket"),
            ("http://[/x.jpg", "not a valid URL"),
            ("https://a.org/photos/", "cannot be listed"),
            ("https://a.org/*.jpg", "cannot be listed"),
        ] {
            let error = Location::parse(url).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!((scheme("photos/s3://x"), scheme("s3:x")), (None, None));
    }
}
