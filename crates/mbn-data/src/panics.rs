//! Turns the panic of a library that decodes into an error, and lets a program keep its message from being printed.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in a decoder whose panics are caught.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Calls a decoder, which may panic at damaged content: one bad file must not end a batch. `None` if it does.
/// What the decoder has changed must not be used afterwards. The message is printed, as of every panic, unless the program has called
/// [`hide_caught_panics`].
pub fn caught<T>(decode: impl FnOnce() -> T) -> Option<T> {
    let before = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    IS_GUARDED.set(before);
    result.ok()
}

/// Sends the messages of panics that [`caught`] turns into `None` to the log, at level `debug`. It changes what the whole process
/// does at a panic ([`std::panic::set_hook`]): that is for a program to decide, at its start. Panics of other code go to the hook
/// that was set before.
pub fn hide_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match IS_GUARDED.get() {
            true => log::debug!("a decoder panicked: {panic}"),
            false => print(panic),
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::thread;

    use super::*;

    /// In the environment of the process that panics.
    const CHILD: &str = "MBN_TEST_PANICS";

    fn panics_of_decoders_and_others() {
        hide_caught_panics();
        hide_caught_panics();
        assert_eq!(caught(|| 3), Some(3));
        let caught_one = caught(|| {
            assert_eq!(caught::<()>(|| panic!("not shown, twice")), None);
            panic!("not shown")
        });
        assert_eq!(caught_one, None::<()>);
        // Another thread panics while this one is guarded.
        let other = caught(|| thread::spawn(|| panic!("on another thread")).join());
        assert!(other.is_some_and(|joined| joined.is_err()));
        assert!(catch_unwind(|| panic!("after the decoder")).is_err());
    }

    /// What is printed shows in a process of its own, which runs this test again.
    #[test]
    fn only_panics_of_decoders_are_not_printed() {
        if std::env::var_os(CHILD).is_some() {
            return panics_of_decoders_and_others();
        }
        let name = "panics::tests::only_panics_of_decoders_are_not_printed";
        let mut program = Command::new(std::env::current_exe().unwrap());
        let run = program
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{printed}");
        assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
        assert!(!printed.contains("not shown"), "{printed}");
        for message in ["on another thread", "after the decoder"] {
            assert!(printed.contains(message), "{printed}");
        }
    }
}
