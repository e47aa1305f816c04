//! The commands in the advice about files that are not read: they make what they promise, and replace nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use mbn_cli::{Hinted, load_weights};
use mbn_spec::{Alpha, Architecture, Metadata, TensorSpec};
use mbn_testing::{Needs, StoredTensors, skip, stored_tensors};
use mbn_weights::Weights;
use tempfile::TempDir;

/// What every script begins with: some tensors `sd`, and others of the same names.
const BEGIN: &str = "import torch, sys; sd = {'a.weight': torch.arange(6.).reshape(2, 3), 'b': torch.tensor(2.5)}; \
     other = {k: v + 1 for k, v in sd.items()}; f = sys.argv[1]; \
     old = lambda c: torch.save(c, f, _use_new_zipfile_serialization=False); ";

/// A Python with these modules; `None` if there is none.
fn python(modules: &str) -> Option<String> {
    let python = std::env::var("MBN_PYTHON").unwrap_or("python3".to_owned());
    let imports = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output();
    match imports.is_ok_and(|output| output.status.success()) {
        true => Some(python),
        false => {
            skip(
                Needs::Download,
                format!("no Python with all of {modules} is installed"),
            );
            None
        }
    }
}

/// Runs Python and returns its messages if it fails.
fn run(python: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(python).args(arguments).output().unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn save(python: &str, path: &Path, script: &str) {
    let script = format!("{BEGIN}{script}");
    run(python, &["-c", &script, path.to_str().unwrap()]).unwrap_or_else(|error| panic!("{script}: {error}"));
}

fn hint(path: &Path) -> String {
    let error = load_weights(path).unwrap_err();
    let hinted = error.downcast_ref::<Hinted>();
    hinted.unwrap_or_else(|| panic!("{error:#}")).hint.clone()
}

/// What follows `python3` in the command of the hint: `-c`, the script, the file and the new one.
fn command(hint: &str) -> Vec<String> {
    let command = hint.split('`').find(|part| part.starts_with("python3 "));
    shlex::split(command.unwrap_or_else(|| panic!("{hint}"))).unwrap()[1..].to_vec()
}

/// Runs the command of the advice about the file and returns the name of what it wrote, with the tensors.
fn convert(python: &str, path: &Path) -> Result<(String, StoredTensors), String> {
    let words = command(&hint(path));
    run(python, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    let out = Path::new(&words[3]);
    let bytes = std::fs::read(out).unwrap();
    let name = out.file_name().unwrap().to_str().unwrap().to_owned();
    Ok((name, stored_tensors(&bytes)))
}

/// Values of the tensor.
fn values(tensors: &StoredTensors, name: &str) -> Vec<f32> {
    let bytes = tensors[name].2.as_chunks().0;
    bytes.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

fn assert_sd(tensors: &StoredTensors) {
    assert_eq!(tensors.keys().collect::<Vec<_>>(), ["a.weight", "b"]);
    assert_eq!(tensors["a.weight"].1, [2, 3]);
    assert_eq!(values(tensors, "a.weight"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(values(tensors, "b"), [2.5]);
}

/// Runs commands of advice one after another, since each start of PyTorch takes seconds. What each says in the end, or nothing.
fn run_all(python: &str, commands: &[Vec<String>]) -> Vec<String> {
    let script = "import sys, json\n\
         said = []\n\
         for command in json.loads(sys.argv[1]):\n    \
         sys.argv = command[:1] + command[2:]; end = ''\n    \
         try: exec(command[1], {})\n    \
         except SystemExit as error: end = str(error)\n    \
         said.append(end)\n\
         print(json.dumps(said))";
    let commands = serde_json::to_string(commands).unwrap();
    let output = Command::new(python)
        .args(["-c", script, &commands])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn weights_deep_inside_a_checkpoint_are_found() {
    let Some(python) = python("torch, safetensors.torch") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let several = "several dictionaries of tensors: ";
    let which = "; give one of these as the last word";
    let none = "no dictionary of tensors in it";
    let cases = [
        ("sd", String::new()),
        ("{'state_dict': sd, 'step': 3}", String::new()),
        ("{'model': {'state_dict': sd}}", String::new()),
        ("{'net': {'backbone': sd}, 'epoch': 3}", String::new()),
        ("[sd, 3]", String::new()),
        ("(3, sd)", String::new()),
        (
            "{'app': {'model': sd, 'optimizer': {'state': {0: {'exp_avg': torch.ones(9)}}}}}",
            String::new(),
        ),
        ("{'a': [{'b': (1, {'c': sd})}]}", String::new()),
        ("{'a': {'ema': sd, 'model': other}}", String::new()),
        // An average of the parameters alone is no network.
        (
            "{'ema': other, 'model': {**sd, 'n.running_mean': sd['b']}}",
            String::new(),
        ),
        // Averages further inside than the other weights, and in an object.
        (
            "{'model': other, 'ema': {'module': sd, 'updates': 3}}",
            String::new(),
        ),
        (
            "{'model': other, 'model_ema': {'decay': 0.9, 'shadow': sd}}",
            String::new(),
        ),
        (
            "{'ema': {'module': sd}, 'model': {'module': other}}",
            String::new(),
        ),
        ("{'params': other, 'params_ema': sd}", String::new()),
        ("{'state_dict': other, 'ema_state_dict': sd}", String::new()),
        (
            "{'a': {'x': sd, 'y': other}}",
            format!("{several}['a.x', 'a.y']{which}"),
        ),
        (
            "{'a': {'x': sd}, 'b': {'x': other}}",
            format!("{several}['a.x', 'b.x']{which}"),
        ),
        ("[sd, other]", format!("{several}['0', '1']{which}")),
        // Arrays, which count where there are no tensors.
        (
            "{'a': {'n': 1, 'x': {**{k: v.to_sparse() for k, v in sd.items() if v.dim()}, 'b': sd['b']}}}",
            String::new(),
        ),
        ("{'a': {'b': [3]}}", none.to_owned()),
        ("(lambda l: l.extend([l, l, l]) or {'a': l})([])", none.to_owned()),
    ];
    let path = |number: usize| folder.path().join(format!("my {number}.pth"));
    let objects: Vec<_> = cases.iter().map(|(object, _)| *object).collect();
    let script = format!(
        "[torch.save(c, f'{{f}}/my {{i}}.pth', _use_new_zipfile_serialization=False) for i, c in enumerate([{}])]",
        objects.join(", ")
    );
    save(&python, folder.path(), &script);
    let commands: Vec<_> = (0..cases.len())
        .map(|number| command(&hint(&path(number))))
        .collect();
    let said = run_all(&python, &commands);
    for (number, ((object, expected), said)) in cases.iter().zip(said).enumerate() {
        assert_eq!(said, *expected, "{object}");
        let out = path(number).with_extension("safetensors");
        match expected.is_empty() {
            true => {
                let mut tensors = stored_tensors(&std::fs::read(out).unwrap());
                let has_statistics = tensors.remove("n.running_mean").is_some();
                assert_eq!(has_statistics, object.contains("n.running_mean"));
                assert_sd(&tensors);
            }
            false => assert!(!out.exists(), "{object}"),
        }
    }
}

/// The part that the last word names, of checkpoints with several.
#[test]
fn a_part_of_a_checkpoint_is_converted_by_its_keys() {
    let Some(python) = python("torch, numpy, safetensors.torch") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let script = "import numpy; \
         torch.save({'teacher': other, 'student': sd}, f + '/two.pth'); \
         old = lambda c, n: torch.save(c, f + n, _use_new_zipfile_serialization=False); \
         old({'a': {'x': other, 'y.z': sd}}, '/deep.pth'); old([other, {'a': sd}], '/list.pth'); \
         arrays = {k: v.numpy() for k, v in sd.items()}; torch.save(arrays, f + '/arrays.pth'); \
         torch.save({'net': arrays, 'picture': bytes(9 << 20)}, f + '/large.pth'); \
         torch.save({'net': {'w': {k: numpy.asarray(v) for k, v in sd.items()}}, 'epoch': 3}, f + '/inside.pth')";
    save(&python, folder.path(), script);
    // The advice names a key.
    let mut words = command(&hint(&path("two.pth")));
    assert_eq!(words[4..], ["student"]);
    let said = hint(&path("two.pth"));
    assert!(
        said.contains("converts that under `student`, with `teacher` as its last word that under `teacher`"),
        "{said}"
    );
    let mut commands = vec![words.clone()];
    words.pop();
    for (name, keys) in [("deep.pth", "a.y.z"), ("list.pth", "1"), ("list.pth", "1.a")] {
        let out = path(&format!("{name}-{keys}.safetensors"));
        let mut words = command(&hint(&path(name)));
        assert_eq!(words.len(), 4, "{words:?}");
        words[3] = out.to_str().unwrap().to_owned();
        words.push(keys.to_owned());
        commands.push(words);
    }
    // Arrays are objects, which PyTorch makes where it may run code.
    let loads = "map_location=\"cpu\"";
    let unsafely = format!("{loads}, weights_only=False");
    for (name, is_safe) in [("arrays.pth", false), ("large.pth", false), ("inside.pth", true)] {
        let mut words = command(&hint(&path(name)));
        assert_eq!(words[1].contains(&unsafely), !is_safe, "{name}");
        if is_safe {
            words[1] = words[1].replace(loads, &unsafely);
        }
        commands.push(words);
    }
    let mut missing = words;
    missing.push("x.y".to_owned());
    missing[3] = path("missing.safetensors").to_str().unwrap().to_owned();
    commands.push(missing);
    let mut said = run_all(&python, &commands);
    assert_eq!(said.pop().unwrap(), "no dictionary of tensors in it");
    for (said, words) in said.iter().zip(&commands) {
        assert_eq!(said, "", "{words:?}");
        assert_sd(&stored_tensors(&std::fs::read(&words[3]).unwrap()));
    }
}

#[test]
fn a_command_replaces_nothing() {
    let Some(python) = python("torch, safetensors.torch") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    // The name says another kind than the content.
    save(&python, &path("last.safetensors"), "old({'state_dict': sd})");
    let before = std::fs::read(path("last.safetensors")).unwrap();
    let (name, tensors) = convert(&python, &path("last.safetensors")).unwrap();
    assert_eq!(name, "last.converted.safetensors");
    assert_sd(&tensors);
    assert_eq!(std::fs::read(path("last.safetensors")).unwrap(), before);
    // Another file has the name.
    save(&python, &path("best.pth"), "old(sd)");
    std::fs::write(path("best.safetensors"), "precious").unwrap();
    for expected in ["best.converted.safetensors", "best.converted-2.safetensors"] {
        let (name, tensors) = convert(&python, &path("best.pth")).unwrap();
        assert_eq!(name, expected);
        assert_sd(&tensors);
    }
    assert_eq!(
        std::fs::read_to_string(path("best.safetensors")).unwrap(),
        "precious"
    );
}

#[test]
fn programs_of_torch_are_converted_whatever_their_names() {
    let Some(python) = python("torch, safetensors.torch") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let net = "
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Module(); self.a.weight = torch.nn.Parameter(sd['a.weight']); self.register_buffer('b', sd['b'])
    def forward(self, x):
        return x @ self.a.weight + self.b
x = torch.ones(1, 2)
";
    for (name, how) in [
        (
            "script.safetensors",
            "torch.jit.save(torch.jit.trace(Net(), x), f)",
        ),
        (
            "net.pt2",
            "torch.export.save(torch.export.export(Net(), (x,)), f)",
        ),
        (
            "NET.PT2",
            "torch.export.save(torch.export.export(Net(), (x,)), open(f, 'wb'))",
        ),
    ] {
        let path = folder.path().join(name);
        save(&python, &path, &format!("{net}{how}"));
        let said = hint(&path);
        assert!(!said.contains("unpack"), "{said}");
        let (_, tensors) = convert(&python, &path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_sd(&tensors);
    }
}

/// What Keras writes of a model that was compiled: numbers, and the optimiser's variables.
#[test]
fn the_weights_of_a_compiled_model_of_keras_are_converted() {
    let Some(python) = python("torch, h5py, safetensors.numpy") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.h5");
    let script = "import h5py; h = h5py.File(f, 'w'); h['a.weight'] = sd['a.weight'].numpy(); h['b'] = sd['b'].numpy()[()]; \
         h['optimizer_weights/adam/learning_rate'] = sd['b'].numpy()[()]; h['optimizer_weights/adam/m'] = sd['a.weight'].numpy(); \
         h['names'] = [b'x']; h['none'] = h5py.Empty('f'); h.close()";
    save(&python, &path, script);
    assert_sd(&convert(&python, &path).unwrap().1);
}

/// Weights with every value from its position, for which `seed` stands too.
fn network(seed: usize) -> Weights {
    let architecture = Architecture::new(Alpha::Quarter, 3);
    let value = |i: usize| ((i + seed) % 13) as f32 / 40.0 + 0.1;
    let values = |spec: &TensorSpec| (0..spec.shape.iter().product()).map(value).collect();
    Weights::from_fns(architecture, Metadata::default(), values, |_| 1).unwrap()
}

/// The names say another kind than the contents.
#[test]
fn one_of_several_networks_is_taken_out_of_a_file_of_any_name() {
    let Some(python) = python("torch, safetensors.torch") else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (one, other) = (network(0), network(1));
    one.save(&path("one.safetensors")).unwrap();
    other.save(&path("other.safetensors")).unwrap();
    let both = "from safetensors.torch import load_file, save_file; import os; d = os.path.dirname(f); \
         both = {n + k: v.clone() for n, s in [('model.', 'one'), ('ema_model.', 'other')] \
         for k, v in load_file(f'{d}/{s}.safetensors').items()}; ";
    for (name, how) in [
        ("two.bin", "save_file(both, f)"),
        ("two.safetensors", "torch.save(both, f)"),
    ] {
        save(&python, &path(name), &format!("{both}{how}"));
        let before = std::fs::read(path(name)).unwrap();
        let mut words = command(&hint(&path(name)));
        let out = words[3].clone();
        for (prefix, expected) in [("model.", &one), ("ema_model.", &other)] {
            *words.last_mut().unwrap() = prefix.to_owned();
            run(&python, &words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            assert_eq!(
                Weights::load(Path::new(&out)).unwrap().sha256(),
                expected.sha256()
            );
        }
        assert_eq!(std::fs::read(path(name)).unwrap(), before);
    }
}

#[test]
fn the_files_of_an_index_are_put_together() {
    let Some(python) = python("torch, safetensors.torch") else {
        return;
    };
    for end in ["safetensors", "bin"] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(format!("model.{end}.index.json"));
        let script = "import json, os; from safetensors.torch import save_file; d = os.path.dirname(f); \
             end = f.split('.')[-3]; write = save_file if end == 'safetensors' else torch.save; \
             [write({k: v}, f'{d}/part-{i}.{end}') for i, (k, v) in enumerate(sd.items())]; \
             json.dump({'metadata': {}, 'weight_map': {k: f'part-{i}.{end}' for i, k in enumerate(sd)}}, open(f, 'w'))";
        save(&python, &path, script);
        // An index that is read needs no advice.
        let advice = mbn_cli::other_kind(&path, mbn_files::FileKind::Json).unwrap();
        let words = command(&advice);
        run(&python, &words.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(Path::new(&words[3]), folder.path().join("model.safetensors"));
        assert_sd(&stored_tensors(&std::fs::read(&words[3]).unwrap()));
    }
}

#[test]
fn a_file_that_ends_early_is_to_be_fetched_again() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    network(0).save(&path("w.safetensors")).unwrap();
    let whole = std::fs::read(path("w.safetensors")).unwrap();
    for cut in [0, 5, 100, 30_000, whole.len() - 1] {
        for name in ["cut.safetensors", "cut.bin"] {
            // Nothing tells what five bytes are.
            if (name, cut) == ("cut.bin", 5) {
                continue;
            }
            std::fs::write(path(name), &whole[..cut]).unwrap();
            let said = hint(&path(name));
            assert!(said.ends_with("fetch it again"), "{cut}: {said}");
        }
    }
    std::fs::write(path("notes.txt"), "some words, and no tensors").unwrap();
    let error = load_weights(&path("notes.txt")).unwrap_err();
    assert!(error.downcast_ref::<Hinted>().is_none(), "{error:#}");
}
