//! Instructions on values of other values.

use super::super::PickleError;
use super::super::values::{Id, Value};
use super::Machine;

impl Machine<'_> {
    /// Runs an instruction that makes or fills a value of other values, or numbers one.
    pub(super) fn step_of_objects(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            b']' => self.add_detail(Value::List(Vec::new()), self.list),
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)
            }
            b'l' => {
                let items = self.pop_to_mark()?;
                self.add_detail(Value::List(items), self.list)
            }
            0x8f => self.push(self.set),
            0x90 => self.pop_to_mark().map(drop),
            0x91 => {
                self.pop_to_mark()?;
                self.push(self.set)
            }
            b')' => self.tuple(0),
            0x85..=0x87 => self.tuple(usize::from(code - 0x84)),
            b't' => {
                let items = self.pop_to_mark()?;
                self.add(Value::Tuple(items.into()))
            }
            b'}' => self.add(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.add(Value::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(&items)
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let (module, name) = (self.make(Value::Text(module))?, self.make(Value::Text(name))?);
                self.add(Value::Global(module, name))
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                self.add(Value::Global(module, name))
            }
            b'R' | 0x81 => {
                let args = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, args)
            }
            0x92 => {
                self.pop()?;
                let args = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, args)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                self.values.set_state(object, state);
                Ok(())
            }
            b'Q' => {
                let id = self.pop()?;
                self.add(Value::Persistent(id))
            }
            b'q' => {
                let index = self.byte()?.into();
                self.put(index)
            }
            b'r' => {
                let index = u32::from_le_bytes(self.array()?);
                self.put(index)
            }
            // There are fewer than 2^32 entries.
            0x94 => self.put(self.memo.len() as u32),
            b'h' => {
                let index = self.byte()?.into();
                self.get(index)
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                self.get(index)
            }
            code => Err(PickleError::Opcode { code, at: self.start }),
        }
    }

    /// Records a call. Only an empty ordered dictionary becomes what the call would make.
    fn call(&mut self, callable: Id, args: Id) -> Result<(), PickleError> {
        let no_args = self.values.tuple(args).is_some_and(<[Id]>::is_empty);
        let made = match self.values.global(callable) {
            Some(("collections", "OrderedDict")) if no_args => Value::Dict(Vec::new()),
            _ => Value::Call(callable, args),
        };
        self.add(made)
    }

    /// Appends items to the top of the stack. Of an object that is not made, they are not kept.
    fn append(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let top = self.top()?;
        if let Value::List(list) = self.values.get_mut(top) {
            list.extend(items);
        }
        Ok(())
    }

    /// Sets pairs of key and value on the top of the stack. Of an object that is not made, they are not kept.
    fn set_items(&mut self, items: &[Id]) -> Result<(), PickleError> {
        let (pairs, rest) = items.as_chunks::<2>();
        let top = self.top()?;
        match self.values.get_mut(top) {
            _ if !rest.is_empty() => Err(self.senseless("a key has no value")),
            Value::Dict(entries) => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
                Ok(())
            }
            Value::Call(..) => Ok(()),
            _ => Err(self.senseless("it sets an entry of something other than a dictionary")),
        }
    }

    fn tuple(&mut self, len: usize) -> Result<(), PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(len).filter(|start| *start >= floor) {
            Some(start) => {
                let items = self.stack.split_off(start);
                self.add(Value::Tuple(items.into()))
            }
            None => Err(self.senseless("the stack is empty")),
        }
    }
}
