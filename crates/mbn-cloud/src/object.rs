//! An object in a store.

use std::sync::Arc;

use object_store::Error;
use object_store::path::Path;

use crate::error::{CloudError, CloudErrorKind};
use crate::scheme::{Scheme, scheme};
use crate::store::Store;

/// An object, whether it exists or not.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) url: Arc<str>,
    pub(crate) store: Arc<Store>,
    pub(crate) path: Path,
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

    /// Whether it is a file on a web server.
    pub(crate) fn is_on_web(&self) -> bool {
        scheme(&self.url) == Some(Scheme::Http)
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
