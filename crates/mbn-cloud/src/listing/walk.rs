//! The pages of a listing. One that breaks off is asked for again.

use std::sync::Arc;
use std::vec::IntoIter;

use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{Error, ObjectMeta, Result};

/// How often a page is asked for again: as often as a store's other requests are repeated.
const BREAKS: u32 = 10;

/// A store's objects as it lists them. A store asks anew for a page that it refuses, but not for one that breaks off: this does. It
/// names the page by the store's own token. The last object's name would not do: S3's directory buckets list in no order of names.
pub(super) struct Walk<P: ?Sized> {
    store: Arc<P>,
    /// The names begin with it; it is empty or ends with a slash.
    prefix: String,
    page: IntoIter<ObjectMeta>,
    next: NextPage,
}

/// Where a listing goes on.
enum NextPage {
    First,
    At(String),
    None,
}

impl<P: PaginatedListStore + ?Sized> Walk<P> {
    pub(super) fn start(store: Arc<P>, prefix: String) -> Self {
        Self {
            store,
            prefix,
            page: IntoIter::default(),
            next: NextPage::First,
        }
    }

    /// The next object; `None` at the end. `is_broken` tells transfers that broke off from other errors.
    pub(super) async fn next(&mut self, is_broken: impl Fn(&Error) -> bool) -> Result<Option<ObjectMeta>> {
        let mut breaks = 0;
        loop {
            if let Some(found) = self.page.next() {
                return Ok(Some(found));
            }
            let token = match &self.next {
                NextPage::First => None,
                NextPage::At(token) => Some(token.clone()),
                NextPage::None => return Ok(None),
            };
            let options = PaginatedListOptions {
                page_token: token,
                ..PaginatedListOptions::default()
            };
            let prefix = Some(&*self.prefix).filter(|prefix| !prefix.is_empty());
            match self.store.list_paginated(prefix, options).await {
                Ok(listed) => {
                    self.page = listed.result.objects.into_iter();
                    let token = listed.page_token.filter(|token| !token.is_empty());
                    self.next = token.map_or(NextPage::None, NextPage::At);
                    breaks = 0;
                }
                Err(error) if breaks == BREAKS || !is_broken(&error) => return Err(error),
                Err(_) => breaks += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures_util::FutureExt;
    use object_store::ListResult;
    use object_store::list::PaginatedListResult;
    use object_store::path::Path;

    use super::*;

    /// A store with these pages of names, in no order.
    struct Pages {
        pages: &'static [&'static [&'static str]],
        /// Which requests fail, and how.
        fails: fn(usize) -> Option<Error>,
        asked: Mutex<Vec<(Option<String>, Option<String>)>>,
    }

    #[async_trait]
    impl PaginatedListStore for Pages {
        async fn list_paginated(
            &self,
            prefix: Option<&str>,
            options: PaginatedListOptions,
        ) -> Result<PaginatedListResult> {
            let page = options
                .page_token
                .as_ref()
                .map_or(0, |page| page.parse().unwrap());
            let mut asked = self.asked.lock().unwrap();
            asked.push((prefix.map(str::to_owned), options.page_token));
            if let Some(error) = (self.fails)(asked.len() - 1) {
                return Err(error);
            }
            let object = |name: &&str| ObjectMeta {
                location: Path::from(*name),
                last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                size: 1,
                e_tag: None,
                version: None,
            };
            let is_last = page + 1 == self.pages.len();
            Ok(PaginatedListResult {
                result: ListResult {
                    common_prefixes: Vec::new(),
                    objects: self.pages[page].iter().map(object).collect(),
                    extensions: Default::default(),
                },
                page_token: (!is_last).then(|| (page + 1).to_string()),
            })
        }
    }

    fn broken() -> Option<Error> {
        Some(Error::Generic {
            store: "test",
            source: "broken".into(),
        })
    }

    fn refused() -> Option<Error> {
        Some(Error::NotFound {
            path: "a".into(),
            source: "refused".into(),
        })
    }

    const PAGES: &[&[&str]] = &[&["d/b"], &["d/a", "d/e"], &[], &["d/c"]];

    /// What is found, the last error, and the pages that were asked for.
    fn walk(fails: fn(usize) -> Option<Error>) -> (Vec<String>, Option<String>, Vec<usize>) {
        let store = Arc::new(Pages {
            pages: PAGES,
            fails,
            asked: Mutex::default(),
        });
        let mut walk = Walk::start(Arc::clone(&store), "d/".to_owned());
        let mut found = Vec::new();
        let is_broken = |error: &Error| matches!(error, Error::Generic { .. });
        let failure = async {
            loop {
                match walk.next(is_broken).await {
                    Ok(Some(object)) => found.push(object.location.to_string()),
                    Ok(None) => return None,
                    Err(error) => return Some(error.to_string()),
                }
            }
        };
        let failure = failure.now_or_never().unwrap();
        let asked = store.asked.lock().unwrap();
        assert!(asked.iter().all(|(prefix, _)| prefix.as_deref() == Some("d/")));
        let asked = asked.iter().map(|(_, token)| match token {
            Some(token) => token.parse().unwrap(),
            None => 0,
        });
        (found, failure, asked.collect())
    }

    #[test]
    fn every_object_is_listed_once_wherever_the_listing_breaks_off() {
        let all = PAGES.concat();
        assert_eq!(
            walk(|_| None),
            (
                all.clone().into_iter().map(str::to_owned).collect(),
                None,
                vec![0, 1, 2, 3]
            )
        );
        let (found, failure, asked) = walk(|request| {
            if [0, 2, 3, 5].contains(&request) {
                broken()
            } else {
                None
            }
        });
        assert_eq!(
            (found, failure),
            (all.into_iter().map(str::to_owned).collect(), None)
        );
        assert_eq!(asked, [0, 0, 1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn other_errors_and_too_many_breaks_end_it() {
        let (found, failure, asked) = walk(|request| if request > 0 { broken() } else { None });
        assert_eq!(
            (found, asked.len()),
            (vec!["d/b".to_owned()], 2 + BREAKS as usize)
        );
        assert!(failure.is_some_and(|error| error.contains("broken")));
        let (found, failure, asked) = walk(|request| if request > 0 { refused() } else { None });
        assert_eq!((found, asked.len()), (vec!["d/b".to_owned()], 2));
        assert!(failure.is_some_and(|error| error.contains("refused")));
    }
}
