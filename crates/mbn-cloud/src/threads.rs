//! The threads that wait for servers.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

/// How many wait for servers.
const THREADS: usize = 2;

/// The threads, which end when nobody has them any more.
#[derive(Clone, Debug)]
pub(crate) struct Threads {
    runtime: Handle,
    _owner: Arc<Owner>,
}

/// Nobody waits for the threads' end: what they do last may want a lock that is held by whoever drops this.
#[derive(Debug)]
struct Owner(Option<Runtime>);

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Threads {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("cloud")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: runtime.handle().clone(),
            _owner: Arc::new(Owner(Some(runtime))),
        })
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Starts something that goes on until nobody has the task any more.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task(self.runtime.spawn(work))
    }
}

/// Something that the threads do, unless it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Task<T = ()>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for its end, once.
    pub(crate) async fn end(&mut self) -> Result<T, JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn threads_may_want_a_lock_that_is_held_when_they_are_dropped() {
        let threads = Threads::start().unwrap();
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().unwrap();
        let (begins, has_begun) = channel();
        let other = Arc::clone(&lock);
        threads.runtime().spawn(async move {
            begins.send(()).unwrap();
            drop(other.lock());
        });
        has_begun.recv().unwrap();
        drop(threads);
        drop(held);
    }
}
