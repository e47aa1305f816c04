//! Messages on stderr, above the progress bars.

use std::io::Write;

use log::{Level, LevelFilter};

/// Libraries whose messages below warnings do not help a user.
const TRACE_ONLY: [&str; 3] = ["ort", "candle", "gemm"];

pub(crate) fn init(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level);
    if level < LevelFilter::Trace {
        for library in TRACE_ONLY {
            builder.filter_module(library, level.min(LevelFilter::Warn));
        }
    }
    builder.format(|out, record| {
        let prefix = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            Level::Info => "",
            Level::Debug => "debug: ",
            Level::Trace => "trace: ",
        };
        let style = out.default_level_style(record.level());
        if prefix.is_empty() {
            return writeln!(out, "{}", record.args());
        }
        writeln!(out, "{style}{prefix}{style:#}{}", record.args())
    });
    let logger = builder.build();
    let bars = crate::progress::bars().clone();
    // Fails only if a logger is installed already; that one stays.
    if indicatif_log_bridge::LogWrapper::new(bars, logger)
        .try_init()
        .is_ok()
    {
        log::set_max_level(level);
    }
}
