//! `--libheif`: HEIC and AVIF images, for the programs that read images.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;

use crate::Hint;

/// Stands for the library that the system has.
const SYSTEM: &str = "system";

/// The option of the programs that read images. Each program sets the help heading.
#[derive(Clone, Debug, Default, Args)]
pub struct LibheifArgs {
    /// Read HEIC and AVIF images with libheif: `system` is the one that is installed, else its file [default: leave such images out]
    #[arg(long, value_name = "system|FILE")]
    pub libheif: Option<PathBuf>,
}

impl LibheifArgs {
    /// Has `load` load the library, given its file or `None` for the system's, if the user asked for it, and logs its version.
    ///
    /// # Errors
    /// That of `load`, with advice.
    pub fn load<E: Display>(
        &self,
        load: impl FnOnce(Option<&Path>) -> Result<&'static str, E>,
    ) -> Result<Option<&'static str>> {
        let Some(named) = self.libheif.as_deref() else {
            return Ok(None);
        };
        let file = (named != Path::new(SYSTEM)).then_some(named);
        match load(file) {
            Ok(version) => {
                log::info!("HEIC and AVIF: libheif {version}");
                Ok(Some(version))
            }
            Err(error) => Err(anyhow!("`--libheif {}`: {error}", named.display())).hint(|| {
                "Debian's and Ubuntu's package is `libheif1`, Homebrew's and Fedora's `libheif`; `pip install pillow-heif` brings a \
                 library too, in the folder `pillow_heif.libs`"
                    .to_owned()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_loaded() {
        let args = |libheif: Option<&str>| LibheifArgs {
            libheif: libheif.map(PathBuf::from),
        };
        let none = args(None).load(|_| Err("loaded")).unwrap();
        assert_eq!(none, None);
        let of_system = args(Some("system")).load(|file| match file {
            None => Ok("1.2.3"),
            Some(_) => Err("a file"),
        });
        assert_eq!(of_system.unwrap(), Some("1.2.3"));
        let error = args(Some("a/libheif.so")).load(|file| match file {
            Some(file) if file == Path::new("a/libheif.so") => Err("it is broken"),
            _ => Ok("another"),
        });
        let message = crate::message(&error.unwrap_err());
        assert!(
            message.contains("`--libheif a/libheif.so`: it is broken"),
            "{message}"
        );
        assert!(message.contains("`libheif1`"), "{message}");
    }
}
