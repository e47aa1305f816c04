//! Vector instructions, chosen when the program runs. Kernels are written on arrays of `L` neighbouring channels;
//! compiled for a processor's instructions, an array is a register or two.

use std::sync::OnceLock;

use pulp::{Arch, WithSimd};

use crate::operands::element::Element;

/// Names the instructions to use in place of the best that the processor has: `scalar`, on x86-64 also `avx2` or `avx512`
/// (without products of bfloat16). For tests and comparisons. Instructions that the processor lacks are never used.
const CHOICE: &str = "MBN_SIMD";

/// What [`CHOICE`] may name.
#[cfg(target_arch = "x86_64")]
const EXPECTED: &str = "scalar, avx2, avx512 or avx512bf16";
#[cfg(target_arch = "aarch64")]
const EXPECTED: &str = "scalar or neon";
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const EXPECTED: &str = "scalar";

/// The instructions in use.
#[derive(Clone, Copy)]
struct Instructions {
    arch: Arch,
    /// Whether pairs of bfloat16 are multiplied.
    multiplies_bf16: bool,
}

impl Instructions {
    /// Those that are asked for, or else the best.
    #[cfg(target_arch = "x86_64")]
    fn new(asked: &str) -> Self {
        let arch = match asked {
            "scalar" => Arch::Scalar,
            "avx2" => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
            _ => Arch::new(),
        };
        Self {
            arch,
            multiplies_bf16: matches!(arch, Arch::V4(_))
                && std::arch::is_x86_feature_detected!("avx512bf16")
                && asked != "avx512",
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn new(asked: &str) -> Self {
        Self {
            arch: match asked {
                "scalar" => Arch::Scalar,
                _ => Arch::new(),
            },
            multiplies_bf16: false,
        }
    }

    fn name(self) -> &'static str {
        #[cfg(target_arch = "x86_64")]
        match self.arch {
            Arch::V4(_) if self.multiplies_bf16 => return "avx512bf16",
            Arch::V4(_) => return "avx512",
            Arch::V3(_) => return "avx2",
            _ => {}
        }
        #[cfg(target_arch = "aarch64")]
        if let Arch::Neon(_) = self.arch {
            return "neon";
        }
        "scalar"
    }

    /// What to say if others are asked for.
    fn warning(self, asked: &str) -> Option<String> {
        let used = self.name();
        (!asked.is_empty() && asked != used).then(|| {
            format!(
                "{CHOICE} is `{asked}`, expected {EXPECTED}, as far as the processor has them; using {used}"
            )
        })
    }
}

fn in_use() -> Instructions {
    static IN_USE: OnceLock<Instructions> = OnceLock::new();
    *IN_USE.get_or_init(|| {
        let asked = std::env::var_os(CHOICE).unwrap_or_default();
        let asked = asked.to_string_lossy();
        let instructions = Instructions::new(&asked);
        if let Some(warning) = instructions.warning(&asked) {
            log::warn!("{warning}");
        }
        instructions
    })
}

/// Whether the processor multiplies pairs of bfloat16.
pub(crate) fn has_bf16_products() -> bool {
    in_use().multiplies_bf16
}

/// The instructions that the kernels use: `avx2`, `avx512` or `avx512bf16` on x86-64, `neon` on 64-bit ARM, else, or where the
/// processor has none of them, `scalar`. The environment variable `MBN_SIMD` can ask for lesser ones; if it asks for what is unknown
/// or missing, the first call logs a warning.
pub fn instructions() -> &'static str {
    in_use().name()
}

/// Runs `op` with the chosen instructions.
#[inline(always)]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    in_use().arch.dispatch(op)
}

/// What a kernel is being compiled for; constant in each copy of it.
#[derive(Clone, Copy)]
pub(crate) struct Simd {
    /// Whether products and sums are fused: rounded once, by one instruction.
    pub fused: bool,
    /// Whether registers hold 16 floats.
    pub wide: bool,
}

impl Simd {
    /// Length of a vector register.
    #[inline(always)]
    pub fn register_bytes(self) -> usize {
        match self {
            Self { wide: true, .. } => 64,
            Self { fused: true, .. } => 32,
            _ => 16,
        }
    }
}

/// Runs `f` compiled for the widest vector instructions that the processor has. The closure has to be marked
/// `#[inline(always)]`, or it is compiled without them.
#[inline(always)]
pub(crate) fn vectorised<R>(f: impl FnOnce(Simd) -> R) -> R {
    struct Run<F>(F);

    impl<R, F: FnOnce(Simd) -> R> WithSimd for Run<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)(Simd {
                fused: !S::IS_SCALAR,
                wide: S::F32_LANES >= 16,
            })
        }
    }

    dispatch(Run(f))
}

/// Work on the channels `at..at + L`, for a few `L`.
pub(crate) trait Lanes {
    fn run<const L: usize>(&mut self, simd: Simd, at: usize);
}

/// Runs `work` over all channels, in groups as wide as registers are.
#[inline(always)]
pub(crate) fn for_lanes(simd: Simd, channels: usize, work: &mut impl Lanes) {
    let mut at = 0;
    if simd.wide {
        while at + 16 <= channels {
            work.run::<16>(simd, at);
            at += 16;
        }
    }
    while at + 8 <= channels {
        work.run::<8>(simd, at);
        at += 8;
    }
    while at < channels {
        work.run::<1>(simd, at);
        at += 1;
    }
}

/// Repeats a block for each number. LLVM unrolls a loop only if few instructions are in it, and it counts every lane; arrays
/// that a loop indexes stay in memory.
macro_rules! unrolled {
    ($i:ident in [$($n:literal)*] $body:block) => {
        $({
            let $i: usize = $n;
            $body
        })*
    };
}
pub(crate) use unrolled;

/// `a b + c`. Without the instruction, fusing would be a call of a slow function.
#[inline(always)]
pub(crate) fn mul_add(simd: Simd, a: f32, b: f32, c: f32) -> f32 {
    if simd.fused { a.mul_add(b, c) } else { a * b + c }
}

/// `min(max(0, x), max)`, and NaN for NaN: `f32::max` would make a broken value look like an answer. Each comparison is
/// one instruction, whose second operand wins where there is a NaN.
#[inline(always)]
pub(crate) fn activate(x: f32, max: f32) -> f32 {
    let positive = if x < 0.0 { 0.0 } else { x };
    if positive > max { max } else { positive }
}

/// `a b + c` lane by lane.
#[inline(always)]
pub(crate) fn mul_add_lanes<const L: usize>(simd: Simd, a: [f32; L], b: [f32; L], c: [f32; L]) -> [f32; L] {
    let mut out = c;
    for lane in 0..L {
        out[lane] = mul_add(simd, a[lane], b[lane], c[lane]);
    }
    out
}

/// `L` values from `at` on.
#[inline(always)]
pub(crate) fn load<T: Element, const L: usize>(values: &[T], at: usize) -> [f32; L] {
    let mut out = [0.0; L];
    for (out, value) in out.iter_mut().zip(&values[at..at + L]) {
        *out = value.to_f32();
    }
    out
}

/// `lanes` as they are once they are stored.
#[inline(always)]
pub(crate) fn rounded<T: Element, const L: usize>(mut lanes: [f32; L]) -> [f32; L] {
    for lane in &mut lanes {
        *lane = T::from_f32(*lane).to_f32();
    }
    lanes
}

/// Writes `L` values from `at` on.
#[inline(always)]
pub(crate) fn store<T: Element, const L: usize>(values: &mut [T], at: usize, lanes: [f32; L]) {
    for (value, lane) in values[at..at + L].iter_mut().zip(lanes) {
        *value = T::from_f32(lane);
    }
}
