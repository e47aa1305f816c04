//! Seeded noise without state: the same coordinates give the same value, whatever was drawn before.

/// A value in `0..1` that depends on all bits of the arguments.
pub fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut bits = (x as u32).wrapping_mul(0x9E37_79B1)
        ^ (y as u32).wrapping_mul(0x85EB_CA77)
        ^ seed.wrapping_mul(0xC2B2_AE3D);
    for _ in 0..2 {
        bits ^= bits >> 15;
        bits = bits.wrapping_mul(0x2C1B_3C6D);
        bits ^= bits >> 12;
        bits = bits.wrapping_mul(0x297A_2D39);
    }
    ((bits ^ (bits >> 15)) >> 8) as f32 / (1 << 24) as f32
}

/// Smooth noise in `0..1` that changes over a distance of 1.
pub fn smooth(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (ease(x - left), ease(y - top));
    let corner = |dx: i32, dy: i32| hash(left as i32 + dx, top as i32 + dy, seed);
    let upper = corner(0, 0) + u * (corner(1, 0) - corner(0, 0));
    let lower = corner(0, 1) + u * (corner(1, 1) - corner(0, 1));
    upper + v * (lower - upper)
}

/// Fractal noise in `0..1`: smooth noise at doubling frequencies and halving strengths.
pub fn fractal(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.0, 1.0);
    for octave in 0..octaves {
        let strength = 1.0 / scale;
        sum += strength * smooth(x * scale, y * scale, seed.wrapping_add(octave));
        weight += strength;
        scale *= 2.0;
    }
    sum / weight
}

/// A run of values in `0..1` for scattering things.
pub struct Scatter {
    seed: u32,
    drawn: i32,
}

impl Scatter {
    pub fn new(seed: u32) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next value, in `low..high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        self.drawn += 1;
        low + (high - low) * hash(self.drawn, 0, self.seed)
    }
}
