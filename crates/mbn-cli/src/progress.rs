//! Progress bars, which are drawn only if stderr is a terminal.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Bars redraw this often even without progress, so that the remaining time counts down.
const TICK: Duration = Duration::from_millis(250);

/// All bars of the program; messages appear above them.
pub fn bars() -> &'static MultiProgress {
    BARS.get_or_init(MultiProgress::new)
}

/// Draws no bars from now on.
pub fn hide() {
    bars().set_draw_target(ProgressDrawTarget::hidden());
}

/// A bar over `len` steps, with a template in indicatif's syntax; `set_message` sets `{msg}`.
pub fn bar(len: u64, template: &str) -> ProgressBar {
    let bar = bars().add(ProgressBar::new(len));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    if !bars().is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_count_without_a_terminal() {
        let bar = bar(10, "{bar:40} {pos}/{len} {msg} {eta}");
        bar.inc(3);
        assert_eq!((bar.position(), bar.length()), (3, Some(10)));
    }
}
