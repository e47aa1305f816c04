//! The compiled kernels, and how the driver loads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, CudaModule};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::{Result, bail};

use crate::patience::with_notice;

/// Fat binaries by the names of their sources: machine code for some cards, and PTX for all others.
const MODULES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// The driver loads machine code in some milliseconds. What takes longer is compiling PTX.
const PATIENCE: Duration = Duration::from_secs(1);

/// Loads a module. If the driver has to compile it, messages say so.
pub(super) fn load(context: &Arc<CudaContext>, name: &'static str) -> Result<Arc<CudaModule>> {
    let Some((_, code)) = MODULES.iter().find(|(module, _)| *module == name) else {
        bail!("no module `{name}` was compiled")
    };
    // cudarc passes its address to the driver, which finds in it how long it is and what runs on the card. The copy has the
    // alignment of the allocator, which fat binaries need and `include_bytes` does not give.
    let code = Ptx::from_binary(code.to_vec());
    let card = context.name().unwrap_or_else(|_| "this card".to_owned());
    let start = Instant::now();
    let loaded = with_notice(PATIENCE, || announce(&card), || context.load_module(code));
    let took = start.elapsed();
    let module = loaded
        .w()
        .map_err(|error| error.context(format!("the driver does not load the kernels `{name}`")))?;
    if took > PATIENCE {
        log::info!("Compiled the kernels `{name}` in {:.1} s", took.as_secs_f64());
    }
    Ok(module)
}

/// Says once what the driver does, while it does it.
fn announce(card: &str) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if SAID.swap(true, Ordering::Relaxed) {
        return;
    }
    log::info!(
        "NVIDIA's driver compiles the kernels for {card}, once: it keeps them in its cache (`CUDA_CACHE_PATH`, by default \
         `~/.nv/ComputeCache`)"
    );
}
