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
            // It may be any input, the one that has the result too.
            found.as_ref().map_or(Ok(()), Input::require_no_fault)?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Inputs;
    use super::*;
    use crate::output::{Extra, Form, OutputFormat};

    /// A folder that the machine cannot read, in the place of the pictures in it.
    struct Away(bool);

    impl Source for Away {
        fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
            let stale = || Input::failed(Path::new("ph/a"), "Stale file handle".to_owned(), true);
            Ok(std::mem::take(&mut self.0).then(stale))
        }
    }

    /// Nobody should be told to give up results for a fault that passes.
    #[test]
    fn a_fault_of_the_machine_is_not_taken_for_other_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let form = Form {
            format: OutputFormat::Json,
            extra: Extra::default(),
        };
        let name = "`out.partial`";
        let results = |content: &str| {
            let path = folder.path().join("out.partial");
            std::fs::write(&path, content).unwrap();
            Results::open(&path, form.partial_lines(1).unwrap()).unwrap()
        };
        for earlier in ["ph/a/1.jpg", "ph/a"] {
            let line = format!("{{\"path\":\"{earlier}\",\"error\":\"broken\"}}\n");
            let source = Box::new(Away(true));
            let mut continued = Continued::new(source, results(&line), name.to_owned(), false);
            let error = continued.next(&mut || ()).unwrap_err();
            let message = mbn_cli::message(&error);
            assert!(
                message.starts_with("cannot read `ph/a`: Stale file handle\nhint: ")
                    && !message.contains("leave `--resume` out"),
                "{message}"
            );
        }
        // Behind the results of a finished output.
        let inputs = Inputs {
            source: Box::new(Away(true)),
            total: None,
            is_part: false,
        };
        let error = inputs
            .require_none_after(results(""), name.to_owned())
            .unwrap_err();
        assert!(error.to_string().starts_with("cannot read `ph/a`"), "{error:#}");
    }
}
