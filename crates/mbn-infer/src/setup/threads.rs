//! Threads for decoding and for ONNX Runtime, which brings its own: both work at the same time.

/// More threads than the user asks for, over both: each side waits at times for the other.
const EXTRA: usize = 2;

/// Multiply-adds that take a core as long as decoding and resizing a photo of half a megapixel.
const PER_PICTURE: u64 = 100_000_000;

/// Neither side gets less than this part of the threads: pictures and networks differ.
const LEAST: f64 = 0.25;

/// How many threads each side gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Threads that decode.
    pub decoding: usize,
    /// Threads of ONNX Runtime, counting the one that calls it.
    pub engine: usize,
}

impl Split {
    /// Divides `threads`, and a few more, by the work that is expected: a network of `multiply_adds` for each picture.
    ///
    /// Besides these threads, the program has its main thread, which also waits for the engine's: both together are at most
    /// `threads + 4`, with a thread to spare for a progress bar.
    pub fn new(threads: usize, multiply_adds: Option<u64>) -> Self {
        let total = threads + EXTRA;
        let network = multiply_adds.unwrap_or(PER_PICTURE) as f64;
        let share = (network / (network + PER_PICTURE as f64)).clamp(LEAST, 1.0 - LEAST);
        let engine = (total as f64 * share).round() as usize;
        let engine = engine.clamp(EXTRA.min(threads), threads);
        Self {
            decoding: (total - engine).min(threads),
            engine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_threads_serve_both_sides_and_many_are_divided() {
        let split = |threads, multiply_adds| {
            let Split { decoding, engine } = Split::new(threads, multiply_adds);
            (decoding, engine)
        };
        for adds in [None, Some(41_000_000), Some(569_000_000)] {
            assert_eq!(split(1, adds), (1, 1));
            for threads in 1..200 {
                let (decoding, engine) = split(threads, adds);
                assert!((1..=threads).contains(&decoding) && (1..=threads).contains(&engine));
                // All of them, the main thread, and one that draws a progress bar.
                assert!(decoding + engine + 2 <= threads + 4, "{threads}");
                assert!(decoding + engine > threads);
            }
        }
        assert_eq!(split(2, Some(41_000_000)), (2, 2));
        assert_eq!(split(2, Some(569_000_000)), (2, 2));
        assert!(split(64, Some(41_000_000)).0 > 40);
        assert!(split(64, Some(569_000_000)).1 > 40);
    }
}
