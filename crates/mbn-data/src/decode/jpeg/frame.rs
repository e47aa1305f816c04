//! The frame header of a JPEG file (ITU-T T.81, B.2.2).

/// The frame header.
#[derive(Debug)]
pub(super) struct Frame {
    pub process: Process,
    pub is_arithmetic: bool,
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
}

/// How coefficients are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Baseline,
    Extended,
    Progressive,
}

/// A component of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors, 1 to 4.
    pub h: u8,
    pub v: u8,
}

impl Frame {
    /// The largest sampling factors.
    pub(super) fn most(&self) -> (u8, u8) {
        let most = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max().unwrap_or(1);
        (most(|component| component.h), most(|component| component.v))
    }

    /// Blocks of 8 x 8 coefficients in a component, those included that fill up the last units of an interleaved scan.
    pub(super) fn blocks(&self, component: Component) -> u64 {
        let (most_h, most_v) = self.most();
        let along = |length: u16, factor: u8, most: u8| {
            u64::from(length).div_ceil(8 * u64::from(most)) * u64::from(factor)
        };
        along(self.width, component.h, most_h) * along(self.height, component.v, most_v)
    }

    /// Blocks that a component has in a scan of its own, which ends with its last pixels.
    pub(super) fn own_blocks(&self, component: Component) -> u64 {
        let (most_h, most_v) = self.most();
        let along = |length: u16, factor: u8, most: u8| {
            (u64::from(length) * u64::from(factor)).div_ceil(8 * u64::from(most))
        };
        along(self.width, component.h, most_h) * along(self.height, component.v, most_v)
    }

    /// Fewest bits that a scan takes for each block, where its band begins with coefficient `first`.
    pub(super) fn fewest_bits(&self, first: u8) -> u64 {
        match self.process {
            // A decision that is always the same takes next to nothing.
            _ if self.is_arithmetic => 0,
            // One code for the mean, and one that says that the rest is zero.
            Process::Baseline | Process::Extended => 2,
            Process::Progressive if first == 0 => 1,
            // One code ends up to 32,767 blocks.
            Process::Progressive => 0,
        }
    }
}
