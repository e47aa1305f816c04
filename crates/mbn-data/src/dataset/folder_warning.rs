//! What is unexpected about an image folder that can be used.

use std::fmt;
use std::path::PathBuf;

use mbn_spec::text::listed;

use crate::picture_files::name_of;

/// Most names in a message.
const LISTED: usize = 8;

/// What a user may not expect of an image folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderWarning {
    /// A folder has the name of test images, but no class folders.
    Unlabelled {
        /// The folder.
        path: PathBuf,
        /// What it has instead.
        found: String,
    },
    /// The folder is a part of a data set whose other part is not used.
    OnePart {
        /// The folder.
        path: PathBuf,
        /// The data set.
        whole: PathBuf,
        /// The other part.
        other: PathBuf,
    },
    /// Several classes have names that look the same.
    OneLook {
        /// The name.
        name: String,
        /// Its forms, with everything but ASCII escaped.
        forms: Vec<String>,
    },
}

impl fmt::Display for FolderWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlabelled { path, found } => write!(
                f,
                "`{}` is not tested on: it has no class folders; {found}",
                path.display()
            ),
            Self::OnePart { path, whole, other } => write!(
                f,
                "`{}` is one part of the data set `{}`, whose `{}` is not used; give `{}` to train and test on both parts",
                path.display(),
                whole.display(),
                name_of(other),
                whole.display()
            ),
            Self::OneLook { name, forms } => write!(
                f,
                "{} class folders look like `{name}` and differ in Unicode only: {}; each is a class; if they are one, put the \
                 images into one folder",
                forms.len(),
                listed(forms.iter().map(|name| format!("`{name}`")), LISTED)
            ),
        }
    }
}
