//! Names of files on the Hub: `hf:OWNER/NAME[@REVISION][:FILE]`.

use std::fmt;
use std::str::FromStr;

/// What begins every name.
const SCHEME: &str = "hf:";
/// The revision without another.
const MAIN: &str = "main";
/// The longest name of an owner, a repository, a revision or a file.
const MAX_BYTES: usize = 200;

/// A file on the Hub, or the repository in which it is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubName {
    repository: String,
    revision: Option<String>,
    file: Option<String>,
}

/// Text that is no [`HubName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` {problem}, expected `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION` or either with `:FILE` after it"
)]
pub struct HubNameError {
    text: String,
    problem: &'static str,
}

impl HubName {
    /// Whether text is meant as such a name: it begins with `hf:`.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The branch, tag or commit; `main` if none is named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(MAIN)
    }

    /// The file in the repository, if one is named.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Whether the revision is a full commit.
    pub fn is_pinned(&self) -> bool {
        is_commit(self.revision())
    }

    /// The same repository at a commit, and a file in it.
    pub(super) fn pinned(&self, commit: &str, file: &str) -> Self {
        Self {
            repository: self.repository.clone(),
            revision: Some(commit.to_owned()),
            file: Some(file.to_owned()),
        }
    }

    /// Another file of the same revision.
    pub(super) fn with_file(&self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self.clone()
        }
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repository)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        match &self.file {
            Some(file) => write!(f, ":{file}"),
            None => Ok(()),
        }
    }
}

impl FromStr for HubName {
    type Err = HubNameError;

    fn from_str(text: &str) -> Result<Self, HubNameError> {
        let error = |problem| HubNameError {
            text: text.to_owned(),
            problem,
        };
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(error("does not begin with `hf:`"))?;
        let (rest, file) = match rest.split_once(':') {
            Some((rest, file)) => (rest, Some(file)),
            None => (rest, None),
        };
        let (repository, revision) = match rest.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (rest, None),
        };
        let parts: Vec<_> = repository.split('/').collect();
        match parts[..] {
            [owner, name] if is_repository_part(owner) && is_repository_part(name) => {}
            [_, _] => {
                return Err(error(
                    "has an owner or a repository with characters that the Hub does not allow",
                ));
            }
            _ => return Err(error("names no owner and repository")),
        }
        if revision.is_some_and(|revision| !is_path(revision)) {
            return Err(error("has no revision after `@`"));
        }
        if file.is_some_and(|file| !is_path(file)) {
            return Err(error("has no path of a file after `:`"));
        }
        Ok(Self {
            repository: repository.to_owned(),
            revision: revision.map(str::to_owned),
            file: file.map(str::to_owned),
        })
    }
}

/// Whether text is a full commit: 40 hexadecimal digits in lower case.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An owner or a name as the Hub allows them. In the cache `--` stands between the two.
fn is_repository_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| !matches!(byte, b'-' | b'.'));
    let bytes = part.as_bytes();
    bytes.iter().all(|byte| allowed(*byte))
        && edge(bytes.first())
        && edge(bytes.last())
        && part.len() <= MAX_BYTES
        && !part.contains("--")
        && !part.contains("..")
}

/// Whether text can be a path below a folder on any system: no part leads elsewhere.
pub(super) fn is_path(text: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    let allowed = |c: char| !c.is_control() && !matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    text.len() <= MAX_BYTES && text.chars().all(allowed) && text.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_read() {
        for (text, repository, revision, file) in [
            (
                "hf:timm/mobilenetv1_100.ra4_e3600_r224_in1k",
                "timm/mobilenetv1_100.ra4_e3600_r224_in1k",
                "main",
                None,
            ),
            ("hf:a/b@v1.0", "a/b", "v1.0", None),
            ("hf:a/b@refs/pr/3:c/d.pth", "a/b", "refs/pr/3", Some("c/d.pth")),
            ("hf:a/b:model@2.onnx", "a/b", "main", Some("model@2.onnx")),
        ] {
            let name: HubName = text.parse().unwrap();
            assert_eq!(
                (name.repository(), name.revision(), name.file()),
                (repository, revision, file)
            );
            assert_eq!(name.to_string(), text);
        }
        let pinned: HubName = format!("hf:a/b@{}", "0a".repeat(20)).parse().unwrap();
        assert!(pinned.is_pinned());
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in [
            "a/b",
            "hf:",
            "hf:a",
            "hf:a/b/c",
            "hf:/b",
            "hf:a/",
            "hf:../b",
            "hf:a/..",
            "hf:a/b c",
            "hf:a/b--c",
            "hf:a/b@",
            "hf:a/b:",
            "hf:a/b@../x",
            "hf:a/b@x/",
            "hf:a/b:../x",
            "hf:a/b:/x",
            "hf:a/b:x//y",
            "hf:a/b:c:d",
            "hf:a/b:x\\y",
            "hf:a/b:./x",
            "hf:a/b@\u{1b}",
        ] {
            let error = text.parse::<HubName>().unwrap_err().to_string();
            assert!(error.contains("expected `hf:OWNER/NAME`"), "{error}");
        }
    }
}
