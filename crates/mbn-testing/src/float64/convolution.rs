//! Convolutions, each given by the list of its products, from which both directions follow.

use std::thread;

/// Stride and zero padding of a 3x3 convolution, the same for rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels from one result to the next.
    pub stride: usize,
    /// Rows above and columns to the left.
    pub pad_begin: usize,
    /// Rows below and columns to the right.
    pub pad_end: usize,
}

impl Window {
    /// Height (or width) of the result.
    pub fn out_size(&self, size: usize) -> usize {
        (size + self.pad_begin + self.pad_end - 3) / self.stride + 1
    }

    /// The pixel that tap `k` meets for result `out`, unless it is in the padding.
    fn input(&self, out: usize, k: usize, size: usize) -> Option<usize> {
        (out * self.stride + k)
            .checked_sub(self.pad_begin)
            .filter(|index| *index < size)
    }
}

/// A convolution of images of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convolution {
    /// `[3, H, W]` to `[OH, OW, O]` with a weight `[O, 3, 3, 3]`.
    Stem {
        /// Stride and padding.
        window: Window,
        /// Height and width of the image.
        size: [usize; 2],
        /// `O`
        out_channels: usize,
    },
    /// `[H, W, C]` to `[OH, OW, C]` with a weight `[C, 1, 3, 3]`.
    Depthwise {
        /// Stride and padding.
        window: Window,
        /// Height and width of the input.
        size: [usize; 2],
        /// `C`
        channels: usize,
    },
    /// `[H, W, I]` to `[H, W, O]` with a weight `[O, I, 1, 1]`.
    Pointwise {
        /// Height and width of input and result.
        size: [usize; 2],
        /// `I`
        in_channels: usize,
        /// `O`
        out_channels: usize,
    },
}

impl Convolution {
    /// Height and width of the result.
    pub fn out_size(&self) -> [usize; 2] {
        match *self {
            Self::Stem { window, size, .. } | Self::Depthwise { window, size, .. } => {
                size.map(|size| window.out_size(size))
            }
            Self::Pointwise { size, .. } => size,
        }
    }

    /// Channels of the result.
    pub fn out_channels(&self) -> usize {
        match *self {
            Self::Stem { out_channels, .. } | Self::Pointwise { out_channels, .. } => out_channels,
            Self::Depthwise { channels, .. } => channels,
        }
    }

    /// Values of an image of the result.
    fn out_len(&self) -> usize {
        self.out_size().iter().product::<usize>() * self.out_channels()
    }

    /// Values of an image of the input.
    fn input_len(&self) -> usize {
        let (size, channels) = match *self {
            Self::Stem { size, .. } => (size, 3),
            Self::Depthwise { size, channels, .. } => (size, channels),
            Self::Pointwise {
                size, in_channels, ..
            } => (size, in_channels),
        };
        size.iter().product::<usize>() * channels
    }

    /// Calls `visit` for each product, with the indices of the result that it is added to, of the input and of the
    /// weight.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        match *self {
            Self::Stem {
                window,
                size: [h, w],
                out_channels,
            } => for_taps(window, [h, w], |pixel, [ky, kx], [iy, ix]| {
                for o in 0..out_channels {
                    for i in 0..3 {
                        visit(
                            pixel * out_channels + o,
                            (i * h + iy) * w + ix,
                            ((o * 3 + i) * 3 + ky) * 3 + kx,
                        );
                    }
                }
            }),
            Self::Depthwise {
                window,
                size: [h, w],
                channels,
            } => for_taps(window, [h, w], |pixel, [ky, kx], [iy, ix]| {
                for c in 0..channels {
                    visit(
                        pixel * channels + c,
                        (iy * w + ix) * channels + c,
                        (c * 3 + ky) * 3 + kx,
                    );
                }
            }),
            Self::Pointwise {
                size,
                in_channels,
                out_channels,
            } => {
                for pixel in 0..size.iter().product() {
                    for o in 0..out_channels {
                        for i in 0..in_channels {
                            visit(
                                pixel * out_channels + o,
                                pixel * in_channels + i,
                                o * in_channels + i,
                            );
                        }
                    }
                }
            }
        }
    }

    /// The result for every image of `input`.
    pub fn forward(&self, input: &[f64], weight: &[f64]) -> Vec<f64> {
        let images = each(input.chunks(self.input_len()), |input| {
            let mut out = vec![0.0; self.out_len()];
            self.products(|o, i, w| out[o] += input[i] * weight[w]);
            out
        });
        images.concat()
    }

    /// Given the gradient `of_result`, the gradients of the input and of the weight.
    pub fn backward(&self, of_result: &[f64], input: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let images = of_result
            .chunks(self.out_len())
            .zip(input.chunks(self.input_len()));
        let parts = each(images, |(of_result, input)| {
            let (mut of_input, mut of_weight) = (vec![0.0; input.len()], vec![0.0; weight.len()]);
            self.products(|o, i, w| {
                of_input[i] += of_result[o] * weight[w];
                of_weight[w] += of_result[o] * input[i];
            });
            (of_input, of_weight)
        });
        let (of_input, of_weights): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut of_weight = vec![0.0; weight.len()];
        for part in of_weights {
            of_weight
                .iter_mut()
                .zip(part)
                .for_each(|(sum, value)| *sum += value);
        }
        (of_input.concat(), of_weight)
    }
}

/// Calls `visit` with each pixel of the result, each tap of the kernel that is not in the padding there, and the row and
/// column of the input that the tap meets.
fn for_taps(window: Window, [h, w]: [usize; 2], mut visit: impl FnMut(usize, [usize; 2], [usize; 2])) {
    let (oh, ow) = (window.out_size(h), window.out_size(w));
    for (oy, ky) in (0..oh).flat_map(|oy| [0, 1, 2].map(|ky| (oy, ky))) {
        let Some(iy) = window.input(oy, ky, h) else {
            continue;
        };
        for (ox, kx) in (0..ow).flat_map(|ox| [0, 1, 2].map(|kx| (ox, kx))) {
            if let Some(ix) = window.input(ox, kx, w) {
                visit(oy * ow + ox, [ky, kx], [iy, ix]);
            }
        }
    }
}

/// The results of `work` on each image, in order.
fn each<I: Send, R: Send>(images: impl Iterator<Item = I>, work: impl Fn(I) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = images.map(|image| scope.spawn(move || work(image))).collect();
        let join = |thread: thread::ScopedJoinHandle<R>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}
