//! Options for parts of the work: shards, and outputs that are continued.

use std::path::Path;

use anyhow::Result;

use super::Options;
use crate::output;
use crate::shard::Shard;

/// Stands for the number of the shard in the name of the output.
const SHARD: &str = "{shard}";

fn has_shard(output: &Path) -> bool {
    output.to_str().is_some_and(|name| name.contains(SHARD))
}

impl Options {
    /// The shard of the inputs that this process takes, if it does not take all, by the launcher's environment if need be. Puts
    /// its number into the name of the output.
    ///
    /// # Errors
    /// No launcher says which one it is, or what it says cannot be.
    pub fn resolve_shard(&mut self) -> Result<Option<Shard>> {
        let Some(argument) = self.shard else {
            return Ok(None);
        };
        let (shard, by) = argument.resolve(|name| std::env::var(name).ok())?;
        if let Some(variable) = by {
            log::info!("shard: {shard}, by {variable}");
        }
        if let Some(output) = self.output.as_mut().filter(|output| has_shard(output)) {
            let name = output.to_string_lossy();
            *output = name.replace(SHARD, &shard.index().to_string()).into();
        }
        Ok(Some(shard))
    }

    /// Why these options do not go together, if they do not.
    pub(super) fn wrong_parts(&self) -> Option<String> {
        if self.evaluate && self.resume {
            return Some(
                "`--resume` cannot be used with `--evaluate`, which has to see every image".to_owned(),
            );
        }
        if self.evaluate && self.shard.is_some() {
            return Some(
                "`--shard` cannot be used with `--evaluate`, which has to see every image".to_owned(),
            );
        }
        if self.resume && self.sort_into.is_some() {
            return Some(
                "`--resume` cannot be used with `--sort-into`, which can be repeated as it is".to_owned(),
            );
        }
        if self.resume && self.html.is_some() {
            return Some("`--resume` cannot be used with `--html`, which shows every picture".to_owned());
        }
        if self.resume && self.form().partial_lines(1).is_none() {
            return Some(output::cannot_continue(self.form()).to_string());
        }
        if self.shard.is_none() && self.output.as_deref().is_some_and(has_shard) {
            return Some("`{shard}` in `--output` needs `--shard`".to_owned());
        }
        let stdin = Path::new("-");
        if self.list.as_deref() == Some(stdin) && self.paths.iter().any(|path| path == stdin) {
            return Some("stdin cannot be both an archive and the list of `--list -`".to_owned());
        }
        None
    }
}
