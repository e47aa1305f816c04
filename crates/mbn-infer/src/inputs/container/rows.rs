//! From the rows of a table to inputs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Error;

use super::{Input, is_fault};

/// Makes inputs of a table's rows, one after another.
pub(super) struct Rows {
    table: PathBuf,
    /// Rows so far.
    number: u64,
}

impl Rows {
    /// Those of the file `table`.
    pub(super) fn of(table: &Path) -> Self {
        Self {
            table: table.to_owned(),
            number: 0,
        }
    }

    /// The next row, which holds the picture `bytes`, called `name`.
    pub(super) fn next(&mut self, bytes: Option<Vec<u8>>, name: Option<String>) -> Input {
        let number = self.number;
        self.number += 1;
        let mut path = OsString::from(&self.table);
        path.push("/");
        let problem = bytes.is_none().then(|| match &name {
            // As a table has it whose writer was given the paths of files.
            Some(name) => format!(
                "row {number} has no bytes, only the path `{name}`: embed the pictures in the table, or classify the files"
            ),
            None => format!("row {number} has no picture"),
        });
        path.push(name.unwrap_or_else(|| number.to_string()));
        Input {
            problem,
            bytes,
            ..Input::file(path.into())
        }
    }

    /// What stands for the rows that cannot be read.
    pub(super) fn unreadable(&self, why: &Error) -> Input {
        let problem = format!("row {} and those after it cannot be read: {why:#}", self.number);
        Input::failed(&self.table, problem, is_fault(why))
    }

    /// What stands for the rows that are missing because the file is cut off.
    pub(super) fn cut(&self) -> Input {
        let problem = format!("it ends early, after {} rows; more may be missing", self.number);
        Input::failed(&self.table, problem, false)
    }
}
