//! Pictures that a data set holds twice where it matters: to train and to test on, or in two classes. They are links, or copies
//! with the same bytes.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use mbn_data::Splits;
use mbn_files::{FileId, content_hash};
use mbn_spec::text::{counted, listed};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Pairs that a warning shows before it counts the others.
const SHOWN: usize = 3;
/// Bytes at the end of a file that are compared first. Those of compressed pictures hardly ever agree.
const END: u64 = 4096;

/// What tells most files apart without reading them as a whole.
#[derive(Debug)]
pub(super) struct Print {
    bytes: u64,
    /// Hash of the last bytes.
    end: u64,
    /// The file itself, whatever its names.
    identity: Option<FileId>,
}

impl Print {
    /// `None` for a file that cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        let bytes = metadata.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(END))).ok()?;
        let mut end = Vec::new();
        file.take(END).read_to_end(&mut end).ok()?;
        let mut hash = DefaultHasher::new();
        end.hash(&mut hash);
        Some(Self {
            bytes,
            end: hash.finish(),
            identity: FileId::existing(path, &metadata),
        })
    }
}

/// An image of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Image {
    is_test: bool,
    index: usize,
    label: u32,
}

impl Image {
    fn path(self, data: &Splits) -> &Path {
        let part = if self.is_test { &data.test } else { &data.train };
        part.path(self.index)
    }
}

/// The prints of the images of both parts, by their indices.
#[derive(Debug, Default)]
pub(crate) struct Prints {
    pub(super) train: Vec<(usize, Print)>,
    pub(super) test: Vec<(usize, Print)>,
}

/// Images that are one picture.
type Pair = (Image, Image);

impl Prints {
    /// Whether a path leads to a file of the data set.
    pub fn is_image(&self, path: &Path, data: &Splits) -> bool {
        let Some(file) = FileId::of_existing(path) else {
            return false;
        };
        if data.class_folders.is_empty() {
            // Each part is in one file.
            let files = [&data.train, &data.test].map(|part| FileId::of_existing(part.path(0)));
            return files.contains(&Some(file));
        }
        let mut prints = self.train.iter().chain(&self.test);
        prints.any(|(_, print)| print.identity.as_ref() == Some(&file))
    }

    /// Warns about test images that are training images too, and about pictures with several labels.
    pub fn warn_of_copies(&self, data: &Splits) {
        let same = self.same_pictures(data);
        let known = known_test_images(&same);
        if !known.is_empty() {
            let are = match known.len() {
                1 => "is a training image",
                _ => "are training images",
            };
            log::warn!(
                "{} of {} {are} too: {}; the test accuracy will say too much\nhint: remove them from one of the parts",
                known.len(),
                counted(data.test.len(), "test image"),
                pairs(&known, data)
            );
        }
        let labels = several_labels(&same);
        if !labels.is_empty() {
            let (pictures, have) = match labels.len() {
                1 => ("picture", "lies in several class folders and has"),
                _ => ("pictures", "lie in several class folders and have"),
            };
            log::warn!(
                "{} {pictures} {have} several labels: {}\nhint: leave each in the folder of one class",
                labels.len(),
                pairs(&labels, data)
            );
        }
    }

    /// Groups of images with the same bytes, if they are of both parts or of several classes.
    fn same_pictures(&self, data: &Splits) -> Vec<Vec<Image>> {
        let mut alike: HashMap<(u64, u64), Vec<(Image, &Print)>> = HashMap::new();
        for (is_test, part, prints) in [(false, &data.train, &self.train), (true, &data.test, &self.test)] {
            for (index, print) in prints {
                let image = Image {
                    is_test,
                    index: *index,
                    label: part.label(*index),
                };
                alike
                    .entry((print.bytes, print.end))
                    .or_default()
                    .push((image, print));
            }
        }
        let alike: Vec<_> = alike
            .into_values()
            .filter(|group| matters(group.iter().map(|(image, _)| *image)))
            .collect();
        let same = alike
            .into_par_iter()
            .flat_map_iter(|group| by_content(&group, data));
        let mut same: Vec<_> = same.filter(|group| matters(group.iter().copied())).collect();
        same.sort();
        same
    }
}

/// Whether images that are one picture are of both parts or of several classes.
fn matters(images: impl Iterator<Item = Image> + Clone) -> bool {
    let first = images.clone().next();
    let differs = |image: Image| {
        first.is_some_and(|first| (image.is_test, image.label) != (first.is_test, first.label))
    };
    let mut images = images;
    images.any(differs)
}

/// Divides images whose files are of one size and end by their whole content. Reads each file once, and none that are one file.
fn by_content(group: &[(Image, &Print)], data: &Splits) -> Vec<Vec<Image>> {
    let mut of_file: HashMap<&FileId, Vec<Image>> = HashMap::new();
    let mut others = Vec::new();
    for (image, print) in group {
        match &print.identity {
            Some(identity) => of_file.entry(identity).or_default().push(*image),
            None => others.push(vec![*image]),
        }
    }
    let files: Vec<_> = of_file.into_values().chain(others).collect();
    if files.len() == 1 {
        // Links to one file.
        return files;
    }
    let mut of_content: HashMap<[u8; 32], Vec<Image>> = HashMap::new();
    for images in files {
        let content = images
            .first()
            .and_then(|image| content_hash(image.path(data)).ok());
        if let Some(content) = content {
            of_content.entry(content).or_default().extend(images);
        }
    }
    let mut groups: Vec<_> = of_content.into_values().collect();
    groups.iter_mut().for_each(|images| images.sort());
    groups
}

/// Each test image that is a training image, with the first such image.
fn known_test_images(same: &[Vec<Image>]) -> Vec<Pair> {
    let of_group = |images: &Vec<Image>| {
        let train = images.iter().copied().find(|image| !image.is_test);
        let tests: Vec<_> = images.iter().copied().filter(|image| image.is_test).collect();
        tests.into_iter().filter_map(move |test| Some((test, train?)))
    };
    let mut pairs: Vec<Pair> = same.iter().flat_map(of_group).collect();
    pairs.sort();
    pairs
}

/// A pair of images of different classes for each picture that has several.
fn several_labels(same: &[Vec<Image>]) -> Vec<Pair> {
    let of_group = |images: &Vec<Image>| {
        let first = *images.first()?;
        let other = images.iter().find(|image| image.label != first.label)?;
        Some((first, *other))
    };
    same.iter().filter_map(of_group).collect()
}

/// The first pairs, for a message.
fn pairs(pairs: &[Pair], data: &Splits) -> String {
    let pair = |(one, other): &Pair| {
        let (one, other) = (one.path(data), other.path(data));
        format!("`{}` is `{}`", one.display(), other.display())
    };
    listed(pairs.iter().map(pair), SHOWN)
}

#[cfg(test)]
mod tests;
