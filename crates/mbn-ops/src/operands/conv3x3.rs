//! Shape arithmetic of the 3x3 convolutions.

use candle_core::{Result, bail};

/// Stride and zero padding of a 3x3 convolution, the same for rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv3x3 {
    /// 1 or 2.
    pub stride: usize,
    /// Rows above and columns to the left: 0 or 1.
    pub pad_begin: usize,
    /// Rows below and columns to the right: 0 or 1.
    pub pad_end: usize,
}

impl Conv3x3 {
    /// One row and column of padding on each side.
    pub fn symmetric(stride: usize) -> Self {
        Self {
            stride,
            pad_begin: 1,
            pad_end: 1,
        }
    }

    /// Height (or width) of the output.
    ///
    /// # Errors
    /// If the padded input is smaller than the kernel, or stride or padding are not as documented.
    pub fn out_size(&self, size: usize) -> Result<usize> {
        let padded = size + self.pad_begin + self.pad_end;
        if padded < 3 || !(1..=2).contains(&self.stride) || self.pad_begin > 1 || self.pad_end > 1 {
            bail!("a 3x3 convolution {self:?} does not fit an input of size {size}");
        }
        Ok((padded - 3) / self.stride + 1)
    }

    /// Input index of tap `k` (0 to 2) for output index `out`, if it is not in the padding.
    pub(crate) fn input(&self, out: usize, k: usize, size: usize) -> Option<usize> {
        (out * self.stride + k)
            .checked_sub(self.pad_begin)
            .filter(|index| *index < size)
    }

    /// Output index to which tap `k` of input index `index` contributes, if any.
    pub(crate) fn output(&self, index: usize, k: usize, out_size: usize) -> Option<usize> {
        let position = (index + self.pad_begin).checked_sub(k)?;
        let out = position / self.stride;
        (position % self.stride == 0 && out < out_size).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_and_output_are_inverse() {
        for (stride, pad_begin, pad_end) in [(1, 1, 1), (2, 1, 1), (2, 0, 1), (1, 0, 0)] {
            let conv = Conv3x3 {
                stride,
                pad_begin,
                pad_end,
            };
            for size in 3..9 {
                let out_size = conv.out_size(size).unwrap();
                for (out, k) in (0..out_size).flat_map(|out| (0..3).map(move |k| (out, k))) {
                    if let Some(index) = conv.input(out, k, size) {
                        assert_eq!(conv.output(index, k, out_size), Some(out));
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(
            Conv3x3 {
                stride: 1,
                pad_begin: 0,
                pad_end: 1
            }
            .out_size(1)
            .is_err()
        );
        assert!(Conv3x3::symmetric(3).out_size(8).is_err());
    }
}
