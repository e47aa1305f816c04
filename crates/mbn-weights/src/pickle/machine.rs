//! The instructions of a pickle, which make its values. It calls nothing, and does not recurse.

mod objects;

use std::collections::HashMap;

use super::values::{Id, Value, Values};
use super::{MAX_VALUES, PickleError};

/// Protocols that PyTorch can write into a zip: 2 unless asked otherwise.
const PROTOCOLS: std::ops::RangeInclusive<u8> = 2..=5;

/// Runs a pickle. Returns its values, and the place of the one that it stands for.
pub(super) fn run(data: &[u8]) -> Result<(Values<'_>, Id), PickleError> {
    let mut machine = Machine::new(data);
    loop {
        machine.start = machine.at;
        let code = machine.byte()?;
        if code == b'.' {
            let root = machine.pop()?;
            return Ok((machine.values, root));
        }
        machine.step(code)?;
    }
}

struct Machine<'a> {
    data: &'a [u8],
    /// The next byte.
    at: usize,
    /// The instruction that is being run.
    start: usize,
    values: Values<'a>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Values of which nothing more is kept, made once.
    none: Id,
    booleans: [Id; 2],
    number: Id,
    bytes: Id,
    list: Id,
    set: Id,
}

impl<'a> Machine<'a> {
    fn new(data: &'a [u8]) -> Self {
        let mut values = Values::default();
        let mut other = |kind| values.add(Value::Other(kind));
        let (none, number, bytes) = (other("None"), other("a number"), other("bytes"));
        let (list, set) = (other("a list"), other("a set"));
        let booleans = [false, true].map(|value| values.add(Value::Bool(value)));
        Self {
            data,
            at: 0,
            start: 0,
            values,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            none,
            booleans,
            number,
            bytes,
            list,
            set,
        }
    }

    fn step(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            0x80 => match self.byte()? {
                protocol if PROTOCOLS.contains(&protocol) => Ok(()),
                _ => Err(self.senseless("its protocol is none of 2 to 5")),
            },
            // A frame's length only helps to read ahead.
            0x95 => self.take(8).map(drop),
            b'(' => self.mark(),
            b'0' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push(top)
            }
            b'N' => self.push(self.none),
            0x88 => self.push(self.booleans[1]),
            0x89 => self.push(self.booleans[0]),
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.add(Value::Int(value.into()))
            }
            b'K' => {
                let value = self.byte()?;
                self.add(Value::Int(value.into()))
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.add(Value::Int(value.into()))
            }
            0x8a => {
                let length = self.byte()?.into();
                self.long(length)
            }
            0x8b => {
                let length = self.length::<4>()?;
                self.long(length)
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.add_detail(Value::Float(value), self.number)
            }
            0x8c | b'U' => {
                let length = self.byte()?.into();
                self.text(length)
            }
            b'X' | b'T' => {
                let length = self.length::<4>()?;
                self.text(length)
            }
            0x8d => {
                let length = self.length::<8>()?;
                self.text(length)
            }
            b'C' => {
                let length = self.byte()?.into();
                self.bytes(length)
            }
            b'B' => {
                let length = self.length::<4>()?;
                self.bytes(length)
            }
            0x8e | 0x96 => {
                let length = self.length::<8>()?;
                self.bytes(length)
            }
            _ => self.step_of_objects(code),
        }
    }

    fn long(&mut self, length: usize) -> Result<(), PickleError> {
        let bytes = self.take(length)?;
        match bytes.len() {
            0 => self.add(Value::Int(0)),
            len @ 1..=8 => {
                let sign = if bytes[len - 1] & 0x80 == 0 { 0 } else { 0xff };
                let mut value = [sign; 8];
                value[..len].copy_from_slice(bytes);
                self.add(Value::Int(i64::from_le_bytes(value)))
            }
            _ => self.push(self.number),
        }
    }

    fn text(&mut self, length: usize) -> Result<(), PickleError> {
        match std::str::from_utf8(self.take(length)?) {
            Ok(text) => self.add(Value::Text(text)),
            // A lone surrogate, or a string of Python 2.
            Err(_) => self.push(self.bytes),
        }
    }

    fn bytes(&mut self, length: usize) -> Result<(), PickleError> {
        self.take(length)?;
        self.push(self.bytes)
    }

    fn put(&mut self, index: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(index, top);
        self.limit(self.memo.len())
    }

    fn get(&mut self, index: u32) -> Result<(), PickleError> {
        match self.memo.get(&index) {
            Some(id) => self.push(*id),
            None => Err(self.senseless("it takes up a value that was not numbered")),
        }
    }

    /// Adds a value and pushes it.
    fn add(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        let id = self.make(value)?;
        self.push(id)
    }

    /// Adds and pushes a value that no tensor is made from. Training scripts may save any number of these: once half of all
    /// values are made, nothing is kept of further ones but their kind, so that the tensors can still be read.
    fn add_detail(&mut self, value: Value<'a>, kind: Id) -> Result<(), PickleError> {
        match self.values.len() < MAX_VALUES / 2 {
            true => self.add(value),
            false => self.push(kind),
        }
    }

    fn make(&mut self, value: Value<'a>) -> Result<Id, PickleError> {
        self.limit(self.values.len())?;
        Ok(self.values.add(value))
    }

    fn push(&mut self, id: Id) -> Result<(), PickleError> {
        self.limit(self.stack.len())?;
        self.stack.push(id);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), PickleError> {
        self.limit(self.marks.len())?;
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn limit(&self, count: usize) -> Result<(), PickleError> {
        match count > MAX_VALUES {
            true => Err(PickleError::TooManyValues(MAX_VALUES)),
            false => Ok(()),
        }
    }

    /// The top of the stack above the last mark.
    fn top(&self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[Id]>::last);
        top.copied().ok_or_else(|| self.senseless("the stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.senseless("there is no mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn senseless(&self, problem: &'static str) -> PickleError {
        let at = self.start;
        PickleError::Senseless { at, problem }
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.take(N)?;
        bytes
            .first_chunk()
            .copied()
            .ok_or(PickleError::Truncated(self.start))
    }

    /// A length of `N` bytes in little endian.
    fn length<const N: usize>(&mut self) -> Result<usize, PickleError> {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.array::<N>()?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| PickleError::Truncated(self.start))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let rest = &self.data[self.at..];
        let (taken, _) = rest
            .split_at_checked(length)
            .ok_or(PickleError::Truncated(self.start))?;
        self.at += length;
        Ok(taken)
    }

    /// Text up to the end of the line.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.data[self.at..];
        let end = memchr::memchr(b'\n', rest).ok_or(PickleError::Truncated(self.start))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| self.senseless("a name is not UTF-8"))
    }
}
