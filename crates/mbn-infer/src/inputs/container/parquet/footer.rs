//! The schema in the footer of a Parquet file, which is looked at before the `parquet` crate reads it: that crate calls itself for
//! each level of groups, and reserves memory for as many fields as a group announces. A file could so end the program.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use parquet::file::metadata::{FooterTail, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::SchemaDescriptor;

use super::cause;

/// Bytes at the end of a file: the footer's length, and the mark `PAR1`.
const TAIL: u64 = 8;

/// The most groups within each other.
const MOST_LEVELS: usize = 64;

/// The most bytes of the names of all columns, with the groups that they are in.
const MOST_NAMES: usize = 64 << 20;

/// The most structures within each other in the description of one field.
const MOST_STRUCTURES: usize = 16;

/// Thrift's types of fields, in its compact form.
mod kind {
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const STRUCT: u8 = 12;
}

/// Reads the schema of a file.
///
/// # Errors
/// It cannot be read, is none, or has too many groups within each other.
pub(super) fn schema(content: &impl ChunkReader) -> Result<Arc<SchemaDescriptor>> {
    let size = content.len();
    let Some(tail_start) = size.checked_sub(TAIL) else {
        bail!("it has {size} bytes, expected at least {}", TAIL + 4);
    };
    let tail = content.get_bytes(tail_start, TAIL as usize).map_err(cause)?;
    let tail: &[u8; TAIL as usize] = tail[..].try_into()?;
    let tail = FooterTail::try_new(tail)?;
    ensure!(!tail.is_encrypted_footer(), "its footer is encrypted");
    let len = tail.metadata_length();
    let start = tail_start.checked_sub(len as u64);
    let start = start.with_context(|| format!("its footer should have {len} bytes, the file has {size}"))?;
    let footer = content.get_bytes(start, len).map_err(cause)?;
    check(&footer).context("its schema cannot be read")?;
    Ok(ParquetMetaDataReader::decode_schema(&footer)?)
}

/// Checks the schema: a list of fields, each group before its own, behind the version. Refuses what the `parquet` crate might read
/// otherwise than it is read here.
fn check(footer: &[u8]) -> Result<()> {
    let mut thrift = Thrift(footer);
    let mut last = 0;
    while let Some((id, kind)) = thrift.field(&mut last)? {
        if id == 2 {
            ensure!(kind == kind::LIST, "it is no list");
            return check_fields(&mut thrift);
        }
        thrift.skip(kind, &mut vec![id], |_, _| true)?;
    }
    bail!("there is none")
}

fn check_fields(thrift: &mut Thrift<'_>) -> Result<()> {
    let count = thrift.list_of_structures()?;
    // Of each group around the next field, how many fields follow in it, and the bytes of its name with those around it.
    let mut groups: Vec<(usize, usize)> = Vec::new();
    let mut names = 0;
    for place in 0..count {
        while groups.last().is_some_and(|(left, _)| *left == 0) {
            groups.pop();
        }
        let around = groups.last_mut().map_or(0, |(left, name)| {
            *left -= 1;
            *name
        });
        let Field { children, name } = field(thrift)?;
        let name = around + name + 1;
        if children == 0 {
            names += name;
            ensure!(
                names <= MOST_NAMES,
                "the names of its columns have more than {MOST_NAMES} bytes"
            );
            continue;
        }
        ensure!(
            children < count - place,
            "a group should have {children} fields, but {} follow",
            count - place - 1
        );
        groups.push((children, name));
        ensure!(
            groups.len() <= MOST_LEVELS,
            "it has more than {MOST_LEVELS} groups within each other"
        );
    }
    Ok(())
}

/// What counts of a field.
struct Field {
    /// Fields in it, if it is a group.
    children: usize,
    /// Bytes of its name.
    name: usize,
}

fn field(thrift: &mut Thrift<'_>) -> Result<Field> {
    let mut found = Field { children: 0, name: 0 };
    let mut last = 0;
    while let Some((id, kind)) = thrift.field(&mut last)? {
        ensure!(has_its_type(&[id], kind), "field {id} has the type {kind}");
        match id {
            4 => found.name = thrift.binary()?,
            // The last one counts.
            5 => {
                let children = i32::try_from(thrift.signed()?)?;
                found.children = children.try_into().context("a group with less than no fields")?;
            }
            _ => thrift.skip(kind, &mut vec![id], has_its_type)?,
        }
    }
    Ok(found)
}

/// Whether the field at these numbers within the description of a schema's field has the type that it should have. The `parquet`
/// crate takes that for granted, and would read on from another place.
fn has_its_type(numbers: &[i16], kind: u8) -> bool {
    let expected = match numbers {
        [1..=3 | 5..=9] | [10, 5, 1 | 2] | [10, 18, 2] => kind::I32,
        [4] | [10, 17 | 18, 1] => kind::BINARY,
        [10] | [10, _] | [10, 7 | 8, 2] | [10, 7 | 8, 2, _] => kind::STRUCT,
        [10, 10 | 16, 1] => kind::BYTE,
        [10, 7 | 8, 1] | [10, 10, 2] => return matches!(kind, kind::TRUE | kind::FALSE),
        _ => return true,
    };
    kind == expected
}

/// What follows in data of Thrift's compact form.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8> {
        let (byte, rest) = self.0.split_first().context("it ends early")?;
        self.0 = rest;
        Ok(*byte)
    }

    fn skip_bytes(&mut self, count: usize) -> Result<()> {
        self.0 = self.0.get(count..).context("it ends early")?;
        Ok(())
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("a number has more than 63 bits")
    }

    fn signed(&mut self) -> Result<i64> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Goes behind bytes of which the length is given, and returns that.
    fn binary(&mut self) -> Result<usize> {
        let len = usize::try_from(self.unsigned()?)?;
        self.skip_bytes(len)?;
        Ok(len)
    }

    /// The number and the type of the next field of a structure; `None` at its end. `last` is the number of the field before it.
    fn field(&mut self, last: &mut i16) -> Result<Option<(i16, u8)>> {
        let head = self.byte()?;
        let (delta, kind) = (head >> 4, head & 0xf);
        if kind == 0 {
            return Ok(None);
        }
        *last = match delta {
            0 => i16::try_from(self.signed()?)?,
            delta => last.checked_add(delta.into()).context("a field has no number")?,
        };
        Ok(Some((*last, kind)))
    }

    /// The number of structures in the list that follows.
    fn list_of_structures(&mut self) -> Result<usize> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => usize::try_from(self.unsigned()?)?,
            count => count.into(),
        };
        ensure!(
            count == 0 || head & 0xf == kind::STRUCT,
            "it is no list of structures"
        );
        // Each has a byte at least.
        ensure!(count <= self.0.len(), "it ends early");
        Ok(count)
    }

    /// Goes behind a value. `numbers` are those of the fields that lead to it, and `is_allowed` says which types a field may have.
    fn skip(
        &mut self,
        kind: u8,
        numbers: &mut Vec<i16>,
        is_allowed: impl Fn(&[i16], u8) -> bool + Copy,
    ) -> Result<()> {
        match kind {
            kind::TRUE | kind::FALSE => Ok(()),
            kind::BYTE => self.skip_bytes(1),
            kind::I16 | kind::I32 | kind::I64 => self.unsigned().map(drop),
            kind::DOUBLE => self.skip_bytes(8),
            kind::BINARY => self.binary().map(drop),
            kind::STRUCT => {
                ensure!(
                    numbers.len() < MOST_STRUCTURES,
                    "it has too many structures within each other"
                );
                let mut last = 0;
                while let Some((id, kind)) = self.field(&mut last)? {
                    numbers.push(id);
                    ensure!(is_allowed(numbers, kind), "field {numbers:?} has the type {kind}");
                    self.skip(kind, numbers, is_allowed)?;
                    numbers.pop();
                }
                Ok(())
            }
            _ => bail!("a value has the type {kind}"),
        }
    }
}
