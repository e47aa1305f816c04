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

/// Whether bars are drawn.
pub fn are_shown() -> bool {
    !bars().is_hidden()
}

/// Draws no bars from now on.
pub fn hide() {
    bars().set_draw_target(ProgressDrawTarget::hidden());
}

/// A bar over `len` steps, with a template in indicatif's syntax; `set_message` sets `{msg}`.
pub fn bar(len: u64, template: &str) -> ProgressBar {
    let bar = ticked_bar(Some(len), template);
    if !bars().is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}

/// As [`bar`], without a thread of its own that redraws it: whoever has it calls `tick`. Without a length, `template` must do
/// without one.
pub fn ticked_bar(len: Option<u64>, template: &str) -> ProgressBar {
    let bar = bars().add(len.map_or_else(ProgressBar::no_length, ProgressBar::new));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

/// One bar after another, each for another `K`, such as a file or a step.
#[derive(Debug)]
pub struct InTurn<K>(Option<(K, ProgressBar)>);

impl<K> Default for InTurn<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq> InTurn<K> {
    /// The bar for `key`. If another is shown, that ends and `make` makes this one.
    pub fn bar(&mut self, key: K, make: impl FnOnce() -> ProgressBar) -> &ProgressBar {
        if self.0.as_ref().is_none_or(|(shown, _)| *shown != key) {
            self.finish();
        }
        &self.0.get_or_insert_with(|| (key, make())).1
    }
}

impl<K> InTurn<K> {
    /// Removes the bar that is shown, if any.
    pub fn finish(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
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

    #[test]
    fn a_bar_lasts_as_long_as_its_key() {
        let mut made = 0;
        let mut bars = InTurn::default();
        for (key, expected) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
            let bar = bars.bar(key, || {
                made += 1;
                bar(made, "{pos}")
            });
            assert_eq!(bar.length(), Some(expected), "{key}");
        }
        bars.finish();
    }
}
