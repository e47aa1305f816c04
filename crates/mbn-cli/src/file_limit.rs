//! The limit on the size of files.

/// Lets a write beyond the limit on the size of files (`ulimit -f`) fail like any other, where SIGXFSZ would end the program without
/// a word. Programs that this one starts are not concerned.
pub(crate) fn fail_at_limit() {
    #[cfg(unix)]
    // Without it, the signal ends the program, which is what happened before.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
}
