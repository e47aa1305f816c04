//! Takes test images from a data set that has none of its own.

use std::path::{Component, Path};

use sha2::{Digest, Sha256};

/// Which images are held out of training for testing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Share of the images of each class, above 0 and below 1.
    pub fraction: f64,
    /// Another seed holds out other images.
    pub seed: u64,
}

/// What to do about a data set without test images of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum HoldOut {
    /// It is an error.
    #[default]
    Never,
    /// This share of its training images becomes test images.
    IfMissing(Share),
    /// As [`HoldOut::IfMissing`]; it is an error if the data set does have test images.
    Always(Share),
}

impl HoldOut {
    /// The share, if images may be held out.
    pub(super) fn share(self) -> Option<Share> {
        match self {
            Self::Never => None,
            Self::IfMissing(share) | Self::Always(share) => Some(share),
        }
    }
}

impl Share {
    /// Which images of one class are held out, given their paths below the folder of class folders.
    ///
    /// Those with the smallest SHA-256 of the seed (in decimal), a zero byte and the path (with `/` between names), so
    /// that the choice depends on nothing else, and a new image changes the side of one other at most. At least one
    /// image stays on either side; a single image is for training.
    pub(super) fn of(&self, paths: &[&Path]) -> Vec<bool> {
        let n = paths.len();
        let count = (self.fraction * n as f64).round() as usize;
        let count = count.max(1).min(n.saturating_sub(1));
        let mut ranked: Vec<_> = paths.iter().map(|path| self.hash(path)).zip(0..n).collect();
        ranked.sort_unstable();
        let mut held_out = vec![false; n];
        for (_, index) in &ranked[..count] {
            held_out[*index] = true;
        }
        held_out
    }

    fn hash(&self, path: &Path) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_string());
        hash.update([0]);
        update_with_path(&mut hash, path);
        hash.finalize().into()
    }
}

/// Adds the names of a path with `/` between them, whatever the system's separator.
pub(super) fn update_with_path(hash: &mut Sha256, path: &Path) {
    let names = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)));
    for (i, name) in names.enumerate() {
        if i > 0 {
            hash.update(b"/");
        }
        hash.update(name.as_os_str().as_encoded_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const SHARE: Share = Share {
        fraction: 0.2,
        seed: 7,
    };

    fn paths(n: usize) -> Vec<PathBuf> {
        (0..n).map(|i| PathBuf::from(format!("cat/{i}.jpg"))).collect()
    }

    fn held_out(share: Share, paths: &[PathBuf]) -> Vec<PathBuf> {
        let refs: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let chosen = share.of(&refs);
        paths
            .iter()
            .zip(chosen)
            .filter(|(_, chosen)| *chosen)
            .map(|(path, _)| path.clone())
            .collect()
    }

    #[test]
    fn each_side_keeps_an_image() {
        for (n, fraction, expected) in [
            (0, 0.2, 0),
            (1, 0.9, 0),
            (2, 0.01, 1),
            (2, 0.99, 1),
            (7, 0.2, 1),
            (8, 0.2, 2),
            (10, 0.5, 5),
            (10, 0.999, 9),
        ] {
            let share = Share { fraction, seed: 0 };
            assert_eq!(held_out(share, &paths(n)).len(), expected, "{n} {fraction}");
        }
    }

    /// hashlib.sha256(b"7\0cat/0.jpg").hexdigest()[:8]
    #[test]
    fn the_hash_is_the_documented_one() {
        let expected: [u8; 4] = [0x1d, 0x55, 0x12, 0x57];
        assert_eq!(SHARE.hash(Path::new("cat/0.jpg"))[..4], expected);
    }

    #[test]
    fn the_choice_depends_on_seed_and_names_alone() {
        let all = paths(50);
        let mut reversed = all.clone();
        reversed.reverse();
        let mut found = held_out(SHARE, &reversed);
        found.reverse();
        assert_eq!(found, held_out(SHARE, &all));
        let other = Share { seed: 8, ..SHARE };
        assert_ne!(held_out(other, &all), held_out(SHARE, &all));
    }

    /// Of 50 images 10 are held out, of 51 again 10: one image changes its side at most.
    #[test]
    fn a_new_image_moves_one_other_at_most() {
        let all = paths(50);
        let before = held_out(SHARE, &all);
        for i in 0..40 {
            let mut more = all.clone();
            more.push(PathBuf::from(format!("cat/new{i}.jpg")));
            let after = held_out(SHARE, &more);
            let moved = before.iter().filter(|path| !after.contains(path)).count();
            assert!(moved <= 1, "{moved} images moved");
        }
    }
}
