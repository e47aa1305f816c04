//! Where an archive is, and which of its files to unpack.

use std::time::Duration;

/// A `.tar.gz` file on a server that holds one folder.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Address, `http` or `https`.
    pub url: String,
    /// MD5 checksum of the file, in hexadecimal.
    pub md5: String,
    /// Number of attempts in a row without progress after which a download fails.
    pub attempts: u32,
    /// Time between attempts.
    pub pause: Duration,
    /// The largest file that is downloaded, in bytes.
    pub max_bytes: u64,
    /// The folder in the archive.
    pub(crate) folder: &'static str,
    /// Files in the folder that must be present; they are unpacked.
    pub(crate) required: &'static [&'static str],
    /// Files in the folder that are unpacked if present.
    pub(crate) optional: &'static [&'static str],
}

impl Archive {
    /// STL-10's binary files, 2.6 GB, from the data set's own page. The unlabelled pictures, most of the archive, are not
    /// unpacked.
    pub fn stl10() -> Self {
        Self {
            url: "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz".to_owned(),
            md5: "91f7769df0f17e558f3565bffb0c7dfb".to_owned(),
            attempts: 5,
            pause: Duration::from_secs(3),
            max_bytes: 4 << 30,
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
