//! Where the Hub and its cache are, from the environment variables of the Hub's Python library.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mbn_files::whole_file;
use ureq::http::HeaderValue;

use super::HubError;

/// The Hub itself.
const ENDPOINT: &str = "https://huggingface.co";
/// The largest file that is fetched: far above any MobileNetV1, far below what fills a disk.
const MAX_BYTES: u64 = 1 << 30;
/// The largest file with a token, in bytes. A token has some 40, and no server takes headers that are much longer.
const MAX_TOKEN: u64 = 16 << 10;

/// A Hub, the cache of what was fetched from it, and how to fetch.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Its address, without a slash at the end.
    pub endpoint: String,
    /// The folder of the cache.
    pub cache: PathBuf,
    /// Who asks.
    pub token: Option<Token>,
    /// Whether only the cache is used.
    pub offline: bool,
    /// Number of attempts in a row without progress after which a download fails.
    pub attempts: u32,
    /// Time between attempts.
    pub pause: Duration,
    /// The largest file that is fetched, in bytes.
    pub max_bytes: u64,
}

/// An access token. It is sent to the Hub and to no other server, and not shown in messages.
#[derive(Clone)]
pub struct Token(pub(super) HeaderValue);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A token as the Hub gives it out.
    ///
    /// # Errors
    /// [`HubError::Token`] if it has characters that cannot be sent.
    pub fn new(text: &str) -> Result<Self, HubError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| HubError::Token)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Hub {
    /// The Hub of `HF_ENDPOINT`, with the cache of `HF_HUB_CACHE` or below `HF_HOME`, and the token of `HF_TOKEN` or in the
    /// file that `hf auth login` writes. With `HF_HUB_OFFLINE` only the cache is used.
    ///
    /// # Errors
    /// [`HubError`] if no folder is known for the cache, the token cannot be sent, or its file is too large for one.
    pub fn from_env() -> Result<Self, HubError> {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir().as_deref())
    }

    /// As [`Hub::from_env`], with other variables and another home folder.
    ///
    /// # Errors
    /// As [`Hub::from_env`].
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Self, HubError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
        let folder = |value: String| match (value.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(value),
        };
        let home_of_hub = first(&["HF_HOME"]).map(folder).or_else(|| {
            let caches = first(&["XDG_CACHE_HOME"]).map(folder);
            Some(caches.or_else(|| Some(home?.join(".cache")))?.join("huggingface"))
        });
        let cache = first(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).map(folder);
        let cache = cache.or_else(|| Some(home_of_hub.as_ref()?.join("hub")));
        let endpoint = first(&["HF_ENDPOINT"]).unwrap_or_else(|| ENDPOINT.to_owned());
        let is_true =
            |value: String| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE");
        let token = match first(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
            None if !first(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"]).is_some_and(is_true) => {
                let file = first(&["HF_TOKEN_PATH"]).map(folder);
                let file = file.or_else(|| Some(home_of_hub.as_ref()?.join("token")));
                file.map_or(Ok(None), |file| in_file(&file))?
            }
            given => given,
        };
        let token = token.as_deref().map(str::trim).filter(|token| !token.is_empty());
        Ok(Self {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            cache: cache.ok_or(HubError::NoHome)?,
            token: token.map(Token::new).transpose()?,
            offline: first(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]).is_some_and(is_true),
            attempts: 5,
            pause: Duration::from_secs(2),
            max_bytes: MAX_BYTES,
        })
    }
}

/// The token in a file; `None` if it cannot be read, as most often it is not there.
fn in_file(path: &Path) -> Result<Option<String>, HubError> {
    match whole_file::read(path, MAX_TOKEN, |_| io::Error::from(io::ErrorKind::FileTooLarge)) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(HubError::TokenFile {
            path: path.to_owned(),
            limit: MAX_TOKEN,
        }),
        read => Ok(read.ok().and_then(|token| String::from_utf8(token).ok())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], home: Option<&str>) -> Result<Hub, HubError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Hub::from_variables(variable, home.map(Path::new))
    }

    #[test]
    fn the_environment_says_where_the_cache_is() {
        for (variables, expected) in [
            (&[][..], "/home/me/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (
                &[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "~/hf")],
                "/home/me/hf/hub",
            ),
            (&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")], "/c"),
            (&[("HF_HOME", "")], "/home/me/.cache/huggingface/hub"),
        ] {
            assert_eq!(
                of(variables, Some("/home/me")).unwrap().cache,
                Path::new(expected)
            );
        }
        assert!(matches!(of(&[], None), Err(HubError::NoHome)));
        assert_eq!(of(&[("HF_HOME", "/h")], None).unwrap().cache, Path::new("/h/hub"));
    }

    #[test]
    fn endpoint_offline_and_token_are_read() {
        let hub = of(&[("HF_HOME", "/h")], None).unwrap();
        assert_eq!((hub.endpoint.as_str(), hub.offline), (ENDPOINT, false));
        let variables = [
            ("HF_HOME", "/h"),
            ("HF_ENDPOINT", "http://x:1/"),
            ("HF_HUB_OFFLINE", "yes"),
        ];
        let hub = of(&variables, None).unwrap();
        assert_eq!((hub.endpoint.as_str(), hub.offline), ("http://x:1", true));
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let token = |variables: &[(&str, &str)]| {
            let hub = of(&[&[("HF_HOME", home)], variables].concat(), None).unwrap();
            hub.token.map(|token| token.0.to_str().unwrap().to_owned())
        };
        assert_eq!(token(&[]), None);
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(token(&[]).as_deref(), Some("Bearer hf_file"));
        assert_eq!(token(&[("HF_TOKEN", "hf_own")]).as_deref(), Some("Bearer hf_own"));
        std::fs::write(folder.path().join("token"), "x".repeat(MAX_TOKEN as usize + 1)).unwrap();
        let error = of(&[("HF_HOME", home)], None).unwrap_err().to_string();
        assert!(
            error.ends_with("token` of the Hub's token has more than 16384 bytes"),
            "{error}"
        );
        assert_eq!(token(&[("HF_TOKEN", "hf_own")]).as_deref(), Some("Bearer hf_own"));
        std::fs::write(folder.path().join("token"), "hf_file").unwrap();
        assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        let hub = of(&[("HF_HOME", home)], None).unwrap();
        assert!(!format!("{hub:?} {:?}", hub.token.as_ref().unwrap().0).contains("hf_file"));
        assert!(matches!(
            of(&[("HF_HOME", home), ("HF_TOKEN", "a\u{7f}b")], None),
            Err(HubError::Token)
        ));
    }
}
