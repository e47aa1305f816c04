//! The way to stores, and what URLs lead to.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::download::Download;
use crate::error::{CloudError, CloudErrorKind};
use crate::gate::Gate;
use crate::listing::{Filter, Listing};
use crate::location::{Location, Scheme};
use crate::ranges::Ranges;
use crate::store::{self, SharedClient, Store};
use crate::stream::ObjectStream;

/// Threads that wait for servers.
const THREADS: usize = 2;

/// The way to stores. Clones share connections and limits.
#[derive(Clone, Debug)]
pub struct Cloud(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    _threads: Threads,
    buckets: Mutex<HashMap<(Scheme, String), Arc<Store>>>,
    web: SharedClient,
    gate: Arc<Gate>,
}

/// The threads of the runtime. Nobody waits for their end: what they do last may want a lock that is held by whoever drops this.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// An object, whether it exists or not.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) url: Arc<str>,
    pub(crate) store: Arc<Store>,
    pub(crate) path: Path,
}

/// What a URL leads to.
#[derive(Debug)]
pub enum Place {
    /// One object.
    Object(Object),
    /// The objects in a folder, or those that match a pattern.
    Listing(Listing),
}

impl Object {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, without what a URL may have behind it.
    pub fn name(&self) -> &str {
        match self.path.as_ref() {
            "" => self.url.split(['?', '#']).next().unwrap_or_default(),
            _ => &self.url,
        }
    }

    pub(crate) fn error(&self, error: &Error) -> CloudError {
        CloudError::new(&self.url, self.store.has_credentials, error)
    }

    /// What went wrong with a transfer that had begun.
    pub(crate) fn broken(&self, error: &Error) -> CloudError {
        let error = CloudError::new(&self.url, true, error);
        match error.kind {
            CloudErrorKind::Failed(why) => CloudErrorKind::Broken(why).of(&self.url),
            _ => error,
        }
    }
}

impl Cloud {
    /// Starts the threads. It connects to nothing yet.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn new() -> io::Result<Self> {
        // The library for TLS lets the program choose who computes. It may have chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("cloud")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Inner {
            runtime: runtime.handle().clone(),
            _threads: Threads(Some(runtime)),
            buckets: Mutex::default(),
            web: SharedClient::default(),
            gate: Arc::default(),
        })))
    }

    /// What a URL leads to. It asks the store only if the last part of the URL has neither an extension nor a slash behind it, and
    /// may be an object as well as a folder.
    ///
    /// # Errors
    /// The URL is not valid, or the store cannot be asked.
    pub fn open(&self, url: &str) -> Result<Place, CloudError> {
        let (scheme, location) = Location::parse(url).map_err(|kind| kind.of(url))?;
        let (bucket, key) = match &location {
            Location::Web => {
                let _entered = self.0.runtime.enter();
                let store =
                    store::web(url, &self.0.web).map_err(|error| CloudError::new(url, true, &error))?;
                return Ok(Place::Object(Object {
                    url: url.into(),
                    store: Arc::new(store),
                    path: Path::default(),
                }));
            }
            Location::Key { bucket, key } | Location::Folder { bucket, key } => (bucket, key),
            Location::Pattern { bucket, pattern } => (bucket, pattern),
        };
        let store = self.bucket(scheme, bucket, url)?;
        let base = &url[..url.len() - key.len()];
        let base = if base.ends_with('/') {
            base.to_owned()
        } else {
            format!("{base}/")
        };
        let listing = |filter| Listing::start(self.clone(), &store, &base, url, filter);
        let filter = match &location {
            Location::Pattern { pattern, .. } => {
                Filter::pattern(pattern).map_err(|why| CloudErrorKind::Pattern(why).of(url))?
            }
            Location::Folder { key, .. } => Filter::folder(key),
            _ => {
                let path = Path::parse(key).map_err(|why| CloudErrorKind::Name(why.to_string()).of(url))?;
                let object = Object {
                    url: url.into(),
                    store: Arc::clone(&store),
                    path,
                };
                let name = key.rsplit('/').next().unwrap_or_default();
                if name.trim_start_matches('.').contains('.') {
                    return Ok(Place::Object(object));
                }
                let found = self.0.runtime.block_on(object.store.store.head(&object.path));
                match found.map_err(|error| object.error(&error)) {
                    Ok(_) => return Ok(Place::Object(object)),
                    Err(error) if error.kind == CloudErrorKind::Missing => Filter::folder(&format!("{key}/")),
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(Place::Listing(listing(filter)))
    }

    /// Begins to fetch an object of at most `limit` bytes. Not too many come at once, and not too many bytes wait to be taken: those
    /// that are asked for first come first. `wake` is called when there is something new about it.
    pub fn fetch(&self, object: &Object, limit: u64, wake: impl Fn() + Send + Sync + 'static) -> Download {
        let (object, ticket) = (object.clone(), self.0.gate.ticket());
        Download::start(object, ticket, limit, self.clone(), wake)
    }

    /// The first bytes of an object.
    ///
    /// # Errors
    /// They cannot be had.
    pub fn first_bytes(&self, object: &Object, n: u64) -> Result<Vec<u8>, CloudError> {
        let got = self
            .0
            .runtime
            .block_on(object.store.store.get_range(&object.path, 0..n));
        got.map(Into::into).map_err(|error| object.error(&error))
    }

    /// Reads an object from its beginning to its end.
    pub fn stream(&self, object: &Object) -> ObjectStream {
        ObjectStream::start(object.clone(), self.clone())
    }

    /// Reads an object in parts.
    ///
    /// # Errors
    /// There is none.
    pub fn ranges(&self, object: &Object) -> Result<Ranges, CloudError> {
        Ranges::open(object.clone(), self.clone())
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    fn bucket(&self, scheme: Scheme, bucket: &str, url: &str) -> Result<Arc<Store>, CloudError> {
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scheme, bucket.to_owned());
        if let Some(store) = buckets.get(&key) {
            return Ok(Arc::clone(store));
        }
        let _entered = self.0.runtime.enter();
        let made = store::bucket(scheme, bucket);
        let store = made.map_err(|error| CloudErrorKind::Credentials(error.to_string()).of(url))?;
        let store = Arc::new(store);
        buckets.insert(key, Arc::clone(&store));
        Ok(store)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn threads_may_want_a_lock_that_is_held_when_they_are_dropped() {
        let cloud = Cloud::new().unwrap();
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().unwrap();
        let (begins, has_begun) = channel();
        let other = Arc::clone(&lock);
        cloud.runtime().spawn(async move {
            begins.send(()).unwrap();
            drop(other.lock());
        });
        has_begun.recv().unwrap();
        drop(cloud);
        drop(held);
    }
}
