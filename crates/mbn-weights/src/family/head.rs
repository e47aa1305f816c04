//! A classifier in a file that has not the family's names for it, as programs write that put another one in its place.

use std::collections::HashSet;

use mbn_spec::{Alpha, Architecture, TensorRole};
use safetensors::Dtype;

use super::fit::is_classifier;
use super::{Family, Found, Stored};
use crate::error::{Backbone, Problem};
use crate::stray::{Module, Stray};
use crate::{Adaptation, Head, values};

/// What a file has in place of the classifier.
pub(super) enum FoundHead {
    /// The classifier under the family's names or none, and nothing to even out.
    Usual,
    /// One matrix, which is taken as the classifier, and what these tensors are called.
    Taken(Taken, Vec<String>, HasBias),
    /// What nobody needs of a network that gets a new classifier.
    LeftOut(Vec<String>),
}

/// A classifier's values, in the state dict's order.
pub(super) struct Taken {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Whether the file has a bias for the classifier; without one it has zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HasBias {
    Yes,
    No,
}

impl FoundHead {
    /// Takes the tensors of the head out of what was found, and notes them.
    pub fn apply(self, found: &mut Found) -> Option<Taken> {
        let (names, taken, adaptation) = match self {
            Self::Usual => return None,
            Self::Taken(taken, names, has_bias) => {
                let has_bias = has_bias == HasBias::Yes;
                let noted = names.clone();
                (
                    names,
                    Some(taken),
                    Adaptation::Classifier {
                        names: noted,
                        has_bias,
                    },
                )
            }
            Self::LeftOut(names) => (names.clone(), None, Adaptation::HeadLeftOut(names)),
        };
        let names: HashSet<String> = names.into_iter().collect();
        let is_named = |name: &String| names.contains(name);
        found.foreign.retain(|problem| match problem {
            Problem::Unexpected(name) => !is_named(name),
            _ => true,
        });
        for adaptation in &mut found.adaptations {
            if let Adaptation::Outside(outside) = adaptation {
                outside.retain(|name| !is_named(name));
            }
        }
        found
            .adaptations
            .retain(|adaptation| !matches!(adaptation, Adaptation::Outside(outside) if outside.is_empty()));
        found.views.retain(|name, _| taken.is_some() || !is_named(name));
        found.adaptations.push(adaptation);
        taken
    }
}

impl Family {
    /// Where the family keeps weight and bias of the classifier; `None` if it has none.
    pub fn classifier(&self) -> Option<[Stored; 2]> {
        let specs = Architecture::new(Alpha::One, 1).tensors();
        let stored = |role: &TensorRole| {
            let spec = specs.iter().find(|spec| spec.role == *role)?;
            (self.stored)(spec)
        };
        Some([
            stored(&TensorRole::ClassifierWeight)?,
            stored(&TensorRole::ClassifierBias)?,
        ])
    }

    /// What the file has in place of a classifier, where the layers before it are whole and nothing but the classifier is another.
    pub(super) fn head(&self, found: &Found, architecture: &Architecture, head: Head) -> FoundHead {
        if !self.is_backbone_whole(found, architecture) {
            return FoundHead::Usual;
        }
        let own: Vec<_> = architecture
            .tensors()
            .into_iter()
            .filter(is_classifier)
            .filter_map(|spec| Some((self.stored)(&spec)?.name))
            .filter(|name| found.views.contains_key(name))
            .collect();
        let is_own_whole = !own.is_empty() && self.problems(&found.views, architecture, true).is_empty();
        let taken = match own.as_slice() {
            _ if is_own_whole => None,
            [] => self.one_matrix(&found.strays, architecture),
            [_] => self.own_without_bias(found, architecture),
            _ => None,
        };
        if let Some(taken) = taken {
            return taken;
        }
        let foreign: Vec<_> = found.strays.iter().filter(|stray| stray.is_foreign).collect();
        // A matrix in the classifier's own module may be a part of it.
        let keeps_own = is_own_whole && foreign.iter().all(|stray| stray.module.is_none());
        let mut names: Vec<_> = foreign.iter().map(|stray| stray.name.clone()).collect();
        if !keeps_own {
            names.extend(own);
        }
        match head {
            Head::Optional if !names.is_empty() && foreign.iter().all(|stray| may_be_head(stray)) => {
                FoundHead::LeftOut(names)
            }
            Head::Optional | Head::Required => FoundHead::Usual,
        }
    }

    /// What an error about the classifier says of the layers before it, if they are whole.
    pub(super) fn whole_backbone(&self, found: &Found, architecture: &Architecture) -> Option<Problem> {
        let [weight, bias] = self.classifier()?;
        let is_about_head = found.strays.iter().any(|stray| stray.is_foreign);
        let has = [&weight, &bias].map(|stored| found.views.contains_key(&stored.name));
        let is_it = self.is_backbone_whole(found, architecture) && (is_about_head || has[0] != has[1]);
        is_it.then(|| {
            Problem::Backbone(Backbone {
                features: architecture.features(),
                has_classifier: has == [true, true],
                can_start: found.strays.iter().all(may_be_head),
                weight: weight.name,
                bias: bias.name,
            })
        })
    }

    /// Whether the layers before the classifier are whole, and no tensor that is not theirs is in their modules.
    fn is_backbone_whole(&self, found: &Found, architecture: &Architecture) -> bool {
        let is_stray = |problem: &Problem| matches!(problem, Problem::Unexpected(_));
        let is_in_backbone = |stray: &Stray| stray.module == Some(Module::Backbone);
        found.foreign.iter().all(is_stray)
            && !found.strays.iter().any(is_in_backbone)
            && self.problems(&found.views, architecture, false).is_empty()
    }

    /// The family's own matrix, without a bias, if no other float stands outside the layers before it.
    fn own_without_bias(&self, found: &Found, architecture: &Architecture) -> Option<FoundHead> {
        let [weight, bias] = self.classifier()?;
        let problems = self.problems(&found.views, architecture, true);
        if problems != [Problem::Missing(bias.name)] || !found.strays.iter().all(is_count) {
            return None;
        }
        let view = found.views.get(&weight.name)?;
        let spec = architecture
            .tensors()
            .into_iter()
            .find(|spec| spec.role == TensorRole::ClassifierWeight)?;
        let taken = Taken {
            weight: (self.stored)(&spec)?.floats(view),
            bias: vec![0.0; architecture.classes],
        };
        Some(FoundHead::Taken(taken, vec![weight.name], HasBias::No))
    }

    /// The one matrix of the features' width and its bias, if no other float stands outside the layers before them. What was between
    /// two matrices, such as an activation, no file tells.
    fn one_matrix(&self, strays: &[Stray], architecture: &Architecture) -> Option<FoundHead> {
        let [own_weight, own_bias] = self.classifier()?;
        let is_transposed = own_weight.order.first() != Some(&0);
        let (mut weights, mut rest) = (Vec::new(), Vec::new());
        for stray in strays.iter().filter(|stray| !is_count(stray)) {
            match stray.view.shape().len() > 1 {
                true => weights.push(stray),
                false => rest.push(stray),
            }
        }
        let [weight] = weights.as_slice() else {
            return None;
        };
        let (module, leaf) = split(&weight.plain);
        let width = architecture.features();
        let classes = classes(weight.view.shape(), width, is_transposed)?;
        if leaf != split(&own_weight.name).1 || !values::is_float(weight.view.dtype()) {
            return None;
        }
        let bias_name = format!("{module}{}", split(&own_bias.name).1);
        let (bias, has_bias) = match rest.as_slice() {
            [bias]
                if bias.plain == bias_name
                    && bias.view.shape() == [classes]
                    && values::is_float(bias.view.dtype()) =>
            {
                (values::floats(&bias.view), HasBias::Yes)
            }
            // What stands elsewhere may be a loss's, which normalises the features.
            [] if weight.module == Some(Module::Classifier) => (vec![0.0; classes], HasBias::No),
            _ => return None,
        };
        let floats = values::floats(&weight.view);
        let weight_values = match is_transposed {
            true => (0..classes)
                .flat_map(|class| floats.iter().skip(class).step_by(classes).copied())
                .collect(),
            false => floats,
        };
        let names = std::iter::once(&weight.name).chain(rest.iter().map(|bias| &bias.name));
        let taken = Taken {
            weight: weight_values,
            bias,
        };
        Some(FoundHead::Taken(taken, names.cloned().collect(), has_bias))
    }
}

/// The module of a name, with the separator, and the tensor in it.
fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind(['.', '/']).map_or(0, |end| end + 1))
}

/// The classes of a matrix, or of a 1x1 convolution, of features of this width.
fn classes(shape: &[usize], width: usize, is_transposed: bool) -> Option<usize> {
    let (found, classes, ones) = match (shape, is_transposed) {
        ([classes, found, ones @ ..], false) | ([ones @ .., found, classes], true) => {
            (*found, *classes, ones)
        }
        _ => return None,
    };
    (found == width && classes > 0 && ones.iter().all(|side| *side == 1)).then_some(classes)
}

/// Whether it counts something, as a metric does.
fn is_count(stray: &Stray) -> bool {
    matches!(stray.view.dtype(), Dtype::I64 | Dtype::I32)
}

/// Whether it may be a part of a head: in a module outside the layers before it, and none that computes on more than one place of
/// a picture.
fn may_be_head(stray: &Stray) -> bool {
    let sides = stray.view.shape().iter().filter(|side| **side > 1);
    stray.module != Some(Module::Backbone) && stray.plain.contains(['.', '/']) && sides.count() <= 2
}

#[cfg(test)]
mod tests;
