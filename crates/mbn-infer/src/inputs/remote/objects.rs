//! The pictures that URLs lead to.

mod parts;

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_cloud::{Cloud, CloudError, CloudErrorKind, Listed, Listing, Object, Place};
use mbn_data::{FIRST_BYTES, LeftOut, MAX_FILE_BYTES, is_picture_name};
use parts::Parts;

use super::super::container::{Container, Kind};
use super::super::{Found, Input, advice, describe};

/// The way to stores, made when the first URL needs it.
#[derive(Default)]
pub(in super::super) struct Remote(Option<Cloud>);

/// What a URL leads to, one after another.
pub(in super::super) struct Objects {
    cloud: Cloud,
    source: Source,
    column: Option<String>,
    left_out: LeftOut,
    url: PathBuf,
    /// No picture has been found, and no error.
    is_empty: bool,
}

enum Source {
    One(Option<Object>),
    Many(Listing),
    /// A problem with the URL itself.
    Failed(Option<CloudError>),
}

/// The content of a picture in a store, which is not fetched yet.
#[derive(Clone, Debug)]
pub struct Content {
    cloud: Cloud,
    object: Object,
}

/// The content of a picture on its way.
#[derive(Debug)]
pub struct Download(mbn_cloud::Download);

impl Remote {
    /// Nothing is wrong with a URL, as far as one can know.
    pub(in super::super) fn check(_path: &Path) -> Result<()> {
        Ok(())
    }

    fn cloud(&mut self) -> Result<&Cloud> {
        if self.0.is_none() {
            self.0 = Some(Cloud::new().context("cannot start a thread")?);
        }
        self.0.as_ref().context("the threads have not started")
    }

    /// What a URL leads to. The pictures of tables are in the column called `column`, if that is given.
    pub(in super::super) fn objects(&mut self, path: &Path, column: Option<&str>) -> Result<Objects> {
        let cloud = self.cloud()?.clone();
        let source = match path.to_str() {
            Some(url) => match cloud.open(url) {
                Ok(Place::Object(object)) => Source::One(Some(object)),
                Ok(Place::Listing(listing)) => Source::Many(listing),
                Err(error) => Source::Failed(Some(error)),
            },
            None => return Err(anyhow!("the URL `{}` is not in UTF-8", path.display())),
        };
        Ok(Objects {
            cloud,
            source,
            column: column.map(str::to_owned),
            left_out: LeftOut::default(),
            url: path.to_owned(),
            is_empty: true,
        })
    }

    /// The content of a list.
    pub(in super::super) fn list(&mut self, path: &Path) -> Result<Box<dyn Read + Send>> {
        let url = path.to_str().context("its URL is not in UTF-8")?;
        let cloud = self.cloud()?;
        match cloud.open(url).map_err(|error| error.kind)? {
            Place::Object(object) => Ok(Box::new(cloud.stream(&object))),
            Place::Listing(_) => Err(anyhow!("it is a folder or a pattern, expected one object")),
        }
    }
}

impl Objects {
    /// The next picture, or file with pictures.
    ///
    /// # Errors
    /// The store cannot be used.
    pub(in super::super) fn next(&mut self) -> Result<Option<Found>> {
        let found = match &mut self.source {
            Source::One(object) => object.take().map(|object| Ok((object, None))),
            Source::Failed(error) => error.take().map(Err),
            Source::Many(listing) => loop {
                match listing.next() {
                    None if self.is_empty => {
                        self.is_empty = false;
                        return Ok(Some(Found::Input(Box::new(self.without_pictures()))));
                    }
                    None => break None,
                    Some(Err(error)) if !self.is_empty || matches!(error.kind, CloudErrorKind::Name(_)) => {
                        return Err(incomplete(&error));
                    }
                    Some(Err(error)) => break Some(Err(error)),
                    Some(Ok(listed)) if is_wanted(&self.cloud, &listed, &mut self.left_out)? => {
                        break Some(Ok((listed.object, Some(listed.is_matched))));
                    }
                    Some(Ok(_)) => {}
                }
            },
        };
        let Some(found) = found else {
            return Ok(None);
        };
        self.is_empty = false;
        let opened = found.and_then(|(object, is_matched)| self.found(object, is_matched));
        opened
            .map(Some)
            .or_else(|error| Ok(Some(Found::Input(Box::new(failed(error)?)))))
    }

    /// An object as an input, or opened if it is taken for a file with pictures: a folder that is listed leaves those out.
    fn found(&self, object: Object, is_matched: Option<bool>) -> Result<Found, CloudError> {
        let path = PathBuf::from(object.url());
        let kind = Kind::of(Path::new(object.name())).filter(|_| is_matched != Some(false));
        let Some(kind) = kind else {
            return Ok(Found::Input(Box::new(Input {
                content: Some(Content {
                    cloud: self.cloud.clone(),
                    object,
                }),
                ..Input::file(path)
            })));
        };
        let column = self.column.as_deref();
        let (opened, trouble) = if kind == Kind::Parquet {
            let ranges = self.cloud.ranges(&object)?;
            let trouble = ranges.trouble();
            (Container::parquet(Parts(ranges.into()), &path, column), trouble)
        } else {
            let stream = self.cloud.stream(&object);
            let trouble = stream.trouble();
            let stream: Box<dyn Read + Send> = Box::new(stream);
            let opened = match kind {
                Kind::Arrow => Container::arrow(stream, &path, column),
                _ => Ok(Container::tar(stream, &path, false)),
            };
            (opened, trouble)
        };
        if let Some(error) = trouble.take() {
            return Err(error);
        }
        Ok(match opened {
            Ok(container) => Found::Container(container.with_check(move || match trouble.take() {
                Some(error) => Err(of_store(&error)),
                None => Ok(()),
            })),
            Err(error) => Found::Input(Box::new(Input {
                problem: Some(format!("{error:#}")),
                ..Input::file(path)
            })),
        })
    }

    fn without_pictures(&self) -> Input {
        let why = mbn_data::CollectErrorKind::NoImages(self.left_out.clone());
        Input {
            problem: Some(describe(&why) + &advice::for_folder(&self.url, &self.left_out)),
            ..Input::file(self.url.clone())
        }
    }

    /// What folders and patterns held besides.
    pub(in super::super) fn into_left_out(self) -> LeftOut {
        self.left_out
    }
}

/// Whether an object that was listed is a picture, or a file with pictures that a pattern names.
fn is_wanted(cloud: &Cloud, listed: &Listed, left_out: &mut LeftOut) -> Result<bool> {
    let name = Path::new(&listed.name);
    if listed.is_matched && Kind::of(name).is_some() {
        return Ok(true);
    }
    // Stores keep such objects for empty folders.
    if listed.size == 0 && name.extension().is_none() {
        return Ok(false);
    }
    let mut failure = None;
    let first_bytes = || {
        if listed.size == 0 {
            return Vec::new();
        }
        let bytes = cloud.first_bytes(&listed.object, FIRST_BYTES.min(listed.size));
        bytes.unwrap_or_else(|error| {
            failure = Some(error);
            Vec::new()
        })
    };
    let is_picture = is_picture_name(name, first_bytes, left_out);
    match failure {
        Some(error) if error.is_of_store() => Err(of_store(&error)),
        // As a file that cannot be read, it may be anything.
        _ => Ok(is_picture),
    }
}

/// An object that cannot be used.
///
/// # Errors
/// Others cannot be used either.
fn failed(error: CloudError) -> Result<Input> {
    match error.is_of_store() {
        true => Err(of_store(&error)),
        false => Ok(Input {
            problem: Some(error.kind.to_string()),
            ..Input::file(PathBuf::from(&*error.url))
        }),
    }
}

/// The error that ends the run where a store lists some objects and not the others, which then would be lost.
fn incomplete(error: &CloudError) -> anyhow::Error {
    if error.is_of_store() {
        return of_store(error);
    }
    let failed = Err::<(), _>(anyhow!("cannot list all of `{}`: {}", error.url, error.kind));
    let hinted =
        failed.hint(|| "name the objects in a list instead (`--list`), or rename this one".to_owned());
    hinted.err().unwrap_or_else(|| anyhow!(error.clone()))
}

/// The error that ends the run.
fn of_store(error: &CloudError) -> anyhow::Error {
    let failed = Err::<(), _>(anyhow!("cannot read `{}`: {}", error.url, error.kind));
    let hinted = failed.hint(|| "with `--resume`, the same command continues an output from here".to_owned());
    hinted.err().unwrap_or_else(|| anyhow!(error.clone()))
}

impl Content {
    /// Begins to fetch it. `wake` is called when there is something new about it.
    pub fn start(self, wake: impl Fn() + Send + Sync + 'static) -> Download {
        Download(self.cloud.fetch(&self.object, MAX_FILE_BYTES, wake))
    }
}

/// Two of one URL are the same.
impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.object.url() == other.object.url()
    }
}

impl Eq for Content {}

impl Download {
    /// Whether it has come, or cannot come.
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Whether it waits for others to be taken.
    pub fn is_held_back(&self) -> bool {
        self.0.is_held_back()
    }

    /// What has come, or why this input cannot be used.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn take(self) -> Result<Result<Vec<u8>, String>> {
        match self.0.take() {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(error) if error.is_of_store() => Err(of_store(&error)),
            Err(error) => Ok(Err(error.kind.to_string())),
        }
    }
}
