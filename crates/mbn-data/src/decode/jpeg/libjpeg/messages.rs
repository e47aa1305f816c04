//! libjpeg's errors and warnings. Either unwinds from libjpeg to [`decode`](super::decode) with a [`Message`]: the crate
//! compiles libjpeg with unwind tables for this, and every callback has the ABI `C-unwind`.

use std::mem::MaybeUninit;
use std::panic::resume_unwind;

use mozjpeg_sys as ffi;
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};

/// A number in libjpeg's list of messages (`jerror.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message(i32);

impl Message {
    /// A marker comes before the last pixel. libjpeg would fill up with grey.
    pub(super) const DATA_END: Self = Self(ffi::JWRN_HIT_MARKER);

    /// What is wrong with the file.
    pub(super) fn reason(self) -> &'static str {
        match self.0 {
            ffi::JERR_NO_HUFF_TABLE => "a Huffman table is missing",
            ffi::JERR_BAD_HUFF_TABLE | ffi::JERR_DHT_INDEX => "a Huffman table is damaged",
            ffi::JERR_NO_QUANT_TABLE => "a quantisation table is missing",
            ffi::JERR_DQT_INDEX => "a quantisation table is damaged",
            ffi::JERR_BAD_PROGRESSION | ffi::JWRN_BOGUS_PROGRESSION => "its scans contradict each other",
            ffi::JERR_BAD_MCU_SIZE => "a scan holds more blocks than one may",
            ffi::JERR_OUT_OF_MEMORY => "it needs more memory than there is",
            ffi::JWRN_MUST_RESYNC => "its restart markers are out of order",
            ffi::JERR_BAD_LENGTH => "a segment has a wrong length",
            _ => "its data are damaged",
        }
    }

    /// Whether the pixels are right all the same: what is odd lies between segments, or in a segment that says nothing of
    /// pixels.
    fn is_harmless(self) -> bool {
        matches!(
            self.0,
            ffi::JWRN_ADOBE_XFORM
                | ffi::JWRN_EXTRANEOUS_DATA
                | ffi::JWRN_JFIF_MAJOR
                | ffi::JWRN_JPEG_EOF
                | ffi::JWRN_NOT_SEQUENTIAL
        )
    }
}

/// Makes libjpeg unwind with a [`Message`] instead of ending the program or printing.
pub(super) fn manager() -> jpeg_error_mgr {
    let mut manager = MaybeUninit::<jpeg_error_mgr>::zeroed();
    // SAFETY: all fields are integers, pointers or `Option`s of functions, for which zero is valid. `jpeg_std_error` writes
    // only into the struct, and keeps no reference to it.
    let mut manager = unsafe {
        ffi::jpeg_std_error(manager.assume_init_mut());
        manager.assume_init()
    };
    manager.error_exit = Some(stop);
    manager.emit_message = Some(weigh);
    manager
}

fn message(cinfo: &jpeg_common_struct) -> Message {
    // SAFETY: libjpeg calls back with the struct whose `err` `Decompress` has set to a manager that it owns, and sets the
    // number of the message before.
    Message(unsafe { (*cinfo.err).msg_code })
}

/// Called for an error; must not return.
extern "C-unwind" fn stop(cinfo: &mut jpeg_common_struct) {
    resume_unwind(Box::new(message(cinfo)));
}

/// Called for a warning, which has a negative level, and for notes.
extern "C-unwind" fn weigh(cinfo: &mut jpeg_common_struct, level: i32) {
    let message = message(cinfo);
    if level < 0 && !message.is_harmless() {
        resume_unwind(Box::new(message));
    }
}
