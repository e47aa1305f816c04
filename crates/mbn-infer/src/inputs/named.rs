//! Images named by paths and by a list, found as they are needed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_data::{LeftOut, Pictures};

use super::container::Container;
use super::list::List;
use super::{Input, Shard, Source};

/// The images of some paths and of a list, or those of one shard: of a list every N-th line, so that a shard need not look at the
/// files of others, and of the paths every N-th image.
pub(super) struct Named {
    paths: std::vec::IntoIter<PathBuf>,
    list: Option<List>,
    shard: Shard,
    /// The path whose pictures come now, and whether the shard takes all of them.
    current: Option<(Pictures<'static>, bool)>,
    /// The file whose pictures come before the next one of `current`.
    inside: Option<Container>,
    /// Images of the paths and lines of the list so far.
    images: u64,
    lines: u64,
    left_out: LeftOut,
}

impl Named {
    pub(super) fn new(paths: Vec<PathBuf>, list: Option<List>, shard: Option<Shard>) -> Self {
        Self {
            paths: paths.into_iter(),
            list,
            shard: shard.unwrap_or_default(),
            current: None,
            inside: None,
            images: 0,
            lines: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Number of images, unless a list names them or they are in archives.
    pub(super) fn count(&self) -> Option<u64> {
        if self.list.is_some() {
            return None;
        }
        let mut all = 0;
        for found in self.paths.as_slice().iter().flat_map(|path| Pictures::of(path)) {
            if found.is_ok_and(|path| is_stdin(&path) || Container::has_name(&path)) {
                return None;
            }
            all += 1;
        }
        Some(self.shard.count_of(all))
    }

    /// Goes to the next path; false after the last.
    fn advance(&mut self, wait: &mut dyn FnMut()) -> Result<bool> {
        if let Some((pictures, _)) = self.current.take() {
            self.left_out.merge(pictures.into_left_out());
        }
        if let Some(path) = self.paths.next() {
            self.current = Some((Pictures::of(&path), false));
            if is_stdin(&path) {
                self.current = Some((Pictures::none(), false));
                self.inside = Some(Container::stdin());
            }
            return Ok(true);
        }
        let Some(list) = &mut self.list else {
            return Ok(false);
        };
        while let Some(path) = list.next(wait)? {
            self.lines += 1;
            if self.shard.has(self.lines - 1) {
                self.current = Some((Pictures::of(&path), true));
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Named {
    /// The next image of the current path, and whether the shard has all of that path.
    fn found(&mut self, wait: &mut dyn FnMut()) -> Option<(Input, bool)> {
        let (pictures, all) = self.current.as_mut()?;
        loop {
            if let Some(container) = &mut self.inside {
                if let Some(input) = container.next(wait) {
                    return Some((input, *all));
                }
                let left_out = self.inside.take().map(Container::into_left_out);
                self.left_out.merge(left_out.unwrap_or_default());
            }
            let found = pictures.next()?;
            match found.as_ref().ok().and_then(|path| Container::open(path)) {
                None => return Some((Input::new(found, None), *all)),
                Some(Err(failed)) => return Some((failed, *all)),
                Some(Ok(container)) => self.inside = Some(container),
            }
        }
    }
}

/// Whether a path means stdin.
fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl Source for Named {
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        loop {
            while let Some((found, all)) = self.found(wait) {
                let is_taken = all || self.shard.has(self.images);
                self.images += u64::from(!all);
                if is_taken {
                    return Ok(Some(found));
                }
            }
            if !self.advance(wait)? {
                return Ok(None);
            }
        }
    }

    fn left_out(&mut self) -> LeftOut {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[PathBuf], shard: Option<Shard>) -> Vec<PathBuf> {
        let mut named = Named::new(paths.to_vec(), None, shard);
        let count = named.count().unwrap();
        let inputs = std::iter::from_fn(|| named.next(&mut || {}).unwrap());
        let found: Vec<_> = inputs.map(|input| input.path).collect();
        assert_eq!(found.len() as u64, count);
        found
    }

    #[test]
    fn shards_divide_the_pictures_of_folders() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..7 {
            std::fs::write(folder.path().join(format!("{i}.png")), "").unwrap();
        }
        let paths = [
            folder.path().join("3.png"),
            folder.path().to_owned(),
            folder.path().join("gone"),
        ];
        let all = found(&paths, None);
        assert_eq!(all.len(), 9);
        for count in [1, 2, 4, 12] {
            let mut merged = vec![PathBuf::new(); all.len()];
            for index in 0..count {
                let shard = Shard::new(index, count).unwrap();
                for (place, path) in found(&paths, Some(shard)).into_iter().enumerate() {
                    merged[place * count as usize + index as usize] = path;
                }
            }
            assert_eq!(merged, all, "{count}");
        }
    }
}
