//! Curves of a chart, and the axis that shows them.

use crate::canvas::Rgb;

/// Larger values would flatten everything else, and pixels are computed in single precision.
const LARGEST_DRAWN: f64 = 1e30;

/// One curve, in pieces: values are missing between them.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) color: Rgb,
    pub(crate) pieces: Vec<Vec<(f64, f64)>>,
}

impl Series {
    pub(crate) fn new(
        name: impl Into<String>,
        color: Rgb,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let points: Vec<_> = points.into_iter().collect();
        let pieces = points
            .split(|&(_, value)| !is_drawn(value))
            .filter(|piece| !piece.is_empty());
        Self {
            name: name.into(),
            color,
            pieces: pieces.map(<[_]>::to_vec).collect(),
        }
    }
}

pub(crate) fn is_drawn(value: f64) -> bool {
    value.abs() < LARGEST_DRAWN
}

/// Ends of an axis that shows all values with a margin, within `natural` unless a value is outside it.
pub(crate) fn value_range(series: &[Series], natural: (f64, f64)) -> (f64, f64) {
    let values = || {
        series
            .iter()
            .flat_map(|series| &series.pieces)
            .flatten()
            .map(|&(_, value)| value)
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, if natural.1.is_finite() { natural.1 } else { 1.0 });
    }
    let margin = (0.06 * (high - low)).max(0.02 * high.abs()).max(1e-3);
    let bottom = if low >= natural.0 {
        (low - margin).max(natural.0)
    } else {
        low - margin
    };
    let top = if high <= natural.1 {
        (high + margin).min(natural.1)
    } else {
        high + margin
    };
    (bottom, top)
}
