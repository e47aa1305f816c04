//! Images named by paths and by a list, found as they are needed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use mbn_data::{CollectError, LeftOut, Pictures};

use super::container::Container;
use super::list::List;
use super::remote::{Objects, Remote, is_url};
use super::tables::is_table;
use super::walked::Walked;
use super::{Found, Input, IsWritten, Shard, Source};

/// Names that are kept in memory, about 100 bytes each, to count the inputs before the first one is taken.
const MOST_COUNTED: usize = 1 << 20;

/// The images of some paths and of a list, or those of one shard: of a list every N-th line, so that a shard need not look at the
/// files of others, and of the paths every N-th image.
pub(super) struct Named {
    /// Paths whose pictures have been counted, at least in part.
    counted: VecDeque<Way>,
    paths: std::vec::IntoIter<PathBuf>,
    list: Option<List>,
    shard: Shard,
    /// The column of tables that holds pictures.
    column: Option<String>,
    /// Which folders the run sorts into, whose pictures are none of its inputs.
    is_written: Option<IsWritten>,
    /// There was a table, even if it could not be read.
    has_table: bool,
    /// What the current path leads to, and whether the shard takes all of it.
    current: Option<(Way, bool)>,
    /// The file whose pictures come before the next one of `current`.
    inside: Option<Container>,
    /// Images of the paths and lines of the list so far.
    images: u64,
    lines: u64,
    left_out: LeftOut,
    remote: Remote,
}

/// Where the pictures of a path are.
enum Way {
    Stdin,
    Files(Box<Walked>),
    Objects(Box<Objects>),
}

impl Way {
    fn into_left_out(self) -> LeftOut {
        match self {
            Self::Stdin => LeftOut::default(),
            Self::Files(walked) => walked.into_left_out(),
            Self::Objects(objects) => objects.into_left_out(),
        }
    }
}

/// Whether a path means stdin.
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl Named {
    pub(super) fn new(
        paths: Vec<PathBuf>,
        list: Option<List>,
        shard: Option<Shard>,
        column: Option<String>,
    ) -> Self {
        Self {
            counted: VecDeque::new(),
            paths: paths.into_iter(),
            list,
            shard: shard.unwrap_or_default(),
            column,
            is_written: None,
            has_table: false,
            current: None,
            inside: None,
            images: 0,
            lines: 0,
            left_out: LeftOut::default(),
            remote: Remote::default(),
        }
    }

    /// Leaves out what lies in the folders that the run sorts into.
    pub(super) fn outside(self, is_written: Option<IsWritten>) -> Self {
        Self { is_written, ..self }
    }

    /// Number of images, unless a list names them, they are in archives or not on this machine, or there are very many. What was
    /// found is kept, so that no folder is searched twice.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.count_up_to(MOST_COUNTED)
    }

    fn count_up_to(&mut self, most: usize) -> Option<u64> {
        let is_here = |path: &PathBuf| !is_url(path) && !is_stdin(path);
        if self.list.is_some() || !self.paths.as_slice().iter().all(is_here) {
            return None;
        }
        let mut all = 0;
        while let Some(path) = self.paths.next() {
            let mut walked = self.walked(Pictures::of(&path));
            let found = walked.look_ahead(most - all, |path| !Container::has_name(path));
            self.counted.push_back(Way::Files(walked));
            all += found?;
        }
        Some(self.shard.count_of(all as u64))
    }

    /// Goes to the next path; false after the last.
    fn advance(&mut self, wait: &mut dyn FnMut()) -> Result<bool> {
        if let Some((way, _)) = self.current.take() {
            self.left_out.merge(way.into_left_out());
        }
        let mut next = self.counted.pop_front();
        if next.is_none()
            && let Some(path) = self.paths.next()
        {
            next = Some(match is_stdin(&path) {
                true => Way::Stdin,
                false => self.way(&path, Pictures::of)?,
            });
        }
        if let Some(way) = next {
            if matches!(way, Way::Stdin) {
                self.inside = Some(Container::stdin());
            }
            self.current = Some((way, false));
            return Ok(true);
        }
        let Some(list) = &mut self.list else {
            return Ok(false);
        };
        let pictures = match list.has_names_only() {
            true => Pictures::of_name,
            false => Pictures::of,
        };
        while let Some(path) = list.next(wait)? {
            self.lines += 1;
            if self.shard.has(self.lines - 1) {
                let way = self.way(&path, pictures)?;
                self.current = Some((way, true));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the pictures of a path are that is not stdin.
    fn way(&mut self, path: &Path, pictures: fn(&Path) -> Pictures<'static>) -> Result<Way> {
        match is_url(path) {
            true => {
                let objects = self.remote.objects(path, self.column.as_deref())?;
                Ok(Way::Objects(Box::new(objects)))
            }
            false => Ok(Way::Files(self.walked(pictures(path)))),
        }
    }

    /// Pictures on this machine.
    fn walked(&self, pictures: Pictures<'static>) -> Box<Walked> {
        Box::new(Walked::new(
            pictures.outside(self.is_written.as_ref().map(Arc::clone)),
        ))
    }
}

impl Named {
    /// The next image of the current path, and whether the shard has all of that path.
    fn found(&mut self, wait: &mut dyn FnMut()) -> Result<Option<(Input, bool)>> {
        let Some((way, all)) = &mut self.current else {
            return Ok(None);
        };
        loop {
            if let Some(container) = &mut self.inside {
                if let Some(input) = container.next(wait)? {
                    return Ok(Some((input, *all)));
                }
                let left_out = self.inside.take().map(Container::into_left_out);
                self.left_out.merge(left_out.unwrap_or_default());
            }
            let found = match way {
                Way::Stdin => None,
                Way::Files(walked) => walked.next().map(|found| opened(found, self.column.as_deref())),
                Way::Objects(objects) => objects.next()?,
            };
            match found {
                None => return Ok(None),
                Some(Found::Input(input)) => {
                    self.has_table |= is_table(&input.path);
                    return Ok(Some((*input, *all)));
                }
                Some(Found::Container(container)) => {
                    self.has_table |= container.is_table();
                    self.inside = Some(container);
                }
            }
        }
    }
}

/// A file as an input, or opened if it is taken for one that holds pictures.
fn opened(found: Result<PathBuf, CollectError>, column: Option<&str>) -> Found {
    match found.as_ref().ok().and_then(|path| Container::open(path, column)) {
        None => Found::Input(Box::new(Input::new(found, None))),
        Some(Err(failed)) => Found::Input(Box::new(failed)),
        Some(Ok(container)) => Found::Container(container),
    }
}

impl Source for Named {
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        loop {
            while let Some((found, all)) = self.found(wait)? {
                // What the machine cannot read may be any number of inputs: those after it have unknown numbers, so that no shard
                // can go on without losing some.
                let is_taken = all || found.is_of_machine || self.shard.has(self.images);
                self.images += u64::from(!all);
                if is_taken {
                    return Ok(Some(found));
                }
            }
            if !self.advance(wait)? {
                // Other shards may have tables.
                if !self.has_table && !self.shard.is_part() && self.column.take().is_some() {
                    log::warn!("`--column` had no effect: no input is a Parquet or Arrow file");
                }
                return Ok(None);
            }
        }
    }

    fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests;
