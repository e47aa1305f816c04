//! Messages on stderr, above the progress bars.

use std::fmt::Display;
use std::io::Write;

use log::{Level, LevelFilter};

/// Libraries whose messages below warnings do not help a user.
const TRACE_ONLY: [&str; 3] = ["ort", "candle", "gemm"];

/// Libraries that trace the bytes they send, an access token among them.
const NEVER_TRACE: [&str; 2] = ["ureq", "rustls"];

/// A logger for messages of this level.
fn builder(level: LevelFilter) -> env_logger::Builder {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level);
    if level < LevelFilter::Trace {
        for library in TRACE_ONLY {
            builder.filter_module(library, level.min(LevelFilter::Warn));
        }
    }
    for library in NEVER_TRACE {
        builder.filter_module(library, level.min(LevelFilter::Debug));
    }
    builder
}

pub(crate) fn init(level: LevelFilter) {
    let mut builder = builder(level);
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

/// Prints on stderr what the user asked for, above the progress bars, also with `--quiet`.
pub fn tell(text: impl Display) {
    match log::log_enabled!(Level::Info) {
        true => log::info!("{text}"),
        // There are no bars. Nobody can be told that stderr is closed.
        false => drop(writeln!(std::io::stderr(), "{text}")),
    }
}

#[cfg(test)]
mod tests {
    use log::{Log, Metadata};

    use super::*;

    #[test]
    fn what_is_sent_is_never_traced() {
        let shown = |level: LevelFilter, target, of| {
            let metadata = Metadata::builder().target(target).level(of).build();
            builder(level).build().enabled(&metadata)
        };
        assert!(shown(LevelFilter::Trace, "mbn_fetch::hub", Level::Trace));
        assert!(shown(LevelFilter::Trace, "ureq::run", Level::Debug));
        for target in [
            "ureq::unversioned::transport",
            "ureq_proto::client",
            "rustls::conn",
        ] {
            assert!(!shown(LevelFilter::Trace, target, Level::Trace), "{target}");
        }
        assert!(!shown(LevelFilter::Info, "ureq::run", Level::Debug));
    }
}
