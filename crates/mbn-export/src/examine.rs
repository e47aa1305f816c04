//! What the program does with files that exist.

use anyhow::Result;
use mbn_cli::{Outcome, Outputs, Written, check_output_file, require_replaceable, start_threads};

use crate::check::{self, Check};
use crate::diff::{self, Diff};
use crate::options::{Command, require_pictures_stay};
use crate::{print, show};

/// Checks, compares or shows files, as the command says.
pub(crate) fn run(command: Command, threads: usize) -> Result<Outcome> {
    if let Command::Check {
        file,
        weights,
        check_images,
        report: Some(report),
        ort_lib,
        ..
    } = &command
    {
        let outputs = Outputs::new([("--report", report)])?;
        for path in [Some(file), weights.as_ref(), ort_lib.as_ref()]
            .into_iter()
            .flatten()
        {
            outputs.require_not_read(path)?;
        }
        if let Some(folder) = check_images {
            require_pictures_stay(&outputs, folder)?;
        }
        check_output_file(report)?;
        require_replaceable("--report", report, Written::Text)?;
    }
    start_threads(threads)?;
    let agree = match command {
        Command::Show { file } => {
            print(&show::text(&file)?)?;
            true
        }
        Command::Check {
            file,
            weights,
            check_images,
            report,
            ort_lib,
            time_limit,
            threads: _,
        } => {
            let check = Check {
                file,
                weights,
                pictures: check_images,
                report,
                ort_lib,
                time_limit,
                threads,
            };
            print(&check::run(&check)?)?;
            true
        }
        Command::Diff {
            a,
            b,
            tolerance,
            ort_lib,
            time_limit,
            threads: _,
        } => {
            let diff = Diff {
                a,
                b,
                tolerance,
                ort_lib,
                time_limit,
                threads,
            };
            let (text, agree) = diff::run(&diff)?;
            print(&text)?;
            agree
        }
    };
    Ok(match agree {
        true => Outcome::Success,
        false => Outcome::Failure,
    })
}
