//! How much work the program has asked of CUDA devices.

use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

static LAUNCHES: AtomicU64 = AtomicU64::new(0);
static PRODUCTS: AtomicU64 = AtomicU64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Work that this crate has enqueued since the program started, on all devices. candle's own operations do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Launches of this crate's kernels.
    pub launches: u64,
    /// Matrix products by cuBLAS, each one kernel or more.
    pub products: u64,
    /// Allocations of memory on the device.
    pub allocations: u64,
}

/// The work until now.
pub fn work_so_far() -> Work {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Work {
        launches: count(&LAUNCHES),
        products: count(&PRODUCTS),
        allocations: count(&ALLOCATIONS),
    }
}

impl Sub for Work {
    type Output = Self;

    /// The work since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            launches: self.launches - earlier.launches,
            products: self.products - earlier.products,
            allocations: self.allocations - earlier.allocations,
        }
    }
}

pub(super) fn count_launch() {
    LAUNCHES.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_product() {
    PRODUCTS.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_allocation() {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
}
