//! The objects in a folder, or those that match a pattern, one after another as the store lists them.

mod walk;

use std::sync::Arc;

use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use tokio::sync::mpsc::{Receiver, channel};

use crate::error::{CloudError, CloudErrorKind};
use crate::object::Object;
use crate::store::Bucket;
use crate::threads::{Task, Threads};
use walk::Walk;

/// Objects that wait: as many as stores list at once.
const AHEAD: usize = 1000;

/// As in a shell, wildcards match neither a separator nor a leading dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// An object that was listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The object.
    pub object: Object,
    /// Its name below the folder.
    pub name: String,
    /// A pattern names it, and not only a folder above it.
    pub is_matched: bool,
    /// Its size in bytes.
    pub size: u64,
}

/// Lists objects. Only some of them are in memory.
#[derive(Debug)]
pub struct Listing {
    /// `None` is the end.
    found: Receiver<Result<Option<Listed>, CloudError>>,
    filter: Filter,
    url: String,
    is_empty: bool,
    is_over: bool,
    _task: Task,
    /// They list.
    _threads: Threads,
}

/// Which objects are listed.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The keys begin with it; it is empty or ends with a slash.
    prefix: String,
    pattern: Option<Pattern>,
}

impl Filter {
    /// All below a folder, whose key is empty or ends with a slash.
    pub(crate) fn folder(key: &str) -> Self {
        Self {
            prefix: key.to_owned(),
            pattern: None,
        }
    }

    /// Those that match, and those below folders that match.
    pub(crate) fn pattern(pattern: &str) -> Result<Self, String> {
        let literal = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
        let folder = pattern[..literal].rfind('/').map_or(0, |slash| slash + 1);
        let parsed = Pattern::new(pattern.trim_end_matches('/')).map_err(|error| error.to_string())?;
        Ok(Self {
            prefix: pattern[..folder].to_owned(),
            pattern: Some(parsed),
        })
    }

    /// An object's name below the folder that is listed, and whether a pattern names it itself; `None` if it is left out.
    fn name(&self, key: &str) -> Option<(String, bool)> {
        let below = key.strip_prefix(&self.prefix)?;
        let Some(pattern) = &self.pattern else {
            return Some((below.to_owned(), false));
        };
        if pattern.matches_with(key, OPTIONS) {
            return Some((key.rsplit('/').next().unwrap_or_default().to_owned(), true));
        }
        let mut slashes = key.match_indices('/').map(|(place, _)| place);
        let folder = slashes.find(|place| pattern.matches_with(&key[..*place], OPTIONS))?;
        Some((key[folder + 1..].to_owned(), false))
    }
}

impl Listing {
    pub(crate) fn start(threads: Threads, bucket: &Bucket, base: &str, url: &str, filter: Filter) -> Self {
        let (sender, found) = channel(AHEAD);
        let (bucket, base, own) = (bucket.clone(), base.to_owned(), filter.clone());
        let given: Arc<str> = url.into();
        let task = threads.spawn(async move {
            let store = bucket.store;
            let failed =
                |error: &object_store::Error| Err(CloudError::new(&given, store.has_credentials, error));
            let prefix = Path::parse(own.prefix.trim_end_matches('/'));
            let prefix = match prefix {
                Ok(prefix) if prefix.as_ref().is_empty() => String::new(),
                Ok(prefix) => format!("{prefix}/"),
                Err(error) => return drop(sender.send(failed(&error.into())).await),
            };
            let mut objects = Walk::start(bucket.pages, prefix);
            let is_broken = |error: &object_store::Error| {
                let error = CloudError::new(&given, store.has_credentials, error);
                matches!(error.kind, CloudErrorKind::Broken(_))
            };
            loop {
                let listed = match objects.next(is_broken).await {
                    Ok(Some(meta)) => {
                        let key = meta.location.as_ref();
                        let Some((name, is_matched)) = own.name(key) else {
                            continue;
                        };
                        Ok(Some(Listed {
                            object: Object {
                                url: format!("{base}{key}").into(),
                                store: Arc::clone(&store),
                                path: meta.location.clone(),
                            },
                            name,
                            is_matched,
                            size: meta.size,
                        }))
                    }
                    Ok(None) => Ok(None),
                    Err(error) => failed(&error),
                };
                let is_over = !matches!(listed, Ok(Some(_)));
                // Nobody may want the rest.
                if sender.send(listed).await.is_err() || is_over {
                    return;
                }
            }
        });
        Self {
            found,
            filter,
            url: url.to_owned(),
            is_empty: true,
            is_over: false,
            _task: task,
            _threads: threads,
        }
    }
}

impl Iterator for Listing {
    type Item = Result<Listed, CloudError>;

    /// The next object. An error is the last item; that nothing is there is one.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let given_up = || Err(CloudError::given_up(&self.url));
        let next = self.found.blocking_recv().unwrap_or_else(given_up).transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        if next.is_none() && self.is_empty {
            let kind = match self.filter.pattern {
                Some(_) => CloudErrorKind::NoMatch,
                None => CloudErrorKind::Empty,
            };
            return Some(Err(kind.of(&self.url)));
        }
        self.is_empty = false;
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names_and_the_folders_above_them() {
        let name = |pattern: &str, key: &str| Filter::pattern(pattern).unwrap().name(key);
        let found = |name: &str, is_matched| Some((name.to_owned(), is_matched));
        assert_eq!(name("a/*.jpg", "a/b.jpg"), found("b.jpg", true));
        assert_eq!(name("a/*.jpg", "a/c/b.jpg"), None);
        assert_eq!(name("a/*.jpg", "a/.b.jpg"), None);
        assert_eq!(name("a/**/*.jpg", "a/c/d/b.jpg"), found("b.jpg", true));
        assert_eq!(name("day*", "day1/x/b.jpg"), found("x/b.jpg", false));
        assert_eq!(name("day*/", "day1/b.jpg"), found("b.jpg", false));
        assert_eq!(Filter::pattern("a/b*/c/*.jpg").unwrap().prefix, "a/");
        assert_eq!(Filter::folder("a/").name("a/b/c.jpg"), found("b/c.jpg", false));
        assert!(Filter::pattern("a/***").is_err());
    }
}
