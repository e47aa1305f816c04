//! Which coefficients the scans of a file hold.

/// The lowest bit that has arrived of each coefficient of each component; `None` before the first.
#[derive(Debug)]
pub(super) struct Progress {
    lowest_bits: Vec<[Option<u8>; 64]>,
}

impl Progress {
    pub(super) fn new(components: usize) -> Self {
        Self {
            lowest_bits: vec![[None; 64]; components],
        }
    }

    /// Adds a scan of a band, first to last, down to bit `low`.
    pub(super) fn add(&mut self, components: &[usize], [first, last]: [u8; 2], low: u8) {
        for &index in components {
            let bits = self.lowest_bits[index].iter_mut();
            let band = bits.take(usize::from(last) + 1).skip(usize::from(first));
            band.for_each(|bit| *bit = Some(low));
        }
    }

    /// Whether every component has its means, so that there is a picture.
    pub(super) fn has_every_component(&self) -> bool {
        self.lowest_bits.iter().all(|bits| bits[0].is_some())
    }

    /// Whether every bit of every coefficient has arrived, so that no scan can be missing.
    pub(super) fn is_complete(&self) -> bool {
        self.lowest_bits.iter().flatten().all(|bit| *bit == Some(0))
    }
}
