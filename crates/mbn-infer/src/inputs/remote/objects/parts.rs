//! An object of a store for Parquet's reader, part by part.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use mbn_cloud::{Bytes, Ranges};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// An object as Parquet's reader wants it.
#[derive(Clone)]
pub(super) struct Parts(pub(super) Arc<Ranges>);

impl Length for Parts {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Parts {
    type T = BufReader<PartsFrom>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(PartsFrom {
            parts: self.clone(),
            place: start,
        }))
    }

    fn get_bytes(&self, start: u64, len: usize) -> Result<Bytes, ParquetError> {
        Ok(self.0.read(start, len)?)
    }
}

/// An object from some place on.
pub(super) struct PartsFrom {
    parts: Parts,
    place: u64,
}

impl Read for PartsFrom {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let found = self.parts.0.some(self.place, into.len())?;
        into[..found.len()].copy_from_slice(&found);
        self.place += found.len() as u64;
        Ok(found.len())
    }
}
