//! Owner, group and permissions of a file that replaces another, or copies it.

use std::fs::File;
use std::io;
use std::path::Path;

/// Gives `file` the owner, the group and the permissions of the file that it will replace, if there is one. They matter less than
/// the content: where the system refuses, those of a new file stay. Most systems let nobody but root give a file away; a group that
/// could not be kept has no more rights than everybody had, and everybody no more than the group had.
pub(crate) fn keep_permissions(replaced: &Path, file: &File) {
    if let Ok(found) = replaced.metadata() {
        // Nobody can be told, and the file is as private as before.
        let _ = system::keep(&found, file);
    }
}

/// Takes the permissions from a new file that `source` does not give.
pub(crate) fn restrict(file: &File, source: &File) -> io::Result<()> {
    system::restrict(file, source)
}

#[cfg(unix)]
mod system {
    use std::fs::{File, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

    const SET_UID: u32 = 0o4000;
    const SET_GID: u32 = 0o2000;
    /// All that `chmod` changes.
    const MODE: u32 = 0o7777;
    /// What the owner may do with a file that is none to execute.
    const OWNERS: u32 = 0o600;

    pub fn keep(found: &Metadata, file: &File) -> io::Result<()> {
        let set_mode = |mode| file.set_permissions(Permissions::from_mode(mode));
        let (uid, gid) = (found.uid(), found.gid());
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (uid, gid) {
            // Some processes may give a file away and not change its mode after that.
            set_mode(found.mode() & OWNERS)?;
            // A process that may not do either keeps its own.
            let _ = fchown(file, Some(uid), Some(gid)).or_else(|_| fchown(file, None, Some(gid)));
        }
        // Another owner or group takes the bits for set-uid and set-gid away, so the mode comes last.
        let now = file.metadata()?;
        set_mode(kept_mode(found.mode(), now.uid() == uid, now.gid() == gid))
    }

    pub fn restrict(file: &File, source: &File) -> io::Result<()> {
        let (now, found) = (file.metadata()?, source.metadata()?);
        let kept = kept_mode(found.mode(), true, now.gid() == found.gid());
        file.set_permissions(Permissions::from_mode(now.mode() & kept & 0o777))
    }

    /// The mode of a file that has replaced one with `mode`. In another group, its members were among all others, and those of
    /// the old group now are: either may do what both could.
    pub(super) fn kept_mode(mode: u32, same_owner: bool, same_group: bool) -> u32 {
        let mut kept = mode & MODE;
        if !same_owner {
            kept &= !SET_UID;
        }
        if !same_group {
            let both = (mode >> 3) & mode & 0o7;
            kept = (kept & !(SET_GID | 0o77)) | (both << 3) | both;
        }
        kept
    }
}

/// Other systems let a file's folder decide who may do what.
#[cfg(not(unix))]
mod system {
    use std::fs::{File, Metadata};
    use std::io;

    pub fn keep(found: &Metadata, file: &File) -> io::Result<()> {
        file.set_permissions(found.permissions())
    }

    pub fn restrict(_: &File, _: &File) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
