//! The messages of an Arrow stream, of which each gives a batch of rows. Lengths in them are checked before they are believed.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use arrow_array::ArrayRef;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::{Message, MessageHeader, RecordBatch, root_as_message};
use arrow_schema::{Schema, SchemaRef};
use mbn_data::caught;

use super::super::unless_unread;

/// What a file begins with, before its stream. It ends with the first six bytes again. More zeros may follow, which align the stream.
const MAGIC: &[u8; 8] = b"ARROW1\0\0";

/// The most groups of eight zeros that align the stream: writers align to 64 bytes at most.
const MAX_PADDING: usize = 8;

/// What the first version of Feather begins with, which is another format.
const FEATHER_1: &[u8] = b"FEA1";

/// Since 2019, this stands before the length of each message.
const CONTINUATION: u32 = u32::MAX;

/// The most bytes of a message's description.
const MAX_DESCRIPTION: u32 = 64 << 20;

/// The most bytes of a batch, which is in memory as a whole, and of each of its buffers without compression.
const MAX_BATCH: i64 = 4 << 30;

/// A stream or a file whose batches are read one after another.
pub(super) struct Batches<R> {
    content: R,
    schema: SchemaRef,
    column: usize,
    is_file: bool,
}

/// What follows in a stream.
pub(super) enum Found {
    /// The column of a batch.
    Column(ArrayRef),
    /// The end that its writer marked.
    End,
    /// The end of the content, which its writer did not mark.
    Cut,
}

/// A message: its description, and what that describes.
struct Parts {
    description: Vec<u8>,
    body: Buffer,
}

impl<R: Read> Batches<R> {
    /// Reads the schema.
    pub(super) fn open(mut content: R) -> Result<Self> {
        let mut start = eight(&mut content)?;
        if start.starts_with(FEATHER_1) {
            bail!("it is a Feather file of version 1, expected version 2, which is an Arrow file");
        }
        let is_file = start == MAGIC;
        if is_file {
            start = eight(&mut content)?;
            for _ in 0..MAX_PADDING {
                if start != [0; MAGIC.len()] {
                    break;
                }
                start = eight(&mut content)?;
            }
        }
        let first = read(&mut start.as_slice().chain(&mut content)).map_err(Into::into);
        let first = unless_unread(first, "it is no Arrow stream or file")?;
        let Some(Parts { description, .. }) = first else {
            bail!("it is no Arrow stream or file: it is empty");
        };
        let message = message(&description).context("it is no Arrow stream or file")?;
        let schema = message.header_as_schema();
        let schema = schema.context("it is no Arrow stream or file: its first message is not a schema")?;
        let schema: Schema = try_fb_to_schema(schema).context("its schema cannot be read")?;
        Ok(Self {
            content,
            schema: Arc::new(schema),
            column: 0,
            is_file,
        })
    }

    /// The names and types of the columns.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Reads the column at this place.
    pub(super) fn select(&mut self, column: usize) {
        self.column = column;
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> Result<Found> {
        loop {
            let parts = match read(&mut self.content) {
                Ok(Some(parts)) => parts,
                Ok(None) => return Ok(self.end()?),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Found::Cut),
                Err(error) => return Err(error.into()),
            };
            let message = message(&parts.description)?;
            match message.header_type() {
                MessageHeader::RecordBatch => {
                    let batch = message.header_as_record_batch();
                    let batch = batch.context("a message without the batch that it announces")?;
                    return self.column(&message, batch, &parts.body);
                }
                // The selected column has no dictionary.
                MessageHeader::DictionaryBatch => {}
                other => bail!("an unexpected message, {other:?}"),
            }
        }
    }

    fn column(&self, message: &Message<'_>, batch: RecordBatch<'_>, body: &Buffer) -> Result<Found> {
        check(&batch, body)?;
        let (dictionaries, version) = (HashMap::new(), message.version());
        let decode = || {
            RecordBatchDecoder::try_new(body, batch, self.schema(), &dictionaries, &version)?
                .with_projection(Some(&[self.column]))
                .read_record_batch()
        };
        // Buffers whose place or length suits no element make the decoder panic.
        let batch = caught(decode).ok_or_else(|| anyhow!("a batch contradicts its schema"))??;
        let column = batch.columns().first();
        Ok(Found::Column(Arc::clone(
            column.context("a batch without columns")?,
        )))
    }

    /// What the end of the stream is. A file has more behind it.
    fn end(&mut self) -> io::Result<Found> {
        if !self.is_file {
            return Ok(Found::End);
        }
        let mut last = Last::default();
        io::copy(&mut self.content, &mut last)?;
        let is_whole = last.0.ends_with(&MAGIC[..6]);
        Ok(if is_whole { Found::End } else { Found::Cut })
    }
}

/// Reads a message; `None` at the mark of the stream's end.
///
/// # Errors
/// [`io::ErrorKind::UnexpectedEof`] where the content ends without a mark.
fn read(content: &mut impl Read) -> io::Result<Option<Parts>> {
    let mut length = || {
        let mut bytes = [0; 4];
        content.read_exact(&mut bytes)?;
        io::Result::Ok(u32::from_le_bytes(bytes))
    };
    let mut len = length()?;
    if len == CONTINUATION {
        len = length()?;
    }
    if len == 0 {
        return Ok(None);
    }
    if len > MAX_DESCRIPTION {
        return Err(invalid(format!("a message's description has {len} bytes")));
    }
    let description = exactly(content, len.into())?;
    let body = message(&description)?.bodyLength();
    if !(0..=MAX_BATCH).contains(&body) {
        return Err(invalid(format!(
            "a batch has {body} bytes, expected at most {MAX_BATCH}"
        )));
    }
    let body = Buffer::from_vec(exactly(content, body.unsigned_abs())?);
    Ok(Some(Parts { description, body }))
}

/// The next eight bytes, or fewer at the end.
fn eight(content: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Memory grows with what is there, not with what is announced.
fn exactly(content: &mut impl Read, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.take(len).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == len {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn message(description: &[u8]) -> io::Result<Message<'_>> {
    root_as_message(description).map_err(|error| invalid(format!("a message cannot be read: {error}")))
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Checks that a batch's buffers are in its body, and what they say of their size without compression.
fn check(batch: &RecordBatch<'_>, body: &Buffer) -> Result<()> {
    for buffer in batch.buffers().iter().flatten() {
        let (start, len) = (
            usize::try_from(buffer.offset())?,
            usize::try_from(buffer.length())?,
        );
        let end = start.checked_add(len).context("a buffer's end has no number")?;
        let content = body.get(start..end).context("a buffer is not in its batch")?;
        if let (Some(_), Some(size)) = (batch.compression(), content.first_chunk()) {
            let size = i64::from_le_bytes(*size);
            ensure!(
                size <= MAX_BATCH,
                "a buffer has {size} bytes, expected at most {MAX_BATCH}"
            );
        }
    }
    Ok(())
}

/// Keeps the last bytes that were written to it.
#[derive(Default)]
struct Last(Vec<u8>);

impl io::Write for Last {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .extend_from_slice(&bytes[bytes.len().saturating_sub(MAGIC.len())..]);
        let excess = self.0.len().saturating_sub(MAGIC.len());
        self.0.drain(..excess);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
