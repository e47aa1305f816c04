//! The pictures of a batch that one of several processes takes.

use std::ops::Range;

/// One of `count` parts of every batch, which together are the batch. Their sizes differ by one picture at most, or by two if
/// pictures are mixed.
///
/// What happens to a picture depends on the seed, the epoch and the picture alone, so the parts hold what the whole batch holds:
/// in its order, or if pictures are mixed, in pairs, so that each part has the partners of its pictures.
///
/// Without an `index` below `count` there is no such part: it has no pictures, and a loader refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// Which one, from 0 on.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// The whole batch.
impl Default for BatchPart {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl BatchPart {
    /// Number of pictures of this part of a batch of `len`. `mixed` says whether pictures may be mixed.
    pub fn len_of(self, len: usize, mixed: bool) -> usize {
        if !mixed {
            return self.share(len).len();
        }
        2 * self.share(len / 2).len() + self.middle(len)
    }

    /// This part of a batch, in an order in which picture `i` of `n` has the partner `n - 1 - i`, as in the whole batch.
    pub(super) fn of(self, batch: &[usize], mixed: bool) -> Vec<usize> {
        if !mixed {
            return batch[self.share(batch.len())].to_vec();
        }
        let pairs = batch.len() / 2;
        let share = self.share(pairs);
        let middle = &batch[pairs..pairs + self.middle(batch.len())];
        let partners = &batch[batch.len() - share.end..batch.len() - share.start];
        [&batch[share], middle, partners].concat()
    }

    fn share(self, len: usize) -> Range<usize> {
        if !self.exists() {
            return 0..0;
        }
        let (len, count) = (len as u128, self.count as u128);
        // Not above `len`. The product may not fit into a `usize`.
        let start = |index: u128| (index * len / count) as usize;
        let index = self.index as u128;
        start(index)..start(index + 1)
    }

    /// The picture of an odd batch that is its own partner is the first part's, which is never larger than another.
    fn middle(self, len: usize) -> usize {
        if self.exists() && self.index == 0 {
            len % 2
        } else {
            0
        }
    }

    /// Whether it is one of the parts.
    pub(super) fn exists(self) -> bool {
        self.index < self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(count: usize) -> impl Iterator<Item = BatchPart> {
        (0..count).map(move |index| BatchPart { index, count })
    }

    #[test]
    fn parts_together_are_the_batch() {
        for len in 0..40 {
            let batch: Vec<usize> = (100..100 + len).collect();
            for count in 1..9 {
                for mixed in [false, true] {
                    let found: Vec<_> = parts(count).map(|part| part.of(&batch, mixed)).collect();
                    let mut all = found.concat();
                    if !mixed {
                        assert_eq!(all, batch, "the order stays");
                    }
                    all.sort_unstable();
                    assert_eq!(all, batch);
                    let sizes: Vec<_> = parts(count).map(|part| part.len_of(len, mixed)).collect();
                    assert!(found.iter().map(Vec::len).eq(sizes.iter().copied()));
                    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
                    assert!(most - least <= if mixed { 2 } else { 1 }, "{sizes:?}");
                }
            }
        }
    }

    #[test]
    fn a_part_that_does_not_exist_has_no_pictures() {
        let batch = [5, 6, 7];
        for (index, count) in [(0, 0), (1, 0), (1, 1), (3, 3), (usize::MAX, usize::MAX)] {
            let part = BatchPart { index, count };
            for mixed in [false, true] {
                assert_eq!(part.len_of(batch.len(), mixed), 0, "{part:?}");
                assert!(part.of(&batch, mixed).is_empty(), "{part:?}");
            }
        }
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        let len_of = |index, count, len| BatchPart { index, count }.len_of(len, false);
        assert_eq!(len_of(2, 3, usize::MAX), usize::MAX / 3);
        assert_eq!(len_of(usize::MAX - 1, usize::MAX, 1), 1);
        assert_eq!(len_of(usize::MAX - 2, usize::MAX, 1), 0);
    }

    #[test]
    fn partners_stay_together() {
        for len in 1..40 {
            let batch: Vec<usize> = (0..len).collect();
            for part in parts(3) {
                let own = part.of(&batch, true);
                for (i, picture) in own.iter().enumerate() {
                    assert_eq!(own[own.len() - 1 - i], len - 1 - picture, "{len} {own:?}");
                }
            }
        }
    }
}
