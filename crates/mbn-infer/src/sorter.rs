//! Copies of pictures, or links to them, in a folder for each class.

mod names;
mod namesakes;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::Hint;

use names::folder_names;
use namesakes::Namesakes;

/// A picture gets a number if its name is taken; with more namesakes than this something is wrong.
const MOST_NAMESAKES: usize = 1_000_000;

/// What to do about pictures that are no files of their own.
pub const UNPACK: &str = "unpack the archive, or copy the objects to a folder, or leave `--sort-into` out";

/// Puts pictures into class folders.
#[derive(Debug)]
pub struct Sorter {
    /// The folder of each class.
    folders: Vec<PathBuf>,
    links: bool,
    /// Pictures that were put into a folder, and those that lay there before.
    sorted: usize,
    there: usize,
    /// Pictures that could not be put anywhere.
    failed: usize,
    /// It has been said what to do about those that are no files of their own.
    has_hinted: bool,
    /// Of each class and name that several pictures have, what lies in the folder.
    namesakes: HashMap<(usize, PathBuf), Namesakes>,
}

/// Whether a name is free, or belongs to the same picture already.
enum Place {
    Free,
    Same,
    Taken,
}

/// What became of a picture at a place.
enum Put {
    /// It was put there.
    Now,
    /// It lay there already.
    Before,
    /// Something else is there.
    Nowhere,
}

impl Sorter {
    /// Sorts into folders of these classes below `folder`, by symbolic `links` or by copies. Makes `folder` if it is missing; class
    /// folders are made when they are needed.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: &Path, class_names: &[String], links: bool) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let names = folder_names(class_names).into_iter();
        Ok(Self {
            folders: names.map(|name| folder.join(name)).collect(),
            links,
            sorted: 0,
            there: 0,
            failed: 0,
            has_hinted: false,
            namesakes: HashMap::new(),
        })
    }

    /// Puts a picture into the folder of its class. Other pictures of that name stay: this one gets a number, `a-2.png`. If it lies
    /// there already, nothing changes, so that a run can be repeated. One that is gone, whose name gets too
    /// long, or that is not a file of its own, but `content`, is counted.
    ///
    /// # Errors
    /// The picture cannot be copied.
    pub fn add(&mut self, picture: &Path, content: Option<&[u8]>, class: usize) -> Result<()> {
        if content.is_some() {
            self.failed += 1;
            // One hint is enough for all pictures of an archive.
            let hint = match std::mem::replace(&mut self.has_hinted, true) {
                true => String::new(),
                false => format!("\nhint: {UNPACK}"),
            };
            log::warn!(
                "cannot sort `{}`: it is not a file of its own{hint}",
                picture.display()
            );
            return Ok(());
        }
        let Some(folder) = self.folders.get(class) else {
            bail!("class {class} has no folder")
        };
        let folder = folder.clone();
        let what = || format!("cannot sort `{}` into `{}`", picture.display(), folder.display());
        match self.put_numbered(picture, class, &folder) {
            Ok(true) => self.sorted += 1,
            Ok(false) => self.there += 1,
            Err(error) if is_of_picture(&error, picture) => {
                self.failed += 1;
                log::warn!("{}: {error:#}", what());
            }
            Err(error) => return Err(error.context(what())),
        }
        Ok(())
    }

    /// Pictures that could not be put anywhere.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// Puts a picture into a folder unless it lies there already. Says whether it did.
    fn put_numbered(&mut self, picture: &Path, class: usize, folder: &Path) -> Result<bool> {
        fs::create_dir_all(folder).or_else(|error| in_the_way(folder, error))?;
        let source = fs::canonicalize(picture)?;
        let target = |number| folder.join(numbered(picture, number));
        // Most names are taken once: only of those that are not, something is kept.
        match self.try_put(&source, &target(1))? {
            Put::Now => return Ok(true),
            Put::Before => return Ok(false),
            Put::Nowhere => {}
        }
        let key = (class, numbered(picture, 1));
        let mut namesakes = self.namesakes.remove(&key).unwrap_or_default();
        let put = self.put_among(&mut namesakes, &source, target);
        self.namesakes.insert(key, namesakes);
        put
    }

    /// Puts a picture beside others of its name.
    fn put_among(
        &self,
        namesakes: &mut Namesakes,
        source: &Path,
        target: impl Fn(usize) -> PathBuf,
    ) -> Result<bool> {
        let known = match self.links {
            true => namesakes.link_to(source),
            false => namesakes.copy_of(source)?,
        };
        if let Some(number) = known
            && matches!(self.place(source, &target(number))?, Place::Same)
        {
            return Ok(false);
        }
        while namesakes.next <= MOST_NAMESAKES {
            let target = target(namesakes.next);
            let put = self.try_put(source, &target)?;
            namesakes.note(target)?;
            match put {
                Put::Now => return Ok(true),
                Put::Before => return Ok(false),
                Put::Nowhere => {}
            }
        }
        bail!("{MOST_NAMESAKES} pictures have its name")
    }

    /// Puts a picture at `target` if nothing else is there.
    fn try_put(&self, source: &Path, target: &Path) -> Result<Put> {
        loop {
            match self.place(source, target)? {
                Place::Same => return Ok(Put::Before),
                Place::Taken => return Ok(Put::Nowhere),
                Place::Free => match self.put(source, target) {
                    // Somebody else was faster: look again.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    other => return other.map(|()| Put::Now).map_err(Into::into),
                },
            }
        }
    }

    /// What was done, for a person to read.
    pub fn describe(&self) -> String {
        let how = if self.links { "linked" } else { "copied" };
        let there = match self.there {
            0 => String::new(),
            n => format!("; {n} lay there already"),
        };
        let failed = match self.failed {
            0 => String::new(),
            n => format!("; {n} could not be"),
        };
        format!(
            "{} {how} into class folders{failed}{there}",
            mbn_spec::text::counted(self.sorted, "picture")
        )
    }

    fn place(&self, source: &Path, target: &Path) -> io::Result<Place> {
        let found = match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Place::Free),
            found => found?,
        };
        let same = match (self.links, found.is_symlink()) {
            (true, true) => fs::read_link(target)? == source,
            (false, false) => found.is_file() && same_content(source, target)?,
            _ => false,
        };
        Ok(if same { Place::Same } else { Place::Taken })
    }

    /// Makes the link or the copy. A copy gets its name when it is whole.
    fn put(&self, source: &Path, target: &Path) -> io::Result<()> {
        match self.links {
            true => link(source, target),
            false => mbn_files::atomic::copy_new(source, target),
        }
    }
}

/// Says what keeps a class's folder from being made, where the system only says that something is there.
fn in_the_way(folder: &Path, error: io::Error) -> Result<()> {
    let is_other = error.kind() == io::ErrorKind::AlreadyExists && folder.symlink_metadata().is_ok();
    match is_other && !folder.is_dir() {
        true => {
            let what = match folder.is_symlink() {
                true => "a link that leads to no folder",
                false => "a file",
            };
            Err(anyhow!(
                "there is {what} where the folder of the class is expected"
            ))
            .hint(|| "rename or remove it, or name another folder".to_owned())
        }
        false => Err(error.into()),
    }
}

/// Whether others can be sorted all the same: the picture is gone since it was classified, or its name is too long with a number.
fn is_of_picture(error: &anyhow::Error, picture: &Path) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::NotFound) => !picture.exists(),
        Some(io::ErrorKind::InvalidFilename) => true,
        _ => false,
    }
}

#[cfg(unix)]
fn link(source: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(source, target)
}

#[cfg(windows)]
fn link(source: &Path, target: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(source, target)
}

/// The picture's own name, from the second on with a number before the extension.
fn numbered(picture: &Path, number: usize) -> PathBuf {
    let name = picture.file_name().unwrap_or(picture.as_os_str());
    if number == 1 {
        return name.into();
    }
    let name = Path::new(name);
    let mut numbered = name.file_stem().unwrap_or_default().to_owned();
    numbered.push(format!("-{number}"));
    if let Some(extension) = name.extension() {
        numbered.push(".");
        numbered.push(extension);
    }
    numbered.into()
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let mut left = a.metadata()?.len();
    if left != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut from_a, mut from_b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    while left > 0 {
        let n = left.min(1 << 16) as usize;
        a.read_exact(&mut from_a[..n])?;
        b.read_exact(&mut from_b[..n])?;
        if from_a[..n] != from_b[..n] {
            return Ok(false);
        }
        left -= n as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
