//! The pictures of a path, some of them found before they are needed.

use std::path::PathBuf;

use mbn_data::{CollectError, LeftOut, Pictures};

type Found = Result<PathBuf, Box<CollectError>>;

/// The pictures of a path, in their order.
pub(super) struct Walked {
    ahead: std::vec::IntoIter<Found>,
    rest: Pictures<'static>,
}

impl Walked {
    pub(super) fn new(pictures: Pictures<'static>) -> Self {
        Self {
            ahead: Vec::new().into_iter(),
            rest: pictures,
        }
    }

    /// Finds pictures before they are needed, at most `most`. Their number, if these are all and each is a file of its own
    /// according to `is_single`.
    pub(super) fn look_ahead(&mut self, most: usize, is_single: impl Fn(&PathBuf) -> bool) -> Option<usize> {
        let mut ahead: Vec<Found> = Vec::new();
        let mut is_known = true;
        while is_known && ahead.len() < most {
            let Some(found) = self.rest.next() else {
                self.ahead = ahead.into_iter();
                return Some(self.ahead.len());
            };
            is_known = found.as_ref().map_or(true, &is_single);
            ahead.push(found.map_err(Box::new));
        }
        self.ahead = ahead.into_iter();
        None
    }

    /// What folders and patterns held besides so far.
    pub(super) fn into_left_out(self) -> LeftOut {
        self.rest.into_left_out()
    }
}

impl Iterator for Walked {
    type Item = Result<PathBuf, CollectError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.ahead.next() {
            Some(found) => Some(found.map_err(|error| *error)),
            None => self.rest.next(),
        }
    }
}
