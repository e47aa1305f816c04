//! The way to stores, and what URLs lead to.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::runtime::Handle;

use crate::download::Download;
use crate::error::{CloudError, CloudErrorKind};
use crate::gate::Gate;
use crate::listing::{Filter, Listing};
use crate::location::Location;
use crate::object::Object;
use crate::ranges::Ranges;
use crate::scheme::Scheme;
use crate::store::{self, Bucket};
use crate::stream::ObjectStream;
use crate::threads::Threads;
use crate::web_client::SharedClient;

/// The way to stores. Clones share connections and limits.
#[derive(Clone, Debug)]
pub struct Cloud(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    threads: Threads,
    buckets: Mutex<HashMap<(Scheme, String), Bucket>>,
    web: SharedClient,
    gate: Arc<Gate>,
}

/// What a URL leads to.
#[derive(Debug)]
pub enum Place {
    /// One object.
    Object(Object),
    /// The objects in a folder, or those that match a pattern.
    Listing(Listing),
}

impl Cloud {
    /// Starts the threads. It connects to nothing yet.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn new() -> io::Result<Self> {
        // The library for TLS lets the program choose who computes. It may have chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self(Arc::new(Inner {
            threads: Threads::start()?,
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
                let _entered = self.runtime().enter();
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
        let bucket = self.bucket(scheme, bucket, url)?;
        let base = &url[..url.len() - key.len()];
        let base = if base.ends_with('/') {
            base.to_owned()
        } else {
            format!("{base}/")
        };
        let listing = |filter| Listing::start(self.0.threads.clone(), &bucket, &base, url, filter);
        let filter = match &location {
            Location::Pattern { pattern, .. } => {
                Filter::pattern(pattern).map_err(|why| CloudErrorKind::Pattern(why).of(url))?
            }
            Location::Folder { key, .. } => Filter::folder(key),
            _ => {
                let path = Path::parse(key).map_err(|why| CloudErrorKind::Name(why.to_string()).of(url))?;
                let object = Object {
                    url: url.into(),
                    store: Arc::clone(&bucket.store),
                    path,
                };
                let name = key.rsplit('/').next().unwrap_or_default();
                if name.trim_start_matches('.').contains('.') {
                    return Ok(Place::Object(object));
                }
                let found = self.runtime().block_on(object.store.store.head(&object.path));
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
        Download::start(object, ticket, limit, self.0.threads.clone(), wake)
    }

    /// The first bytes of an object.
    ///
    /// # Errors
    /// They cannot be had.
    pub fn first_bytes(&self, object: &Object, n: u64) -> Result<Vec<u8>, CloudError> {
        let got = self
            .runtime()
            .block_on(object.store.store.get_range(&object.path, 0..n));
        got.map(Into::into).map_err(|error| object.error(&error))
    }

    /// Reads an object from its beginning to its end.
    pub fn stream(&self, object: &Object) -> ObjectStream {
        ObjectStream::start(object.clone(), self.0.threads.clone())
    }

    /// Reads an object in parts. Asks for its size first, and waits for the answer.
    ///
    /// # Errors
    /// There is no such object, the store refuses to give it or cannot be reached, or the web server gives no parts of files.
    pub fn ranges(&self, object: &Object) -> Result<Ranges, CloudError> {
        Ranges::open(object.clone(), self.0.threads.clone())
    }

    fn runtime(&self) -> &Handle {
        self.0.threads.runtime()
    }

    fn bucket(&self, scheme: Scheme, bucket: &str, url: &str) -> Result<Bucket, CloudError> {
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (scheme, bucket.to_owned());
        if let Some(known) = buckets.get(&key) {
            return Ok(known.clone());
        }
        let _entered = self.runtime().enter();
        let made = store::bucket(scheme, bucket);
        let made = made.map_err(|error| CloudErrorKind::Credentials(error.to_string()).of(url))?;
        buckets.insert(key, made.clone());
        Ok(made)
    }
}
