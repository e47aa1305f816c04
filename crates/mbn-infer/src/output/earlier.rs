//! What an earlier run wrote, read back: JSON lines, or CSV. What is not whole, as a process leaves it that is killed while it writes,
//! is told from the rest.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::csv::HEADER;

/// The longest result in bytes. More without an end is none.
const MAX_RECORD: usize = 1 << 26;

/// How results are written line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// JSON objects.
    Json,
    /// CSV with so many rows for an image.
    Csv(usize),
}

/// What an earlier run found for one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The input's path, as [`super::path_text`] writes it.
    pub path: String,
    /// It could not be classified.
    pub failed: bool,
}

/// Counts of an earlier run's results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Images that were classified.
    pub classified: u64,
    /// Inputs that could not be classified.
    pub failed: u64,
    /// Where the last whole result ends, in bytes.
    pub end: u64,
}

impl Counts {
    /// Number of inputs.
    pub fn inputs(&self) -> u64 {
        self.classified + self.failed
    }
}

/// The results of an earlier run in their order, up to the first that is not whole.
pub struct Results {
    content: BufReader<Box<dyn Read + Send>>,
    lines: Lines,
    /// Where the last whole result ends, in bytes.
    end: u64,
    /// Bytes read.
    read: u64,
    is_over: bool,
}

#[derive(Deserialize)]
struct Line {
    path: String,
    predictions: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

impl Results {
    /// The results in a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path, lines: Lines) -> io::Result<Self> {
        Self::new(Box::new(File::open(path)?), lines)
    }

    fn new(content: Box<dyn Read + Send>, lines: Lines) -> io::Result<Self> {
        let mut results = Self {
            content: BufReader::with_capacity(1 << 16, content),
            lines,
            end: 0,
            read: 0,
            is_over: false,
        };
        if lines != Lines::Json {
            match results.row()? {
                Some(head) if head.iter().eq(HEADER) => results.end = results.read,
                _ => results.is_over = true,
            }
        }
        Ok(results)
    }

    /// Counts them.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn count(mut self) -> io::Result<Counts> {
        let mut counts = Counts::default();
        for earlier in &mut self {
            match earlier?.failed {
                true => counts.failed += 1,
                false => counts.classified += 1,
            }
        }
        counts.end = self.end;
        Ok(counts)
    }

    fn result(&mut self) -> io::Result<Option<Earlier>> {
        match self.lines {
            Lines::Json => self.object(),
            Lines::Csv(rows) => self.rows(rows),
        }
    }

    fn object(&mut self) -> io::Result<Option<Earlier>> {
        let Some(line) = self.record(|_| true)? else {
            return Ok(None);
        };
        let Ok(line) = serde_json::from_slice::<Line>(&line) else {
            return Ok(None);
        };
        let failed = line.error.is_some();
        Ok((failed != line.predictions.is_some()).then_some(Earlier {
            path: line.path,
            failed,
        }))
    }

    /// All rows of an image.
    fn rows(&mut self, n: usize) -> io::Result<Option<Earlier>> {
        let Some(first) = self.row()? else {
            return Ok(None);
        };
        let path = first[0].to_owned();
        if first[1].is_empty() {
            return Ok(Some(Earlier { path, failed: true }));
        }
        let mut row = Some(first);
        for rank in 1..=n {
            match row {
                Some(row) if row[0] == path && row[1] == rank.to_string() => {}
                _ => return Ok(None),
            }
            row = if rank < n { self.row()? } else { None };
        }
        Ok(Some(Earlier { path, failed: false }))
    }

    fn row(&mut self) -> io::Result<Option<csv::StringRecord>> {
        // A line break between quotes belongs to a name.
        let is_whole = |row: &[u8]| row.iter().filter(|byte| **byte == b'"').count() % 2 == 0;
        let Some(row) = self.record(is_whole)? else {
            return Ok(None);
        };
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).from_reader(&row[..]);
        let row = reader.records().next().and_then(Result::ok);
        Ok(row.filter(|row| row.len() == HEADER.len()))
    }

    /// The bytes up to the end of a line with which they are whole.
    fn record(&mut self, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Option<Vec<u8>>> {
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

impl Iterator for Results {
    type Item = io::Result<Earlier>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let result = self.result().transpose();
        match &result {
            Some(Ok(_)) => self.end = self.read,
            _ => self.is_over = true,
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: [&str; 3] = [
        "{\"path\":\"a.png\",\"predictions\":[]}\n",
        "{\"path\":\"b\\n.png\",\"error\":\"no image\"}\n",
        "{\"path\":\"c.png\",\"predictions\":[{\"label\":\"x\"}]}\n",
    ];
    const CSV: [&str; 4] = [
        "path,rank,label,index,probability,error\n",
        "a.png,1,x,0,0.5,\na.png,2,\"y \"\"z\"\"\",1,0.25,\n",
        "\"b\n,.png\",,,,,\"no\nimage\"\n",
        "a.png,1,x,0,0.5,\na.png,2,\"q\nr\",1,0.25,\n",
    ];

    fn read(content: &[u8], lines: Lines) -> (Vec<Earlier>, u64) {
        let open = || Results::new(Box::new(io::Cursor::new(content.to_vec())), lines).unwrap();
        let found: Vec<_> = open().map(Result::unwrap).collect();
        let counts = open().count().unwrap();
        assert_eq!(counts.inputs(), found.len() as u64);
        let failed = found.iter().filter(|found| found.failed).count();
        assert_eq!(counts.failed, failed as u64);
        (found, counts.end)
    }

    /// Whatever instant a process is killed at, what counts is a whole number of results, and all of those that are whole.
    #[test]
    fn a_file_that_is_cut_anywhere_keeps_its_whole_results() {
        for (parts, lines) in [(&JSON[..], Lines::Json), (&CSV, Lines::Csv(2))] {
            let whole = parts.concat();
            let all = read(whole.as_bytes(), lines).0;
            assert_eq!(all.len(), 3);
            assert!(all[1].failed && all[1].path.contains('\n'));
            let ends = parts.iter().scan(0, |end, part| {
                *end += part.len();
                Some(*end)
            });
            let ends: Vec<_> = std::iter::once(0).chain(ends).collect();
            for cut in 0..=whole.len() {
                let (found, end) = read(&whole.as_bytes()[..cut], lines);
                assert_eq!(found, all[..found.len()]);
                let last = ends.iter().rfind(|end| **end <= cut).copied();
                assert_eq!(Some(end as usize), last, "{lines:?}, {cut}");
            }
        }
    }

    /// After a loss of power a file may end in zeros.
    #[test]
    fn what_is_no_result_ends_the_results() {
        let whole = JSON.concat();
        let zeros = [whole.as_bytes(), &[0; 5000], b"\n", whole.as_bytes()].concat();
        let (found, end) = read(&zeros, Lines::Json);
        assert_eq!((found.len(), end as usize), (3, whole.len()));
        for other in [
            "[]\n",
            "{\"path\":\"a\"}\n",
            "a text\n",
            "{\"path\":1,\"error\":\"x\"}\n",
        ] {
            assert_eq!(read(other.as_bytes(), Lines::Json), (Vec::new(), 0));
        }
        let other_rows = "path,rank,label,index,probability,error\na.png,1,x,0,0.5,\nb.png,1,x,0,0.5,\n";
        assert_eq!(read(other_rows.as_bytes(), Lines::Csv(2)).0.len(), 0);
        assert_eq!(read(other_rows.as_bytes(), Lines::Csv(1)).0.len(), 2);
        assert_eq!(read(whole.as_bytes(), Lines::Csv(1)), (Vec::new(), 0));
    }
}
