//! The work on a chunk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use image::RgbImage;
use mbn_cli::max_pixels_advice;
use mbn_data::{
    DecodeErrorKind, decode_bytes_with, decode_file_with, holding_memory, make_grey, pixels_for_memory,
    thumbnail,
};
use mbn_engine::images::{Picture, PixelBuffer};
use rayon::prelude::*;

use super::{Found, Held, Outcome, Pipeline};
use crate::failure::Failure;
use crate::html::{THUMBNAIL_BYTES, THUMBNAIL_SIDE};
use crate::inputs::{Input, advice_for_file, describe};

/// Inputs that were decoded.
pub(super) struct Decoded {
    /// One for each input, or for the first ones if their pictures are large: the others belong to the next chunk.
    pub outcomes: Vec<Outcome>,
    /// Of those that could be decoded, followed by unused ones.
    pub images: PixelBuffer,
    /// The memory of whole pictures.
    pub held: Held,
}

impl Pipeline {
    pub(super) fn image_len(&self) -> usize {
        self.pixel_type.image_len(self.preprocess.size)
    }

    /// Decodes inputs with `images` as memory.
    pub(super) fn decode_chunk(&self, inputs: &[Input], mut images: PixelBuffer) -> Decoded {
        images.resize(inputs.len() * self.image_len());
        let held = self.whole_pictures.hold();
        let outcomes = match &mut images {
            PixelBuffer::Float(values) => self.decode_into(values, inputs, |image, slot| {
                self.normalizer.apply(image, slot);
            }),
            PixelBuffer::Uint8(values) => self.decode_into(values, inputs, |image, slot| {
                slot.copy_from_slice(image.as_raw());
            }),
            PixelBuffer::Pictures(pictures) => self.decode_whole(pictures, inputs, &held),
        };
        Decoded {
            outcomes,
            images,
            held,
        }
    }

    /// Decodes the inputs to whole pictures, and counts their bytes in `held`. Those that cannot be decoded are left out. Ends after the
    /// first ones if there are many bytes.
    fn decode_whole(&self, pictures: &mut Vec<Picture>, inputs: &[Input], held: &Held) -> Vec<Outcome> {
        let places = self.whole_pictures.places(held, inputs.len());
        let decode = |place: usize| {
            let mut picture = None;
            let outcome = self.decode(&inputs[place], |image| {
                held.add(image.len() as u64);
                picture = Some(Picture {
                    height: image.height() as usize,
                    width: image.width() as usize,
                    bytes: image.into_raw(),
                });
                Ok(())
            });
            (place, outcome, picture)
        };
        let decode_some = |_| std::iter::from_fn(|| places.next()).map(decode);
        let mut decoded: Vec<_> = match inputs {
            [_] => decode_some(0).collect(),
            _ => {
                let threads = rayon::current_num_threads().min(inputs.len());
                let threads = (0..threads).into_par_iter().with_max_len(1);
                threads.flat_map_iter(decode_some).collect()
            }
        };
        decoded.sort_unstable_by_key(|(place, ..)| *place);
        let (mut outcomes, mut found) = (Vec::with_capacity(decoded.len()), Vec::new());
        for (_, outcome, picture) in decoded {
            outcomes.push(outcome);
            found.extend(picture);
        }
        *pictures = found;
        outcomes
    }

    /// Decodes each input into its part of `values` by `write`, and moves the images that are good to the front.
    fn decode_into<T: Copy + Send>(
        &self,
        values: &mut [T],
        inputs: &[Input],
        write: impl Fn(&RgbImage, &mut [T]) + Sync,
    ) -> Vec<Outcome> {
        let len = self.image_len();
        let decode = |(input, slot): (_, &mut _)| {
            self.decode(input, |mut image| {
                if self.is_grey {
                    make_grey(&mut image);
                }
                let resized = (self.resize)(&image, &self.preprocess).map_err(|error| describe(&error))?;
                write(&resized, slot);
                Ok(())
            })
        };
        let outcomes = match inputs {
            [input] => vec![decode((input, &mut *values))],
            _ => {
                let slots = inputs.par_iter().zip(values.par_chunks_mut(len));
                slots.with_max_len(1).map(decode).collect()
            }
        };
        close_gaps(values, len, &outcomes);
        outcomes
    }

    /// Decodes an input for `prepare`.
    fn decode(&self, input: &Input, prepare: impl FnOnce(RgbImage) -> Result<(), String>) -> Outcome {
        if let Some(failure) = input.failure() {
            return Err(failure);
        }
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err("the program was stopped before it was decoded".to_owned().into());
        }
        let start = Instant::now();
        // Each thread has one picture at a time.
        let file = holding_memory(|| match &input.bytes {
            Some(bytes) => decode_bytes_with(bytes, &self.options),
            None => decode_file_with(&input.path, &self.options).map_err(|error| error.kind),
        });
        let decoded = Instant::now();
        add(&self.decode_nanos, decoded - start);
        let file = file.map_err(|kind| Failure {
            problem: problem(&kind, input),
            is_of_machine: kind.is_of_machine(),
        })?;
        let wanted = self.thumbnails.load(Ordering::Relaxed);
        let thumbnail = wanted
            .then(|| thumbnail(&file.image, THUMBNAIL_SIDE, THUMBNAIL_BYTES))
            .flatten();
        prepare(file.image)?;
        add(&self.preprocess_nanos, decoded.elapsed());
        Ok(Found {
            is_reduced: file.reduction > 1,
            warning: file.warning,
            thumbnail,
        })
    }
}

/// What is wrong with an input, and the option that would allow it, or another way to give it.
fn problem(kind: &DecodeErrorKind, input: &Input) -> String {
    let text = describe(kind);
    // An evaluation reads neither archives nor tables.
    let may_hold_pictures = input.bytes.is_none() && input.class.is_none();
    match kind {
        kind if kind.is_too_large() => text + &max_pixels_advice(pixels_for_memory(kind)),
        DecodeErrorKind::NotAnImage(_) if may_hold_pictures => text + &advice_for_file(&input.path),
        _ => text,
    }
}

fn add(nanos: &AtomicU64, time: Duration) {
    nanos.fetch_add(
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        Ordering::Relaxed,
    );
}

/// Moves the decoded images to the front.
fn close_gaps<T: Copy>(images: &mut [T], len: usize, outcomes: &[Outcome]) {
    let decoded = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok());
    for (to, (from, _)) in decoded.enumerate() {
        if from != to {
            images.copy_within(from * len..(from + 1) * len, to * len);
        }
    }
}
