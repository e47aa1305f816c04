//! What a pickle makes, as plain data: every value once, referred to by its place.

use std::collections::HashMap;

use crate::shown::quoted;

/// The place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u32);

/// A value of the pickle, which borrows its text.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Something of which nothing but its kind is kept.
    Other(&'static str),
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    /// Entries in the order they were set; a later one replaces an earlier one of the same key.
    Dict(Vec<(Id, Id)>),
    /// A module's name and a name in it.
    Global(Id, Id),
    /// What calling the first with the second would make.
    Call(Id, Id),
    /// What the pickle keeps outside itself: a storage.
    Persistent(Id),
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    made: Vec<Value<'a>>,
    /// What objects that a call would make are then given as their state, by the call.
    states: HashMap<Id, Id>,
}

impl<'a> Values<'a> {
    pub fn len(&self) -> usize {
        self.made.len()
    }

    /// Adds a value. There are far fewer than 2^32.
    pub fn add(&mut self, value: Value<'a>) -> Id {
        self.made.push(value);
        Id((self.made.len() - 1) as u32)
    }

    pub fn get(&self, id: Id) -> &Value<'a> {
        &self.made[id.0 as usize]
    }

    pub fn get_mut(&mut self, id: Id) -> &mut Value<'a> {
        &mut self.made[id.0 as usize]
    }

    /// Notes the state of an object that a call would make. That of others says nothing: of a state dict it is `_metadata`.
    pub fn set_state(&mut self, object: Id, state: Id) {
        if let Value::Call(..) = self.get(object) {
            self.states.insert(object, state);
        }
    }

    /// What an object made by a call was given as its state.
    pub fn state(&self, object: Id) -> Option<Id> {
        self.states.get(&object).copied()
    }

    pub fn text(&self, id: Id) -> Option<&'a str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn tuple(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// An integer that is not negative.
    pub fn size(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Module and name of a global.
    pub fn global(&self, id: Id) -> Option<(&'a str, &'a str)> {
        match self.get(id) {
            Value::Global(module, name) => Some((self.text(*module)?, self.text(*name)?)),
            _ => None,
        }
    }

    /// The global that a call calls, and the arguments.
    pub fn call(&self, id: Id) -> Option<((&'a str, &'a str), Id)> {
        match self.get(id) {
            Value::Call(callable, args) => Some((self.global(*callable)?, *args)),
            _ => None,
        }
    }

    /// A value in a few words, for messages.
    pub fn describe(&self, id: Id) -> String {
        let named = |what: &str, (module, name): (&str, &str)| {
            format!("{what} {}", quoted(&format!("{module}.{name}")))
        };
        match self.get(id) {
            Value::Other(kind) => (*kind).to_owned(),
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Int(_) => "an integer".to_owned(),
            Value::Float(_) => "a number".to_owned(),
            Value::Text(_) => "a string".to_owned(),
            Value::Tuple(_) => "a tuple".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Dict(_) => "a dictionary".to_owned(),
            Value::Persistent(_) => "a storage".to_owned(),
            Value::Global(..) => self
                .global(id)
                .map_or("a class or function".to_owned(), |global| {
                    named("the name", global)
                }),
            Value::Call(..) => self.call(id).map_or("an object".to_owned(), |(global, _)| {
                named("an object made by", global)
            }),
        }
    }
}

/// The value that a key was given last.
pub(super) fn last(values: &Values, entries: &[(Id, Id)], key: &str) -> Option<Id> {
    let found = entries
        .iter()
        .rfind(|(found, _)| values.text(*found) == Some(key));
    found.map(|(_, value)| *value)
}
