//! The lines of a file of results. What a process that is killed leaves of the last one is none.

use std::io::{self, BufRead, BufReader, Read};

/// The longest record in bytes. More without an end is none.
const MAX_RECORD: usize = 1 << 26;

/// Records one after another, and how many bytes they take.
pub(super) struct Records {
    content: BufReader<Box<dyn Read + Send>>,
    read: u64,
}

impl Records {
    pub(super) fn new(content: Box<dyn Read + Send>) -> Self {
        Self {
            content: BufReader::with_capacity(1 << 16, content),
            read: 0,
        }
    }

    /// Bytes up to the end of the last record.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// The bytes up to the end of a line with which they are whole; `None` if there is no such end.
    pub(super) fn next(&mut self, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Option<Vec<u8>>> {
        let mut record = Vec::new();
        loop {
            let room = MAX_RECORD.saturating_sub(record.len()) as u64;
            let read = self.content.by_ref().take(room).read_until(b'\n', &mut record)?;
            self.read += read as u64;
            if read == 0 || !record.ends_with(b"\n") {
                return Ok(None);
            }
            if is_whole(&record) {
                return Ok(Some(record));
            }
        }
    }
}
