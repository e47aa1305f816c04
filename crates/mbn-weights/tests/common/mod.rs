//! Writes PyTorch checkpoints: a small pickler, and the zip around it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use mbn_spec::{Alpha, Architecture, Metadata, TensorKind};
use mbn_weights::Weights;
use mbn_weights::pickle::{Checkpoint, PickleError, Tensor, read};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What a pickle is made of.
#[derive(Clone, Debug)]
pub enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Object>),
    Tuple(Vec<Object>),
    Dict(Vec<(Object, Object)>),
    Global(&'static str, &'static str),
    /// A call by `REDUCE`.
    Call(Box<Object>, Box<Object>),
    /// A call by `NEWOBJ`, and the object's state.
    New(Box<Object>, Box<Object>),
    /// `collections.OrderedDict`, with `_metadata` as a state dict has.
    StateDict(Vec<(Object, Object)>),
    Persistent(Box<Object>),
}

pub use Object::*;

pub fn text(text: &str) -> Object {
    Text(text.to_owned())
}

pub fn ints(values: &[usize]) -> Object {
    Tuple(values.iter().map(|value| Int(*value as i64)).collect())
}

/// A view on a storage.
#[derive(Clone, Debug)]
pub struct View {
    pub class: &'static str,
    pub key: &'static str,
    pub count: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl View {
    pub fn object(&self) -> Object {
        let storage = Tuple(vec![
            text("storage"),
            Global("torch", self.class),
            text(self.key),
            text("cpu"),
            Int(self.count as i64),
        ]);
        let args = Tuple(vec![
            Persistent(storage.into()),
            Int(self.offset as i64),
            ints(&self.shape),
            ints(&self.strides),
            Bool(false),
            Call(Global("collections", "OrderedDict").into(), Tuple(vec![]).into()),
        ]);
        Call(Global("torch._utils", "_rebuild_tensor_v2").into(), args.into())
    }
}

/// Strides of a contiguous tensor.
pub fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dim in (1..shape.len()).rev() {
        strides[dim - 1] = strides[dim] * shape[dim];
    }
    strides
}

/// A pickle of protocol 2 or 4.
pub fn pickled(object: &Object, protocol: u8) -> Vec<u8> {
    let mut pickler = Pickler {
        out: vec![0x80, protocol],
        protocol,
        numbered: 0,
    };
    pickler.write(object);
    pickler.out.push(b'.');
    pickler.out
}

struct Pickler {
    out: Vec<u8>,
    protocol: u8,
    numbered: u32,
}

impl Pickler {
    fn write(&mut self, object: &Object) {
        match object {
            None => self.out.push(b'N'),
            Bool(true) => self.out.push(0x88),
            Bool(false) => self.out.push(0x89),
            Int(value @ 0..=255) => self.out.extend([b'K', *value as u8]),
            Int(value @ 256..=65535) => {
                self.out.push(b'M');
                self.out.extend((*value as u16).to_le_bytes());
            }
            Int(value) => match i32::try_from(*value) {
                Ok(value) => {
                    self.out.push(b'J');
                    self.out.extend(value.to_le_bytes());
                }
                Err(_) => {
                    self.out.extend([0x8a, 8]);
                    self.out.extend(value.to_le_bytes());
                }
            },
            Float(value) => {
                self.out.push(b'G');
                self.out.extend(value.to_be_bytes());
            }
            Text(text) => self.text(text),
            List(items) => {
                self.out.push(b']');
                self.number();
                self.out.push(b'(');
                items.iter().for_each(|item| self.write(item));
                self.out.push(b'e');
            }
            Tuple(items) => {
                if items.len() > 3 {
                    self.out.push(b'(');
                }
                items.iter().for_each(|item| self.write(item));
                self.out.push(match items.len() {
                    0 => b')',
                    len @ 1..=3 => 0x84 + len as u8,
                    _ => b't',
                });
                self.number();
            }
            Dict(entries) => {
                self.out.push(b'}');
                self.number();
                self.entries(entries);
            }
            Global(module, name) => self.global(module, name),
            Call(callable, args) => {
                self.write(callable);
                self.write(args);
                self.out.push(b'R');
                self.number();
            }
            New(class, state) => {
                self.write(class);
                self.out.extend([b')', 0x81]);
                self.number();
                self.write(state);
                self.out.push(b'b');
            }
            StateDict(entries) => {
                self.global("collections", "OrderedDict");
                self.out.extend(b")R");
                self.number();
                self.entries(entries);
                self.write(&Dict(vec![(text("_metadata"), Dict(vec![]))]));
                self.out.push(b'b');
            }
            Persistent(id) => {
                self.write(id);
                self.out.push(b'Q');
            }
        }
    }

    fn entries(&mut self, entries: &[(Object, Object)]) {
        if let [(key, value)] = entries {
            self.write(key);
            self.write(value);
            return self.out.push(b's');
        }
        self.out.push(b'(');
        for (key, value) in entries {
            self.write(key);
            self.write(value);
        }
        self.out.push(b'u');
    }

    fn text(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(len) if self.protocol >= 4 => self.out.extend([0x8c, len]),
            _ => {
                self.out.push(b'X');
                self.out.extend((text.len() as u32).to_le_bytes());
            }
        }
        self.out.extend(text.as_bytes());
        self.number();
    }

    fn global(&mut self, module: &str, name: &str) {
        if self.protocol >= 4 {
            self.text(module);
            self.text(name);
            self.out.push(0x93);
        } else {
            self.out.extend(format!("c{module}\n{name}\n").bytes());
        }
        self.number();
    }

    /// Numbers the top of the stack, as Python does after almost every value.
    fn number(&mut self) {
        match u8::try_from(self.numbered) {
            _ if self.protocol >= 4 => self.out.push(0x94),
            Ok(number) => self.out.extend([b'q', number]),
            Err(_) => {
                self.out.push(b'r');
                self.out.extend(self.numbered.to_le_bytes());
            }
        }
        self.numbered += 1;
    }
}

/// The zip of files, stored.
pub fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A checkpoint of a pickle and the bytes of storages by key.
pub fn checkpoint(pickle: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<_> = storages
        .iter()
        .map(|(key, _)| format!("archive/data/{key}"))
        .collect();
    let mut files: Vec<(&str, &[u8])> = vec![
        ("archive/data.pkl", pickle),
        ("archive/byteorder", b"little"),
        ("archive/version", b"3\n"),
    ];
    files.extend(
        names
            .iter()
            .zip(storages)
            .map(|(name, (_, bytes))| (&name[..], *bytes)),
    );
    zipped(&files)
}

/// The storage `0` that the other functions' views are on: the floats 0, 1, 2, ...
pub fn floats(count: usize) -> Vec<u8> {
    (0..count).flat_map(|i| (i as f32).to_le_bytes()).collect()
}

/// A contiguous float tensor of storage `0`.
pub fn float_view(shape: &[usize]) -> View {
    View {
        class: "FloatStorage",
        key: "0",
        count: shape.iter().product(),
        offset: 0,
        shape: shape.to_vec(),
        strides: row_major(shape),
    }
}

/// The values of a float tensor.
pub fn values(tensor: &Tensor) -> Vec<f32> {
    let values = tensor.bytes.as_chunks().0.iter();
    values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A dictionary with these keys.
pub fn with(entries: Vec<(&str, Object)>) -> Object {
    Dict(
        entries
            .into_iter()
            .map(|(key, value)| (text(key), value))
            .collect(),
    )
}

/// An alpha 0.25 network in which no two tensors hold the same values.
pub fn weights() -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let (mut floats, mut counters) = (BTreeMap::new(), BTreeMap::new());
    for (i, spec) in architecture.tensors().into_iter().enumerate() {
        let len = spec.shape.iter().product::<usize>();
        match spec.kind {
            TensorKind::Counter => drop(counters.insert(spec.name, i as i64)),
            _ => drop(floats.insert(spec.name, (0..len).map(|j| (i * 31 + j) as f32 * 0.01).collect())),
        }
    }
    Weights::new(architecture, Metadata::default(), floats, counters).unwrap()
}

/// Entries of a state dict, and the bytes of the storages that they are views on.
pub type Saved = (Vec<(Object, Object)>, Vec<(&'static str, Vec<u8>)>);

/// The entries of a state dict with these weights, under other names, and the storages that they are views on.
pub fn saved(weights: &Weights, rename: impl Fn(&str) -> String) -> Saved {
    let (mut entries, mut contents) = (Vec::new(), Vec::new());
    for spec in weights.architecture().tensors() {
        let (class, bytes) = match spec.kind {
            TensorKind::Counter => ("LongStorage", weights.counter(&spec.name).to_le_bytes().to_vec()),
            _ => {
                let values = weights.values(&spec.name).iter();
                ("FloatStorage", values.flat_map(|v| v.to_le_bytes()).collect())
            }
        };
        let key: &'static str = contents.len().to_string().leak();
        let view = View {
            class,
            key,
            ..float_view(&spec.shape)
        };
        entries.push((text(&rename(&spec.name)), view.object()));
        contents.push((key, bytes));
    }
    (entries, contents)
}

/// A checkpoint of a pickle and the storages of [`saved`].
pub fn with_contents(pickle: &[u8], contents: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let contents: Vec<_> = contents.iter().map(|(key, bytes)| (*key, &bytes[..])).collect();
    checkpoint(pickle, &contents)
}

/// Reads a checkpoint whose storage `0` holds the floats 0 to 23.
pub fn read_object(object: &Object) -> Result<Checkpoint, PickleError> {
    read(&checkpoint(&pickled(object, 2), &[("0", &floats(24))]))
}

/// A state dict with one tensor of three elements from `first`.
pub fn state_dict(first: usize) -> Object {
    let mut view = float_view(&[3]);
    view.offset = first;
    view.count = 24;
    StateDict(vec![(text("w"), view.object())])
}

/// Where the tensor `w` of a checkpoint was taken from.
pub fn first(checkpoint: &Checkpoint) -> f32 {
    values(&checkpoint.tensors["w"])[0]
}
