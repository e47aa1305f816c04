//! The place in a panel where a legend or note hides the least of the curves.

use crate::canvas::Area;

/// The first of `candidates` with the fewest points of `lines` inside. Lines are sampled every few pixels.
pub(crate) fn clearest(candidates: &[Area], lines: &[Vec<(f32, f32)>]) -> Option<Area> {
    candidates
        .iter()
        .copied()
        .min_by_key(|area| lines.iter().map(|line| hits(*area, line)).sum::<usize>())
}

fn hits(area: Area, line: &[(f32, f32)]) -> usize {
    let ends = line.first().map_or(0, |&point| usize::from(area.contains(point)));
    let segments = line.windows(2).map(|pair| {
        let (from, to) = (pair[0], pair[1]);
        let steps = ((to.0 - from.0).hypot(to.1 - from.1) / SAMPLE_DISTANCE)
            .ceil()
            .clamp(1.0, 1000.0) as usize;
        let inside = |step: usize| {
            let share = step as f32 / steps as f32;
            area.contains((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)))
        };
        (1..=steps).filter(|&step| inside(step)).count()
    });
    ends + segments.sum::<usize>()
}

const SAMPLE_DISTANCE: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corner_without_curves_is_taken() {
        let corner = |x, y| Area {
            x,
            y,
            width: 30.0,
            height: 30.0,
        };
        let candidates = [
            corner(0.0, 0.0),
            corner(70.0, 0.0),
            corner(0.0, 70.0),
            corner(70.0, 70.0),
        ];
        // Falls from the top left corner through the middle; its only points are its ends.
        let falling = vec![(0.0, 0.0), (100.0, 100.0)];
        let chosen = clearest(&candidates, std::slice::from_ref(&falling)).unwrap();
        assert_eq!((chosen.x, chosen.y), (70.0, 0.0));
        let ceiling = vec![(60.0, 10.0), (100.0, 10.0)];
        let chosen = clearest(&candidates, &[falling, ceiling]).unwrap();
        assert_eq!((chosen.x, chosen.y), (0.0, 70.0));
    }
}
