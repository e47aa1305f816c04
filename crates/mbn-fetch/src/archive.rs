//! Where an archive is, and what is wanted of it.

use std::time::Duration;

/// A `.tar.gz` file on a server that holds one folder.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Address, `http` or `https`.
    pub url: String,
    /// MD5 sum of the file, in lower-case hexadecimal.
    pub md5: String,
    /// Attempts without a byte more after which a broken download is given up.
    pub attempts: u32,
    /// Time between attempts.
    pub pause: Duration,
    /// The folder that it holds.
    pub(crate) folder: &'static str,
    /// Files in the folder that must be there and are unpacked.
    pub(crate) required: &'static [&'static str],
    /// Files in the folder that are unpacked if they are there.
    pub(crate) optional: &'static [&'static str],
}

impl Archive {
    /// STL-10's binary files, from the data set's own page: 2.6 GB. The unlabelled pictures, most of it, are not
    /// unpacked.
    pub fn stl10() -> Self {
        Self {
            url: "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz".to_owned(),
            md5: "91f7769df0f17e558f3565bffb0c7dfb".to_owned(),
            attempts: 5,
            pause: Duration::from_secs(3),
            folder: "stl10_binary",
            required: &[
                "train_X.bin",
                "train_y.bin",
                "test_X.bin",
                "test_y.bin",
                "class_names.txt",
            ],
            optional: &["fold_indices.txt"],
        }
    }

    /// The name under which a file of the folder is unpacked.
    pub(crate) fn member(&self, name: &str) -> Option<&'static str> {
        let mut members = self.required.iter().chain(self.optional);
        members.find(|member| **member == name).copied()
    }
}
