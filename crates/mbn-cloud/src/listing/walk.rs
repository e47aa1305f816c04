//! The pages of a listing, which goes on where a connection ends early.

use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, Result};

/// How often a listing goes on without an object in between: as often as a store's other requests are repeated, since a page that
/// breaks off gives no object.
const BREAKS: u32 = 10;

/// A store's objects as it lists them. A store asks anew for a page that it refuses, but not for one that breaks off: this does.
pub(super) struct Walk<F> {
    /// Lists what follows an object, or everything.
    list: F,
    objects: BoxStream<'static, Result<ObjectMeta>>,
    last: Option<Path>,
    /// The names came in their order so far, so that the store knows what follows the last.
    is_sorted: bool,
    /// How often it broke off since the last object came.
    breaks: u32,
}

impl<F: Fn(Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>>> Walk<F> {
    pub(super) fn start(list: F) -> Self {
        Self {
            objects: list(None),
            list,
            last: None,
            is_sorted: true,
            breaks: 0,
        }
    }

    /// The next object; `None` at the end. `is_broken` tells transfers that broke off from other errors.
    pub(super) async fn next(&mut self, is_broken: impl Fn(&Error) -> bool) -> Result<Option<ObjectMeta>> {
        loop {
            match self.objects.try_next().await {
                Ok(Some(found)) => {
                    self.is_sorted &= self.last.as_ref().is_none_or(|last| *last < found.location);
                    self.last = Some(found.location.clone());
                    self.breaks = 0;
                    return Ok(Some(found));
                }
                Ok(None) => return Ok(None),
                Err(error) if !self.is_sorted || self.breaks == BREAKS || !is_broken(&error) => {
                    return Err(error);
                }
                Err(_) => {
                    self.breaks += 1;
                    self.objects = (self.list)(self.last.as_ref());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::{StreamExt, stream};

    use super::*;

    fn broken() -> Error {
        Error::Generic {
            store: "test",
            source: "broken".into(),
        }
    }

    fn refused() -> Error {
        Error::NotFound {
            path: "a".into(),
            source: "refused".into(),
        }
    }

    /// What is found in `names` if the listing breaks off after each of `breaks` further objects, and the last error.
    fn walk(names: &[&str], breaks: &[usize], error: fn() -> Error) -> (Vec<String>, Option<String>) {
        let left = RefCell::new(breaks.iter());
        let list = |last: Option<&Path>| {
            let object = |name: &&str| ObjectMeta {
                location: Path::from(*name),
                last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                size: 1,
                e_tag: None,
                version: None,
            };
            let follows = |object: &ObjectMeta| last.is_none_or(|last| object.location > *last);
            let objects = names.iter().map(object).filter(follows).map(Ok);
            let found: Vec<_> = match left.borrow_mut().next() {
                Some(after) => objects.take(*after).chain([Err(error())]).collect(),
                None => objects.collect(),
            };
            stream::iter(found).boxed()
        };
        let mut walk = Walk::start(list);
        let mut found = Vec::new();
        let is_broken = |error: &Error| matches!(error, Error::Generic { .. });
        let failure = futures_util::FutureExt::now_or_never(async {
            loop {
                match walk.next(is_broken).await {
                    Ok(Some(object)) => found.push(object.location.to_string()),
                    Ok(None) => return None,
                    Err(error) => return Some(error.to_string()),
                }
            }
        });
        (found, failure.flatten())
    }

    #[test]
    fn a_listing_goes_on_where_it_broke_off() {
        let names = ["a", "b", "c/d", "e"];
        for breaks in [&[][..], &[0], &[1, 2], &[0, 0, 0, 1, 0, 0, 1], &[4], &[3, 1, 0]] {
            assert_eq!(
                walk(&names, breaks, broken),
                (names.map(str::to_owned).to_vec(), None),
                "{breaks:?}"
            );
        }
    }

    #[test]
    fn other_errors_and_too_many_breaks_end_it() {
        let (found, failure) = walk(&["a", "b"], &[&[1][..], &[0; BREAKS as usize]].concat(), broken);
        assert_eq!(found, ["a"]);
        assert!(failure.is_some_and(|error| error.contains("broken")));
        let (found, failure) = walk(&["a", "b"], &[1], refused);
        assert_eq!(found, ["a"]);
        assert!(failure.is_some_and(|error| error.contains("refused")));
    }

    /// What follows an object is not known if names come in another order.
    #[test]
    fn a_listing_without_order_does_not_leave_out_objects() {
        let (found, failure) = walk(&["b", "a", "c"], &[2], broken);
        assert_eq!(found, ["b", "a"]);
        assert!(failure.is_some());
    }
}
