//! The tensors of a file that are none of the network's, and where they stand beside it.

use std::collections::HashSet;

use safetensors::tensor::TensorView;

/// A tensor that is none of the network's by its name.
pub(crate) struct Stray<'a> {
    /// Its name in the file.
    pub name: String,
    /// As the family writes it.
    pub plain: String,
    pub view: TensorView<'a>,
    /// Whether it is one that does not belong to the network, and none that may stand beside it.
    pub is_foreign: bool,
    /// The module of the network that it is in.
    pub module: Option<Module>,
}

/// A module at the top of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// One with layers before the classifier.
    Backbone,
    /// One with the classifier alone.
    Classifier,
}

/// The module of the network that a name without prefix begins with.
pub(crate) fn module_of(name: &str, classifier: &[&String], known: &HashSet<String>) -> Option<Module> {
    let begin = top_module(name)?;
    let mut in_it = known.iter().filter(|known| known.starts_with(begin)).peekable();
    in_it.peek()?;
    match in_it.all(|known| classifier.contains(&known)) {
        true => Some(Module::Classifier),
        false => Some(Module::Backbone),
    }
}

/// What stands before the first separator of a name, with it.
pub(crate) fn top_module(name: &str) -> Option<&str> {
    name.find(['.', '/']).map(|end| &name[..=end])
}
