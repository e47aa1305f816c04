//! The macro behind the table of settings. It turns one entry per setting into types and functions.

use std::fmt::Display;

use mbn_cli::UsageError;
use serde::Serialize;

/// Defines all settings from their entries in [`super::table`]:
///
/// - [`RunArgs`](super::RunArgs), the settings that one layer (the command line or a file) states, each optional,
/// - `Independent`, the settings whose defaults depend on no other setting,
/// - [`Settings`](super::Settings), every setting with its value, and how it is filled from a `RunArgs`,
/// - `SETTINGS`, the table as data, for the command line, configuration files and `docs/settings.md`.
macro_rules! settings {
    // `$code`, repeated once for a fragment that the code itself does not use.
    (@for [$($fragment:tt)*] $($code:tt)*) => { $($code)* };
    // The name of a field with dashes, as the option and the key have it.
    (@dashed $name:ident) => { text(const { &dashed::<{ stringify!($name).len() }>(stringify!($name)) }) };
    ($(
        #[doc = $help:literal]
        $name:ident: $type:ty {
            group: $group:ident,
            $(value: $value:literal,)?
            example: $example:literal,
            $(default: $default:expr,)?
            $(derived: $derived:expr,)?
            $(unset: $unset:literal,)?
            $(says: $says:literal,)?
            $(plain: $plain:literal,)?
            $(off: $off:ident $off_help:literal,)?
            $(option: $option:expr,)?
        }
    )+) => {
        /// The settings that one layer, the command line or a configuration file, states. Each may be left out.
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct RunArgs {
            $(
                #[doc = $help]
                pub $name: Option<$type>,
                $(
                    #[doc = $off_help]
                    #[serde(skip)]
                    pub $off: bool,
                )?
            )+
        }

        /// Every setting with its value, as it is saved with the run. The keys in files are the names of the options.
        ///
        /// Settings that a file lacks, because they were added after it was written, have their defaults.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", try_from = "RunArgs")]
        pub struct Settings {
            $(
                $(
                    #[doc = concat!($help, "; by default `", stringify!($default), "`.")]
                    pub $name: $type,
                )?
                $(
                    #[doc = concat!($help, "; by default `", stringify!($derived), "`.")]
                    pub $name: $type,
                )?
                $(
                    #[doc = concat!($help, "; by default ", $unset, ".")]
                    #[serde(skip_serializing_if = "Option::is_none")]
                    pub $name: Option<$type>,
                )?
            )+
        }

        /// The settings whose defaults depend on no other setting. Derived defaults are computed from them.
        #[allow(dead_code, reason = "no default depends on most of them")]
        pub(super) struct Independent {
            $($(
                #[doc = concat!($help, "; by default `", stringify!($default), "`.")]
                pub $name: $type,
            )?)+
        }

        /// The table, in the order of `settings.toml`.
        // `[$($value,)? ""][0]` is the text of the entry if it has one, else empty.
        pub(crate) static SETTINGS: &[Setting] = &[$(
            Setting {
                name: stringify!($name),
                key: settings!(@dashed $name),
                group: Group::$group,
                value: [$($value,)? ""][0],
                help: $help,
                example: $example,
                says: [$($says,)? $($unset,)? ""][0],
                plain: [$($plain,)? ""][0],
                off: &[$(Off { name: stringify!($off), flag: settings!(@dashed $off), help: $off_help })?],
                parser: || clap::value_parser!($type).into(),
                options: &[$($option)?],
                saved: |settings| shown(&settings.$name),
            },
        )+];

        impl Settings {
            /// The settings that `args` state, and the defaults of the others.
            pub(super) fn fill(args: &RunArgs) -> Result<Self, UsageError> {
                let args = &args.with_epochs();
                let independent = Independent {
                    $($( $name: given_or(&args.$name, || $default)?, )?)+
                };
                Ok(Self {
                    $(
                        $( $name: settings!(@for [$default] independent.$name.clone()), )?
                        $( $name: given_or(&args.$name, || derive($derived, &independent))?, )?
                        $( $name: settings!(@for [$unset] args.$name.clone()), )?
                    )+
                })
            }
        }

        impl TryFrom<RunArgs> for Settings {
            type Error = UsageError;

            fn try_from(saved: RunArgs) -> Result<Self, UsageError> {
                Self::fill(&saved)
            }
        }

        impl RunArgs {
            /// Takes the values of the command line.
            pub(super) fn take(&mut self, matches: &mut ArgMatches) {
                $(
                    if let Ok(Some(value)) = matches.try_remove_one::<$type>(stringify!($name)) {
                        self.$name = Some(value);
                    }
                    $( self.$off |= matches!(matches.try_remove_one(stringify!($off)), Ok(Some(true))); )?
                )+
            }

            /// The settings that have a value, by the names of their options. A flag has no value.
            pub(crate) fn given(&self) -> Vec<(&'static str, Option<String>)> {
                let mut given = Vec::new();
                $(
                    if let Some(value) = &self.$name {
                        given.push((settings!(@dashed $name), shown(value)));
                    }
                    $(
                        if self.$off {
                            given.push((settings!(@dashed $off), None));
                        }
                    )?
                )+
                given
            }

            /// These values, and the values of `below` for settings that have none here.
            pub(super) fn or(self, below: Self) -> Self {
                Self {
                    $(
                        $name: self.$name.or(below.$name),
                        $( $off: self.$off || below.$off, )?
                    )+
                }
            }

            /// Leaves out the values of derived settings that equal the value in `defaults`.
            pub(super) fn without_derived(mut self, defaults: &Settings) -> Self {
                $($(
                    settings!(@for [$derived]
                        self.$name = self.$name.filter(|value| *value != defaults.$name));
                )?)+
                self
            }
        }
    };
}

pub(super) use settings;

/// The given value, else the default converted to the setting's type.
pub(super) fn given_or<T, D>(given: &Option<T>, default: impl FnOnce() -> D) -> Result<T, UsageError>
where
    T: Clone + TryFrom<D, Error: Display>,
{
    match given {
        Some(value) => Ok(value.clone()),
        None => T::try_from(default()).map_err(|error| UsageError(error.to_string())),
    }
}

/// Applies `derived`; the signature tells the compiler the type of the closure's argument.
pub(super) fn derive<I, D>(derived: impl FnOnce(&I) -> D, independent: &I) -> D {
    derived(independent)
}

/// A value as the command line takes it; `None` for a setting without a value.
pub(super) fn shown(value: &impl Serialize) -> Option<String> {
    fn text(value: toml::Value) -> String {
        match value {
            toml::Value::String(text) => text,
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Array(values) => {
                let values: Vec<_> = values.into_iter().map(text).collect();
                values.join(",")
            }
            value => value.to_string(),
        }
    }
    toml::Value::try_from(value).ok().map(text)
}
