//! Names of Parquet's types, for messages: those that Arrow's tools show for them.

use mbn_spec::text::listed;
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::schema::types::Type;

/// Fields of a struct that a name lists.
const LISTED: usize = 4;

/// Types within each other that a name shows.
const DEPTH: usize = 4;

/// The name of a field's type: `struct<bytes: binary, path: string>`, `list`.
pub(super) fn name(field: &Type) -> String {
    name_to(field, DEPTH)
}

fn name_to(field: &Type, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else {
        return "...".to_owned();
    };
    let info = field.get_basic_info();
    let name = match field.is_group() {
        true => group(field, depth),
        false => primitive(field),
    };
    match info.has_repetition() && info.repetition() == Repetition::REPEATED {
        true => format!("repeated {name}"),
        false => name,
    }
}

fn group(field: &Type, depth: usize) -> String {
    match field.get_basic_info().converted_type() {
        ConvertedType::LIST => "list".to_owned(),
        ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => "map".to_owned(),
        _ => {
            let fields = field.get_fields().iter();
            let fields = fields.map(|field| format!("{}: {}", field.name(), name_to(field, depth)));
            format!("struct<{}>", listed(fields, LISTED))
        }
    }
}

fn primitive(field: &Type) -> String {
    let info = field.get_basic_info();
    let meaning = match (info.converted_type(), info.logical_type_ref()) {
        (ConvertedType::UTF8, _) | (_, Some(LogicalType::String)) => return "string".to_owned(),
        (ConvertedType::NONE, None) => String::new(),
        (ConvertedType::NONE, Some(logical)) => format!(" ({logical:?})"),
        (converted, _) => format!(" ({converted})"),
    };
    let physical = match (field.get_physical_type(), field) {
        (Physical::BYTE_ARRAY, _) => "binary".to_owned(),
        (Physical::FIXED_LEN_BYTE_ARRAY, Type::PrimitiveType { type_length, .. }) => {
            format!("fixed_size_binary({type_length})")
        }
        (physical, _) => physical.to_string().to_lowercase(),
    };
    physical + &meaning.to_lowercase()
}
