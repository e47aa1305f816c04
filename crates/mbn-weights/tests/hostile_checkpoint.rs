//! Checkpoints that are made to harm: each is an error, and reading it takes little memory. It is one test, because the
//! peak is the whole process's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[allow(dead_code, reason = "each test program needs a part of it")]
mod common;

use common::{
    Call, Dict, Global, Int, Object, StateDict, Tuple, View, checkpoint, float_view, floats, pickled, text,
    zipped,
};
use mbn_weights::Weights;
use mbn_weights::pickle::read;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most bytes that reading a hostile file may take beside the file itself.
const MOST_BYTES: usize = 100 << 20;

/// More values than the reader's limit.
const MANY: usize = 1 << 20;

const MARK: u8 = b'(';
const STOP: u8 = b'.';

/// A checkpoint with this pickle after its protocol, and a storage.
fn of_pickle(pickle: Vec<u8>) -> Vec<u8> {
    checkpoint(&[&[0x80, 2], &pickle[..]].concat(), &[("0", &floats(24))])
}

fn repeated(times: usize, part: &[u8]) -> Vec<u8> {
    part.repeat(times)
}

/// A state dict whose tensor is this view.
fn of_view(view: &View) -> Vec<u8> {
    of_tensor(view.object())
}

fn of_tensor(tensor: Object) -> Vec<u8> {
    let object = StateDict(vec![(text("fc.weight"), tensor)]);
    checkpoint(&pickled(&object, 2), &[("0", &floats(24))])
}

fn rebuild(args: Vec<Object>) -> Object {
    Call(
        Global("torch._utils", "_rebuild_tensor_v2").into(),
        Tuple(args).into(),
    )
}

/// Each file with a part of its error.
fn pickles() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let join = |parts: &[&[u8]]| of_pickle(parts.concat());
    let doubling: Vec<u8> = (0..200u8)
        .flat_map(|i| [b'h', i, b'h', i, 0x86, b'q', i + 1])
        .collect();
    vec![
        (
            "nested tuples",
            join(&[&repeated(3 * MANY, b")\x85"), b"."]),
            "values",
        ),
        ("nested lists", join(&[&repeated(2 * MANY, b"]"), b"."]), "values"),
        (
            "nested dictionaries",
            join(&[&repeated(2 * MANY, b"}"), b"."]),
            "values",
        ),
        ("marks", join(&[&repeated(2 * MANY, &[MARK]), b"."]), "values"),
        (
            "memo doubling",
            join(&[b")q\0", &doubling, &[STOP]]),
            "expected a state dict",
        ),
        (
            "a huge memo",
            join(&[
                b"N",
                &(0..MANY as u32)
                    .flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat())
                    .collect::<Vec<_>>(),
                b".",
            ]),
            "values",
        ),
        (
            "a copied top",
            join(&[b"N", &repeated(2 * MANY, b"2"), b"."]),
            "values",
        ),
        (
            "tuples of one value",
            join(&[b"(", &repeated(2 * MANY, b"K\x07"), b"t."]),
            "values",
        ),
        (
            "a false length of a string",
            join(&[b"X\xff\xff\xff\xff."]),
            "ends within the instruction at byte 2",
        ),
        (
            "a false length of a long string",
            join(&[b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f."]),
            "ends within",
        ),
        (
            "a false length of a number",
            join(&[b"\x8b\xff\xff\xff\xff."]),
            "ends within",
        ),
        (
            "a negative length of a number",
            join(&[b"\x8b\x00\x00\x00\x80."]),
            "ends within",
        ),
        (
            "a false length of bytes",
            join(&[b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff."]),
            "ends within",
        ),
        ("a name without end", join(&[b"cos\nsystem"]), "ends within"),
        ("nothing", join(&[]), "ends within"),
        ("no value", join(&[b"."]), "the stack is empty"),
        ("an underflow", join(&[b"N\x87."]), "the stack is empty"),
        (
            "an underflow below a mark",
            join(&[b"N(\x85."]),
            "the stack is empty",
        ),
        ("no mark", join(&[b"Nt."]), "there is no mark"),
        (
            "an unknown number in the memo",
            join(&[b"h\x05."]),
            "was not numbered",
        ),
        ("a key without a value", join(&[b"}(Nu."]), "a key has no value"),
        (
            "an entry of a number",
            join(&[b"K\x01NNs."]),
            "something other than a dictionary",
        ),
        (
            "an extension",
            join(&[b"\x82\x01."]),
            "unknown instruction 0x82 at byte 2",
        ),
        (
            "text instructions",
            join(&[b"I01\n."]),
            "unknown instruction 0x49",
        ),
        (
            "protocol 0",
            checkpoint(b"(dp0\n.", &[]),
            "unknown instruction 0x70",
        ),
        ("protocol 255", checkpoint(b"\x80\xff}.", &[]), "protocol"),
        (
            "a call of the system",
            join(&[b"cos\nsystem\nX\x04\0\0\0true\x85R."]),
            "made by `os.system`",
        ),
        ("a call of itself", join(&[b"}q\0h\0h\0R."]), "an object"),
        (
            "a dictionary in itself",
            join(&[b"}q\0X\x01\0\0\0ah\0s."]),
            "no state dict",
        ),
        (
            "a name with control characters",
            join(&[b"cx\x1b[2J\ny\n)R."]),
            "made by `x\\u{1b}[2J.y`",
        ),
        (
            "a large pickle",
            of_pickle(vec![0; 20 << 20]),
            "bytes, expected at most",
        ),
    ]
}

fn tensors() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let view = || float_view(&[2, 3]);
    let huge = 1usize << 40;
    let view_of = |shape: &[usize], strides: &[usize]| {
        of_view(&View {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            count: 24,
            ..view()
        })
    };
    // One is a tensor, which makes it a state dict.
    let others = (0..1 << 16).map(|i| (text(&i.to_string()), Int(1)));
    let many = Dict(others.chain([(text("w"), view().object())]).collect());
    let many = pickled(&many, 2);
    vec![
        (
            "a short argument tuple",
            of_tensor(rebuild(vec![Int(1)])),
            "fewer arguments",
        ),
        ("no arguments", of_tensor(rebuild(vec![])), "fewer arguments"),
        (
            "arguments of other kinds",
            of_tensor(rebuild(vec![text("a"), text("b"), text("c"), text("d")])),
            "a string in place of a storage",
        ),
        (
            "a huge shape",
            view_of(&[huge, huge], &[huge, 1]),
            "beyond its storage",
        ),
        (
            "a huge shape without strides",
            view_of(&[huge, huge], &[0, 0]),
            "larger than the file",
        ),
        (
            "a large shape without strides",
            view_of(&[100_000], &[0]),
            "larger than the file",
        ),
        (
            "a huge shape of nothing",
            view_of(&[huge, huge, 0], &[huge, huge, huge]),
            "larger than the file",
        ),
        (
            "huge strides",
            view_of(&[2, 2], &[usize::MAX >> 1, 1]),
            "beyond its storage",
        ),
        (
            "strides beyond the end",
            view_of(&[5, 5], &[5, 1]),
            "beyond its storage",
        ),
        (
            "more dimensions than strides",
            view_of(&[2, 2], &[1]),
            "strides than dimensions",
        ),
        (
            "many dimensions",
            view_of(&[1; 40], &[1; 40]),
            "up to 8 whole numbers",
        ),
        (
            "an offset beyond the end",
            of_view(&View { offset: 5, ..view() }),
            "beyond its storage",
        ),
        (
            "a storage larger than its bytes",
            of_view(&View {
                count: 1000,
                ..view()
            }),
            "the file holds 96 bytes",
        ),
        (
            "a storage that is missing",
            of_view(&View { key: "7", ..view() }),
            "not in the file",
        ),
        (
            "a storage above its folder",
            of_view(&View {
                key: "../data.pkl",
                ..view()
            }),
            "not in the file",
        ),
        (
            "too many tensors",
            checkpoint(&many, &[("0", &floats(24))]),
            "more than 65536 entries",
        ),
        (
            "a long name",
            checkpoint(
                &pickled(&StateDict(vec![(text(&"x".repeat(100_000)), view().object())]), 2),
                &[("0", &floats(24))],
            ),
            "a name of 100000 bytes",
        ),
    ]
}

/// Replaces the first occurrence after the first `skip`.
fn replaced(mut file: Vec<u8>, from: &[u8], to: &[u8], skip: usize) -> Vec<u8> {
    let at = memchr::memmem::find_iter(&file, from).nth(skip).unwrap();
    file[at..at + to.len()].copy_from_slice(to);
    file
}

fn zips() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let pickle = pickled(&StateDict(vec![(text("w"), float_view(&[24]).object())]), 2);
    let bytes = floats(24);
    let file = || checkpoint(&pickle, &[("0", &bytes), ("1", &bytes)]);
    let find = |part: &[u8], skip: usize| memchr::memmem::find_iter(&file(), part).nth(skip).unwrap();
    // The directory comes last: of each entry it has method, sizes, and the place of the local header.
    let entry = find(b"PK\x01\x02", 3);
    let with = |at: usize, to: &[u8]| {
        let mut file = file();
        file[entry + at..entry + at + to.len()].copy_from_slice(to);
        file
    };
    let names: Vec<_> = (0..20_000).map(|i| format!("a/data/{i}")).collect();
    let many: Vec<_> = names.iter().map(|name| (&name[..], &b""[..])).collect();
    let ends = repeated(
        2900,
        b"PK\x05\x06\0\0\0\0\xff\x7f\xff\x7f\xff\xff\xff\x7f\0\0\0\0\0\0",
    );
    let directory = repeated(20_000, &file()[find(b"PK\x01\x02", 0)..find(b"PK\x01\x02", 1)]);
    let first = find(b"PK\x03\x04", 3) as u32;
    vec![
        (
            "a compressed storage",
            with(10, &[8, 0]),
            "`archive/data/0` in its zip archive is compressed",
        ),
        (
            "an encrypted storage",
            with(8, &[1, 0]),
            "is compressed or encrypted",
        ),
        (
            "a storage that overlaps another",
            replaced(
                file(),
                &(find(b"PK\x03\x04", 4) as u32).to_le_bytes(),
                &first.to_le_bytes(),
                0,
            ),
            "overlap",
        ),
        (
            "two storages of the same name",
            {
                let at = find(b"archive/data/1", 1);
                let mut file = file();
                file[at + 13] = b'0';
                file
            },
            "same name",
        ),
        (
            "a size beyond the end",
            with(20, &[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]),
            "zip archive",
        ),
        (
            "a place beyond the end",
            with(42, &[0xff, 0xff, 0xff, 0x7f]),
            "zip archive",
        ),
        ("two sizes", with(24, &[5, 0, 0, 0]), "zip archive"),
        ("a false checksum", with(16, &[1, 2, 3, 4]), "checksum"),
        (
            "no directory",
            b"PK\x03\x04 and nothing else".to_vec(),
            "zip archive",
        ),
        (
            "two pickles",
            zipped(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]),
            "more than one `data.pkl`",
        ),
        ("many files", zipped(&many), "files, expected at most"),
        (
            "many directories",
            [&b"PK\x03\x04"[..], &ends].concat(),
            "zip archive",
        ),
        (
            "a long directory",
            [file(), directory].concat(),
            "files, expected at most",
        ),
    ]
}

#[test]
fn every_hostile_file_is_an_error_in_little_memory() {
    for (name, file, part) in pickles().into_iter().chain(tensors()).chain(zips()) {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let error = read(&file)
            .map(|checkpoint| checkpoint.tensors)
            .unwrap_err()
            .to_string();
        let peak = MEMORY.peak_usage().saturating_sub(before);
        println!("{name}: {} bytes, peak {peak}: {error}", file.len());
        assert!(error.contains(part), "{name}: {error}");
        assert!(peak < MOST_BYTES, "{name}: {peak} bytes");
        assert!(Weights::from_bytes(&file).is_err(), "{name}");
    }
}
