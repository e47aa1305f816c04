//! Files that a user names on the Hugging Face Hub: `hf:OWNER/NAME[@REVISION][:FILE]`.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use mbn_fetch::hub::{Fetched, Hub, HubError, HubName, HubProgress, Wanted, fetch};
use mbn_spec::text::listed;

use crate::progress::{self, InTurn};
use crate::{Hint, UsageError, interrupt};

/// A file that the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Where it is: as named, or in the Hub's cache.
    pub path: PathBuf,
    /// Its name on the Hub with the commit it was fetched at, if it comes from there.
    pub hub: Option<HubName>,
}

/// The file that a user named: a path as it is; of a name on the Hub the file in the cache, fetched if need be. Errors carry
/// advice.
///
/// # Errors
/// [`UsageError`] if a name that begins with `hf:` is none of the Hub's; the file cannot be fetched.
pub fn named_file(path: &Path, wanted: Wanted) -> Result<NamedFile> {
    let Some(text) = path.to_str().filter(|text| HubName::is_meant(text)) else {
        let path = path.to_owned();
        return Ok(NamedFile { path, hub: None });
    };
    let name: HubName = text
        .parse()
        .map_err(|error| Error::from(UsageError(format!("{error}"))))
        .hint(|| format!("a file of that name is `./{text}`"))?;
    let mut bars = InTurn::default();
    let fetched = Hub::from_env().and_then(|hub| fetch(&hub, &name, wanted, &mut |at| show(&mut bars, at)));
    bars.finish();
    let Fetched {
        path,
        name: pinned,
        downloaded,
        unreachable,
        unknown,
    } = match fetched {
        Ok(fetched) => fetched,
        Err(error) => {
            return match advice(&name, &error) {
                Some(advice) => Err(error).hint(|| advice),
                None => Err(error.into()),
            };
        }
    };
    if let Some(error) = unreachable {
        log::warn!("{:#}; taking what was fetched before", Error::from(error));
    }
    if !unknown.is_empty() {
        log::warn!("`{name}`: {}", of_unknown(&unknown));
    }
    let done = if downloaded { "fetched" } else { "in the cache" };
    log::info!("`{name}`: {done}, `{pinned}`");
    let hub = Some(pinned);
    Ok(NamedFile { path, hub })
}

/// What to say of files that were neither fetched nor are known to be missing.
fn of_unknown(files: &[String]) -> String {
    /// Files that are named before the others are counted.
    const NAMED: usize = 5;
    let names = listed(files.iter().map(|file| format!("`{file}`")), NAMED);
    format!(
        "the cache does not tell whether the repository has {names}; what they would say of the network, its input and its classes is \
         assumed; where the Hub can be reached and `HF_HUB_OFFLINE` is not set, the same command fetches them"
    )
}

fn advice(name: &HubName, error: &HubError) -> Option<String> {
    let repository = name.repository();
    let a_token = "set `HF_TOKEN` to a token of your account";
    Some(match error {
        HubError::NoHome => "set `HF_HOME` to a folder for the cache".to_owned(),
        HubError::Offline { .. } => {
            "leave `HF_HUB_OFFLINE` unset, or copy the cache of a machine that has the file".to_owned()
        }
        HubError::Connect { .. } if error.is_of_certificate() => {
            "nobody whom this system trusts has signed the server's certificate; where a company's proxy reads connections, \
             `SSL_CERT_FILE=FILE.pem` names its authority, unless the system's own list has it"
                .to_owned()
        }
        HubError::Connect { .. } => {
            "check the network, `HF_ENDPOINT`, and if there is a proxy `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; the proxy must allow \
             `CONNECT`"
                .to_owned()
        }
        HubError::Gated { with_token, .. } => {
            let accept = format!("ask for access on the repository's page, `{repository}`");
            match with_token {
                true => accept,
                false => format!("{accept}, and {a_token}"),
            }
        }
        HubError::NoRepository {
            with_token: false, ..
        } => {
            format!("check the name; if the repository is private, {a_token}")
        }
        HubError::NoRepository { .. } => "check the name, and whose token `HF_TOKEN` is".to_owned(),
        HubError::Token | HubError::TokenFile { .. } | HubError::Refused { .. } => {
            "check `HF_TOKEN`, or the file `token` in the folder `HF_HOME`".to_owned()
        }
        HubError::Disk { source, .. } if is_of_reader(source.kind()) => {
            "`HF_HUB_CACHE=DIR` takes a cache in a folder that can be written to".to_owned()
        }
        HubError::NoRevision(_) => format!("`hf:{repository}` takes its branch `main`"),
        HubError::NoFile { files, .. }
        | HubError::Ambiguous { files, .. }
        | HubError::Unnamed { files, .. } => {
            let file = files.first()?;
            let revision = match name.revision() {
                "main" => String::new(),
                revision => format!("@{revision}"),
            };
            format!("name one of them, such as `hf:{repository}{revision}:{file}`")
        }
        _ => return None,
    })
}

/// Whether others may have filled the cache, which this process can only read.
fn is_of_reader(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
}

/// Shows how far a file is, and tells whether the user wants it to go on.
fn show(bars: &mut InTurn<String>, at: HubProgress) -> ControlFlow<()> {
    // Small files take no time that anybody would watch.
    const WATCHED: u64 = 1 << 20;
    const TEMPLATE: &str = "fetching {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    if let (Some(file), Some(total)) = (at.file, at.total.filter(|total| *total >= WATCHED)) {
        let make = || progress::bar(total, TEMPLATE).with_message(file.to_owned());
        bars.bar(file.to_owned(), make).set_position(at.done);
    }
    interrupt::control_flow()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_left_alone_and_bad_names_refused() {
        for path in ["weights.safetensors", "./hf:a", "hf/a"] {
            let named = named_file(Path::new(path), Wanted::Weights).unwrap();
            assert_eq!((named.path.as_path(), named.hub), (Path::new(path), None));
        }
        let error = named_file(Path::new("hf:weights"), Wanted::Weights).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`hf:weights` names no owner and repository"),
            "{error}"
        );
    }

    #[test]
    fn advice_names_a_file_that_is_there() {
        let name: HubName = "hf:a/b@v1".parse().unwrap();
        let error = HubError::Ambiguous {
            name: name.clone(),
            files: vec!["x.onnx".to_owned(), "y.onnx".to_owned()],
        };
        assert!(advice(&name, &error).unwrap().contains("`hf:a/b@v1:x.onnx`"));
    }

    #[test]
    fn a_cache_that_cannot_be_written_to_is_advised_about() {
        let name: HubName = "hf:a/b".parse().unwrap();
        let of = |kind: ErrorKind| {
            let path = "/c/.locks/x.lock".into();
            let source = kind.into();
            advice(&name, &HubError::Disk { path, source })
        };
        for kind in [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied] {
            assert!(of(kind).unwrap().contains("`HF_HUB_CACHE=DIR`"));
        }
        assert_eq!(of(ErrorKind::NotADirectory), None);
    }

    #[test]
    fn files_that_nobody_asked_for_are_named() {
        let files = |count: usize| (0..count).map(|i| format!("f{i}.json")).collect::<Vec<_>>();
        let said = of_unknown(&files(2));
        assert!(said.contains("has `f0.json`, `f1.json`; what"), "{said}");
        let said = of_unknown(&files(9));
        assert!(
            said.contains("`f4.json`") && !said.contains("`f5.json`"),
            "{said}"
        );
    }
}
