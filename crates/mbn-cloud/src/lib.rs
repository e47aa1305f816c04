//! Objects in cloud storage (S3, Google Cloud Storage, Azure) and files on web servers, by their URLs. [`Cloud::open`] tells what a
//! URL leads to. An object is fetched ahead of its use ([`Cloud::fetch`]), read as a stream ([`Cloud::stream`]) or read in parts
//! ([`Cloud::ranges`]). Callers are not asynchronous: the work is done by threads of the [`Cloud`].
//!
//! Credentials and endpoints come from the variables that the stores' own tools use, such as `AWS_ACCESS_KEY_ID`. Requests that fail
//! are repeated as `object_store` repeats them.

mod cloud;
mod download;
mod error;
mod gate;
mod listing;
mod location;
mod object;
mod ranges;
mod scheme;
mod store;
mod stream;
mod threads;
mod web_client;

pub use bytes::Bytes;
pub use cloud::{Cloud, Place};
pub use download::Download;
pub use error::{CloudError, CloudErrorKind};
pub use listing::{Listed, Listing};
pub use object::Object;
pub use ranges::Ranges;
pub use stream::{ObjectStream, Trouble};
