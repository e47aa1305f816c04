//! Runs the cases of `make interop` with an engine in Rust, and prints a line of JSON for each:
//!
//! ```text
//! mbn-interop rten|tract target/interop/cases.json
//! ```

mod cases;
mod with_rten;
mod with_tract;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use cases::{Answer, Outcome};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [engine, path] = arguments.as_slice() else {
        bail!("expected `rten` or `tract`, and the path of cases.json");
    };
    let (version, run): (_, fn(&_, &_) -> _) = match engine.as_str() {
        "rten" => (with_rten::VERSION, with_rten::run),
        "tract" => (with_tract::VERSION, with_tract::run),
        other => bail!("no engine `{other}`; there are `rten` and `tract`"),
    };
    let path = Path::new(path);
    let folder = path.parent().context("the path of cases.json has no folder")?;
    for case in cases::read(path)? {
        // An engine that panics must not keep the other cases from running.
        let result = catch_unwind(AssertUnwindSafe(|| run(&case, folder)))
            .unwrap_or_else(|panic| Err(anyhow!("panicked: {}", text(&*panic))));
        let outcome = match result {
            Ok(largest) => Outcome::Largest(largest),
            Err(error) => Outcome::Error(format!("{error:#}")),
        };
        let answer = Answer {
            engine,
            version,
            name: &case.name,
            outcome,
        };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

/// What a panic says.
fn text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}
