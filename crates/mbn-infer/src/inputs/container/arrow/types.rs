//! Names of Arrow's types, for messages: those of Arrow's own documentation and tools.

use arrow_schema::{DataType, Field, Fields};
use mbn_spec::text::listed;

/// Fields of a struct that a name lists.
const LISTED: usize = 4;

/// Types within each other that a name shows.
const DEPTH: usize = 4;

/// The name of a type: `struct<bytes: binary, path: string>`, `dictionary<binary>`.
pub(super) fn name(kind: &DataType) -> String {
    name_to(kind, DEPTH)
}

fn name_to(kind: &DataType, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else {
        return "...".to_owned();
    };
    let inner = |field: &Field| name_to(field.data_type(), depth);
    match kind {
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::Utf8View => "string_view".to_owned(),
        DataType::LargeBinary => "large_binary".to_owned(),
        DataType::BinaryView => "binary_view".to_owned(),
        DataType::FixedSizeBinary(size) => format!("fixed_size_binary({size})"),
        DataType::List(field) | DataType::ListView(field) => format!("list<{}>", inner(field)),
        DataType::LargeList(field) | DataType::LargeListView(field) => {
            format!("large_list<{}>", inner(field))
        }
        DataType::FixedSizeList(field, size) => format!("fixed_size_list({size})<{}>", inner(field)),
        DataType::Dictionary(_, values) => format!("dictionary<{}>", name_to(values, depth)),
        DataType::RunEndEncoded(_, values) => format!("run_end_encoded<{}>", inner(values)),
        DataType::Struct(fields) => format!("struct<{}>", of_fields(fields, depth)),
        DataType::Map(..) => "map".to_owned(),
        DataType::Union(..) => "union".to_owned(),
        simple => simple.to_string().to_lowercase(),
    }
}

fn of_fields(fields: &Fields, depth: usize) -> String {
    let field =
        |field: &std::sync::Arc<Field>| format!("{}: {}", field.name(), name_to(field.data_type(), depth));
    listed(fields.iter().map(field), LISTED)
}
