//! Links that would lead a walk out of its folder and back into it.

use std::path::Path;

use mbn_files::or_current;

use super::left_out::Reason;

/// Tells whether a folder, given with all links resolved, belongs to another class.
pub(crate) type IsForeign<'a> = &'a (dyn Fn(&Path) -> bool + Sync);

/// No folder belongs to another class.
pub(crate) fn nothing_is_foreign(_: &Path) -> bool {
    false
}

/// Why a link to a folder is not followed, if it is not: it leads to a folder above it, or to another class's.
///
/// `link` lies `depth` levels below the folder in which the walk began. A folder above is one above the link's own place
/// or above the place of any link that led there, so that no walk reaches what its own folder lies in.
pub(crate) fn barred(link: &Path, depth: usize, is_foreign: IsForeign) -> Option<Reason> {
    let target = link.canonicalize().ok()?;
    // The last of these is the folder in which the walk began.
    let mut folders = link.ancestors().skip(1).take(depth);
    let leads_up = |folder: &Path| {
        or_current(folder)
            .canonicalize()
            .is_ok_and(|real| real.starts_with(&target))
    };
    if folders.any(leads_up) {
        return Some(Reason::LinkAbove);
    }
    is_foreign(&target).then_some(Reason::LinkToClass)
}
