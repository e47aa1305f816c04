//! Where the results of a resize lie along an axis of the picture.

/// How near two positions are that differ by rounding alone, in pixels of the result.
const ROUNDING: f64 = 1e-6;

/// The centres of the results along one axis.
///
/// Where the results are a part of the resized picture, Pillow resizes the whole picture, and the part is taken afterwards.
/// Then the grid is the whole picture's, since the rounding of a position may decide between two pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// Where the first result of the grid begins, in pixels of the picture.
    pub low: f64,
    /// From one result to the next, in pixels of the picture.
    pub step: f64,
    /// Results of the grid before the first that is wanted.
    pub skipped: u32,
}

impl Grid {
    /// For `side` results over the part of `extent` pixels that starts at `low` on an axis of `length` pixels.
    pub(super) fn new(length: u32, low: f64, extent: f64, side: u32) -> Self {
        let step = extent / f64::from(side);
        let (resized, before) = (f64::from(length) / step, low / step);
        let is_whole = |value: f64| (value - value.round()).abs() <= ROUNDING;
        match is_whole(resized) && is_whole(before) {
            true => Self {
                low: 0.0,
                step: f64::from(length) / resized.round(),
                skipped: before.round() as u32,
            },
            false => Self {
                low,
                step,
                skipped: 0,
            },
        }
    }

    /// The centre of result `i` of those wanted.
    pub(super) fn centre(&self, i: u32) -> f64 {
        self.low + (f64::from(self.skipped) + f64::from(i) + 0.5) * self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_resized_picture_lies_on_the_pictures_grid() {
        for (length, resized) in [(1023, 42), (500, 153), (97, 97), (7, 300)] {
            let step = f64::from(length) / f64::from(resized);
            for skipped in [0, 1, resized / 3] {
                let side = resized - skipped;
                let low = f64::from(skipped) * step;
                let grid = Grid::new(length, low, f64::from(side) * step, side);
                assert_eq!((grid.low, grid.step, grid.skipped), (0.0, step, skipped));
                assert_eq!(grid.centre(2), (f64::from(skipped + 2) + 0.5) * step);
            }
        }
        let grid = Grid::new(100, 10.5, 60.0, 7);
        assert_eq!((grid.low, grid.skipped), (10.5, 0));
        assert_eq!(grid.centre(0), 10.5 + 0.5 * (60.0 / 7.0));
    }
}
