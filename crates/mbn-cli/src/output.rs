//! The file that a program is to write.

use std::path::Path;

use anyhow::{Result, anyhow};

use crate::Hint;

/// Sees before the work begins that there is a place for the output `path`.
///
/// # Errors
/// It is a folder, or the folder that it is to be in is not there.
pub fn check_output(path: &Path) -> Result<()> {
    let name = path.display();
    if path.is_dir() {
        return Err(anyhow!("cannot write `{name}`: it is a folder"))
            .hint(|| format!("`{}` is a file in it", path.join("NAME").display()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let folder = folder.display();
            Err(anyhow!("cannot write `{name}`: there is no folder `{folder}`"))
                .hint(|| format!("`mkdir -p {folder}` makes it"))
        }
        _ => Ok(()),
    }
}
