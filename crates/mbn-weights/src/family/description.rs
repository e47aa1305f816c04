//! What the tensors of a file do not show, and who says it.

use mbn_spec::{Architecture, Metadata};

use super::{Context, Family};
use crate::beside::{Described, FromArguments, Meaning};
use crate::contents::{Head, Source, Taken};
use crate::{Adaptation, WeightsErrorKind};

impl Family {
    /// Fills in what the tensors do not show and the file's metadata does not say: from the files beside it, else from the
    /// arguments of the script that trained the weights, else as the library publishes them.
    pub(super) fn describe(
        &self,
        architecture: &mut Architecture,
        metadata: &mut Metadata,
        classes: Option<usize>,
        context: &Context,
        adaptations: &mut Vec<Adaptation>,
        taken: &mut Vec<Taken>,
    ) -> Result<(), WeightsErrorKind> {
        let usual = self.preprocess.map(|usual| usual(architecture.alpha));
        let described = match (self.beside, context.folder) {
            (Some(read), Some(folder)) => read(folder, usual.unwrap_or_default())?,
            _ => Described::default(),
        };
        let mut said = match (self.arguments, context.arguments) {
            (Some(read), Some(arguments)) => read(arguments, usual.unwrap_or_default())?,
            _ => FromArguments::default(),
        };
        if let Some(other) = &described.other_model {
            adaptations.push(Adaptation::OtherConfig(other.clone()));
        }
        if let Some(name) = &described.unknown_processor {
            adaptations.push(Adaptation::UnknownProcessor(name.clone()));
        }
        if !said.unused.is_empty() {
            adaptations.push(Adaptation::UnusedArguments(std::mem::take(&mut said.unused)));
        }
        // Without a classifier there are no classes to speak of.
        if described.meaning == Meaning::MultiLabel && classes.is_some() {
            metadata.multi_label = true;
            adaptations.push(Adaptation::MultiLabel);
        }
        if context.head == Head::Required {
            described.require_classes()?;
        }
        described.require_alpha(architecture.alpha)?;
        // A file of this project leaves out what is as usual: nothing is assumed about it.
        let is_ours = self.name.is_empty() && metadata.alpha.is_some();
        if metadata.preprocess.is_none() {
            if described.preprocess.is_some() {
                said.preprocess_fields.clear();
            }
            metadata.preprocess = described.preprocess.or(said.described.preprocess).or(usual);
            if !is_ours {
                let source = source(&described.preprocess_files, &said.preprocess_fields);
                taken.push(Taken::Preprocess(source));
            }
        }
        if metadata.variant.is_none() {
            if described.epsilon.is_some() {
                said.variant_fields.retain(|field| *field != "bn_eps");
            }
            architecture.variant = described.variant(said.described.variant(self.variant));
            if !is_ours {
                let source = source(&described.variant_files, &said.variant_fields);
                taken.push(Taken::Variant(source));
            }
        }
        if metadata.classes.is_none()
            && let Some(classes) = classes
            && let Some((field, names)) = described.classes
        {
            if names.len() == classes {
                metadata.classes = Some(names);
                taken.push(Taken::Classes(source(&described.class_files, &[])));
            } else {
                let names = names.len();
                adaptations.push(Adaptation::OtherClasses {
                    field,
                    names,
                    classes,
                });
            }
        }
        Ok(())
    }
}

/// Who says something; if nobody does, it is as the library publishes its weights.
fn source(files: &[&'static str], arguments: &[&'static str]) -> Source {
    match (files, arguments) {
        ([], []) => Source::Family,
        (files, arguments) => Source::Stated {
            files: files.to_vec(),
            arguments: arguments.to_vec(),
        },
    }
}
