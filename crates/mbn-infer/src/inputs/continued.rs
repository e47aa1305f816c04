//! Inputs after those whose results an earlier run wrote.

use anyhow::{Context, Result, anyhow};
use mbn_cli::Hint;
use mbn_data::LeftOut;

use super::{Input, Source};
use crate::output::{Results, path_text};

/// Leaves out the inputs that have a result, and makes sure that they are the same ones, in the same order.
pub(super) struct Continued {
    source: Box<dyn Source>,
    /// Results to come; `None` after the last.
    results: Option<Results>,
    /// What the results are called in messages.
    name: String,
    /// The inputs are those of one shard among several.
    is_part: bool,
    /// Results so far.
    done: u64,
}

impl Continued {
    pub(super) fn new(source: Box<dyn Source>, results: Results, name: String, is_part: bool) -> Self {
        Self {
            source,
            results: Some(results),
            name,
            is_part,
            done: 0,
        }
    }

    fn skip(&mut self, results: &mut Results, wait: &mut dyn FnMut()) -> Result<()> {
        for earlier in results {
            let earlier = earlier.with_context(|| format!("cannot read {}", self.name))?;
            self.done += 1;
            let found = self.source.next(wait)?;
            let found = found.map(|input| path_text(&input.path).into_owned());
            if found.as_ref() == Some(&earlier.path) {
                continue;
            }
            let (n, name) = (self.done, &self.name);
            let found = found.map_or("there are no more inputs".to_owned(), |path| {
                format!("input {n} is `{}`", crate::output::printable(&path))
            });
            let path = crate::output::printable(&earlier.path);
            return Err(anyhow!(
                "the inputs are not those of {name}: its result {n} is of `{path}`, but {found}"
            ))
            .hint(|| {
                // Without `--resume` one shard would replace what another has written.
                let hint = match self.is_part {
                    true => {
                        "give each shard an `--output` of its own, with `{shard}` in its name, and the same inputs in the same order, with `--libheif` as before"
                    }
                    false => "give the same inputs in the same order, with `--libheif` as before, or leave `--resume` out to classify all anew",
                };
                hint.to_owned()
            });
        }
        Ok(())
    }
}

impl Source for Continued {
    fn next(&mut self, wait: &mut dyn FnMut()) -> Result<Option<Input>> {
        if let Some(mut results) = self.results.take() {
            self.skip(&mut results, wait)?;
        }
        self.source.next(wait)
    }

    fn left_out(&mut self) -> LeftOut {
        self.source.left_out()
    }
}
