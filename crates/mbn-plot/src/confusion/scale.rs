//! The colours of shares, and the bar that explains them.

use crate::canvas::{Align, Area, Canvas, INK, Rgb, TextStyle};

const BAR_WIDTH: f32 = 24.0;
/// Colours of the shares 0, 1/3, 2/3 and 1 of the scale, between which it is linear.
const SCALE: [Rgb; 4] = [[255, 255, 255], [166, 200, 230], [44, 115, 184], [8, 36, 92]];

/// Draws the bar with its percentages to the right of the matrix in `grid`.
pub(super) fn draw(canvas: &mut Canvas, grid: Area) {
    let height = grid.height.clamp(200.0, 600.0);
    let bar = Area {
        x: grid.right() + 34.0,
        y: grid.y,
        width: BAR_WIDTH,
        height,
    };
    let steps = height as usize;
    for step in 0..steps {
        let position = 1.0 - (step as f64 + 0.5) / steps as f64;
        let stripe = Area {
            y: bar.y + step as f32,
            height: 1.0,
            ..bar
        };
        canvas.fill_area(stripe, heat(position * position), 1.0);
    }
    canvas.stroke_area(bar, INK, 1.0);
    for tick in [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0f64] {
        let y = bar.bottom() - (tick / 100.0).sqrt() as f32 * bar.height;
        canvas.line((bar.right(), y), (bar.right() + 5.0, y), INK, 1.0);
        canvas.text(
            &format!("{tick:.0} %"),
            (bar.right() + 10.0, y),
            TextStyle::new(15.0, Align::Start),
        );
    }
}

/// Colour of a share. The square root makes ordinary mistakes of a few per cent visible beside a full diagonal.
pub(super) fn heat(share: f64) -> Rgb {
    let position = share.clamp(0.0, 1.0).sqrt() * (SCALE.len() - 1) as f64;
    let below = (position as usize).min(SCALE.len() - 2);
    let rest = position - below as f64;
    std::array::from_fn(|channel| {
        let (from, to) = (
            f64::from(SCALE[below][channel]),
            f64::from(SCALE[below + 1][channel]),
        );
        (from + rest * (to - from)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::WHITE;

    #[test]
    fn darker_means_more() {
        let luminance = |share| heat(share).iter().map(|&channel| u32::from(channel)).sum::<u32>();
        let shares = [0.0, 0.01, 0.05, 0.2, 0.5, 1.0];
        assert!(
            shares
                .windows(2)
                .all(|pair| luminance(pair[0]) > luminance(pair[1]))
        );
        assert_eq!(heat(0.0), WHITE);
    }
}
