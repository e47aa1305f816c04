//! The HTTP client for files on web servers.

use std::io;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::TryStreamExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::{ClientOptions, Result};
use reqwest::header::{CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, StatusCode};

/// Most bytes of a file whose length the server does not tell: it is in memory as a whole. Those who make pictures on request, and
/// so do not know, make small ones.
const UNTOLD: usize = 64 << 20;

/// One HTTP client for many stores.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedClient(Arc<OnceLock<HttpClient>>);

impl HttpConnector for SharedClient {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let client = ReqwestConnector::default().connect(options)?;
        let client = HttpClient::new(Measuring(client));
        Ok(self.0.get_or_init(|| client).clone())
    }
}

/// Measures files whose length the server does not tell, which `object_store` refuses.
#[derive(Debug)]
struct Measuring(HttpClient);

#[async_trait]
impl HttpService for Measuring {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let has_body = request.method() == Method::GET;
        let response = self.0.execute(request).await?;
        let is_measured = response.headers().contains_key(CONTENT_LENGTH);
        if !has_body || response.status() != StatusCode::OK || is_measured {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let mut pieces = body.bytes_stream();
        let mut content = BytesMut::new();
        while let Some(piece) = pieces.try_next().await? {
            if content.len() + piece.len() > UNTOLD {
                let why = format!(
                    "the server does not tell the file's length, and it has more than {UNTOLD} bytes"
                );
                return Err(HttpError::new(HttpErrorKind::Decode, io::Error::other(why)));
            }
            content.extend_from_slice(&piece);
        }
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(content.len()));
        Ok(HttpResponse::from_parts(head, content.freeze().into()))
    }
}
