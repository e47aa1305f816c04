//! Connections to stores, made as the environment says.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, Error, ObjectStore, Result, RetryConfig};

use crate::scheme::Scheme;
use crate::web_client::SharedClient;

/// Variables of which one shows that the environment has credentials for S3, or that none are needed.
const S3: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

/// The same for Google Cloud Storage.
const GOOGLE: [&str; 6] = [
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SKIP_SIGNATURE",
    "SERVICE_ACCOUNT",
];

/// The same for Azure.
const AZURE: [&str; 11] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_STORAGE_USE_EMULATOR",
    "AZURE_SKIP_SIGNATURE",
];

/// Variables that may give the address of a server without TLS, which then is what the user wants.
const ENDPOINTS: [&str; 5] = [
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ENDPOINT",
    "AZURE_ENDPOINT",
];

/// A server may pause so long, but a whole request may take any time: an archive is read as fast as its pictures are classified.
const PATIENCE: [(ClientConfigKey, &str); 2] = [
    (ClientConfigKey::Timeout, "365 days"),
    (ClientConfigKey::ReadTimeout, "30 seconds"),
];

/// A store that lists its objects page by page.
pub(crate) trait Paged: ObjectStore + PaginatedListStore {}

impl<T: ObjectStore + PaginatedListStore> Paged for T {}

/// A bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) store: Arc<Store>,
    /// The same, for lists.
    pub(crate) pages: Arc<dyn Paged>,
}

/// A bucket, or a file on a web server.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The environment names credentials.
    pub(crate) has_credentials: bool,
}

/// Connects to a bucket.
pub(crate) fn bucket(scheme: Scheme, bucket: &str) -> Result<Bucket> {
    let (pages, variables): (Arc<dyn Paged>, &[&str]) = match scheme {
        Scheme::S3 => {
            let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
            let builder = PATIENCE.into_iter().fold(builder, |builder, (key, value)| {
                builder.with_config(AmazonS3ConfigKey::Client(key), value)
            });
            let builder = builder.with_retry(retries()).with_allow_http(is_plain());
            (Arc::new(builder.build()?), &S3)
        }
        Scheme::Google => {
            let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
            let builder = PATIENCE.into_iter().fold(builder, |builder, (key, value)| {
                builder.with_config(GoogleConfigKey::Client(key), value)
            });
            (Arc::new(builder.with_retry(retries()).build()?), &GOOGLE)
        }
        Scheme::Azure => {
            let builder = MicrosoftAzureBuilder::from_env().with_container_name(bucket);
            let builder = PATIENCE.into_iter().fold(builder, |builder, (key, value)| {
                builder.with_config(AzureConfigKey::Client(key), value)
            });
            let builder = builder.with_retry(retries()).with_allow_http(is_plain());
            (Arc::new(builder.build()?), &AZURE)
        }
        Scheme::Http => {
            return Err(Error::NotImplemented {
                operation: "buckets".to_owned(),
                implementer: "a web server".to_owned(),
            });
        }
    };
    let store = Store {
        store: Arc::<dyn Paged>::clone(&pages),
        has_credentials: variables.iter().any(|name| std::env::var_os(name).is_some()),
    };
    Ok(Bucket {
        store: Arc::new(store),
        pages,
    })
}

/// A file on a web server. All of them share the connections of `client`.
pub(crate) fn web(url: &str, client: &SharedClient) -> Result<Store> {
    let builder = HttpBuilder::new().with_url(url).with_retry(retries());
    let options = ClientOptions::new().with_allow_http(true);
    let options = PATIENCE
        .into_iter()
        .fold(options, |options, (key, value)| options.with_config(key, value));
    let builder = builder
        .with_client_options(options)
        .with_http_connector(client.clone());
    Ok(Store {
        store: Arc::new(builder.build()?),
        has_credentials: true,
    })
}

/// Half a minute of patience with a server that fails: it may be busy, but one that is not there should be known soon.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
    }
}

/// Whether a server without TLS may be used.
fn is_plain() -> bool {
    let is_set = |name: &&str| std::env::var(name).is_ok_and(|value| value.starts_with("http://"));
    let is_allowed =
        |name| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    ENDPOINTS.iter().any(is_set)
        || ["AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "AZURE_STORAGE_USE_EMULATOR"]
            .into_iter()
            .any(is_allowed)
}
