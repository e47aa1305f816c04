//! Inputs on their way from the thread that finds them to those that decode them. Only a few wait there, however many there are.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};
use mbn_data::LeftOut;

use crate::inputs::{Download, Input, Source};

/// Inputs whose content comes with them wait until there are fewer bytes than this.
const MAX_BYTES: usize = 64 << 20;

/// The inputs that wait, filled by a thread of its own.
pub struct Feed(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    inputs: VecDeque<Waiting>,
    /// Bytes of their content, if it came with them.
    bytes: usize,
    supply: Supply,
    error: Option<Error>,
    left_out: LeftOut,
    /// Nobody takes any more.
    is_closed: bool,
}

/// An input that waits, and its content on its way, if it has to be fetched.
struct Waiting {
    input: Input,
    download: Option<Download>,
}

/// What the thread that finds inputs does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Supply {
    /// It finds more soon.
    #[default]
    Coming,
    /// It waits for somebody to name more.
    Waiting,
    /// There are no more.
    Ended,
}

/// What [`Feed::take`] gives.
#[derive(Debug)]
pub enum Taken {
    /// As many as asked for, or fewer if nobody can tell when there will be more. At least one.
    Inputs(Vec<Input>),
    /// Not yet.
    Nothing,
    /// There are no more.
    End,
}

impl Feed {
    /// Starts to find the inputs of `source`. At most `capacity` of them wait.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn start(mut source: Box<dyn Source>, capacity: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity: capacity.max(1),
        });
        let feed = Self(Arc::clone(&shared));
        // The thread may wait forever for a name, so nobody waits for its end.
        thread::Builder::new().name("inputs".to_owned()).spawn(move || {
            let _ended = Ended(&shared);
            shared.fill(source.as_mut());
        })?;
        Ok(feed)
    }

    /// Takes `n` inputs, and waits for them at most so long. Takes fewer, but one at least, if whoever names them makes the program
    /// wait, or there are no more.
    ///
    /// # Errors
    /// The inputs cannot be found; those before the error have been taken.
    pub fn take(&self, n: usize, patience: Duration) -> Result<Taken> {
        let deadline = Instant::now() + patience;
        let n = n.min(self.0.capacity);
        let mut state = self.0.lock();
        loop {
            let found = state
                .inputs
                .iter()
                .take(n)
                .take_while(|waiting| waiting.is_here())
                .count();
            let is_ready = found >= n || state.bytes >= MAX_BYTES || state.is_stuck(found);
            if found > 0 && is_ready {
                let taken = state.take(found);
                self.0.changed.notify_all();
                if !taken.is_empty() {
                    return Ok(Taken::Inputs(taken));
                }
            }
            if state.supply == Supply::Ended && state.inputs.is_empty() {
                return state.error.take().map_or(Ok(Taken::End), Err);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Taken::Nothing);
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What folders and patterns held besides, known at the end.
    pub fn left_out(&self) -> LeftOut {
        std::mem::take(&mut self.0.lock().left_out)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds all inputs, as long as somebody takes them.
    fn fill(self: &Arc<Self>, source: &mut dyn Source) {
        let error = loop {
            match source.next(&mut || self.set(Supply::Waiting)) {
                Ok(Some(input)) => {
                    if !self.push(input) {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let mut state = self.lock();
        state.left_out = source.left_out();
        state.error = state.error.take().or(error);
        state.supply = Supply::Ended;
        self.changed.notify_all();
    }

    /// Adds an input when there is room; false if nobody takes it.
    fn push(self: &Arc<Self>, input: Input) -> bool {
        let mut state = self.lock();
        if !state.is_closed {
            state.supply = Supply::Coming;
        }
        let is_full = |state: &State| state.inputs.len() >= self.capacity || state.bytes >= MAX_BYTES;
        while is_full(&state) && !state.is_closed {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_closed {
            return false;
        }
        state.bytes += content_len(&input);
        state.inputs.push_back(self.waiting(input));
        self.changed.notify_all();
        true
    }

    /// Begins to fetch an input's content, if need be.
    fn waiting(self: &Arc<Self>, mut input: Input) -> Waiting {
        let download = input.content.take().map(|content| {
            let shared = Arc::downgrade(self);
            content.start(move || {
                if let Some(shared) = shared.upgrade() {
                    // Whoever looked before waits by now.
                    drop(shared.lock());
                    shared.changed.notify_all();
                }
            })
        });
        Waiting { input, download }
    }

    fn set(&self, supply: Supply) {
        let mut state = self.lock();
        if !state.is_closed {
            state.supply = supply;
        }
        self.changed.notify_all();
    }
}

impl State {
    /// Whether nothing joins the first `found` inputs for now.
    fn is_stuck(&self, found: usize) -> bool {
        match (
            self.inputs
                .get(found)
                .and_then(|waiting| waiting.download.as_ref()),
            self.supply,
        ) {
            (Some(download), Supply::Coming | Supply::Ended) => download.is_held_back(),
            (None, Supply::Coming) => false,
            (_, Supply::Waiting) | (None, Supply::Ended) => true,
        }
    }

    /// Takes the first inputs, up to one whose store cannot be used. That is the end.
    fn take(&mut self, n: usize) -> Vec<Input> {
        let mut taken = Vec::with_capacity(n);
        for Waiting { mut input, download } in self.inputs.drain(..n) {
            match download.map(Download::take).transpose() {
                Ok(None) => self.bytes -= content_len(&input),
                Ok(Some(Ok(bytes))) => input.bytes = Some(bytes),
                Ok(Some(Err(problem))) => input.problem = Some(problem),
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
            taken.push(input);
        }
        if self.error.is_some() && taken.len() < n {
            self.inputs.clear();
            self.supply = Supply::Ended;
            self.is_closed = true;
        }
        taken
    }
}

impl Waiting {
    fn is_here(&self) -> bool {
        self.download.as_ref().is_none_or(Download::is_done)
    }
}

fn content_len(input: &Input) -> usize {
    input.bytes.as_ref().map_or(0, Vec::len)
}

/// Ends the supply even if the thread panics: else the program would wait forever.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.supply != Supply::Ended {
            state.supply = Supply::Ended;
            state.error = Some(anyhow!("the thread that finds the inputs ended early"));
        }
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
