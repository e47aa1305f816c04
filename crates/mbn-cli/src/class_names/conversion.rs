//! Files of class names in forms that are not read, and the commands that make JSON of them.

use std::path::Path;

use super::json;
use crate::free_name::free_name;
use crate::quote;

/// Turns what Python prints of a dictionary or a list into JSON. It takes literals alone, and runs nothing.
const FROM_PYTHON: &str = "import ast, json, sys; \
     json.dump(ast.literal_eval(open(sys.argv[1], encoding=\"utf-8\").read()), open(sys.argv[2], \"w\"))";

/// Turns the names in a YAML file, such as the description of a data set for Ultralytics, into JSON.
const FROM_YAML: &str = "import json, sys, yaml; d = yaml.safe_load(open(sys.argv[1], encoding=\"utf-8\")); \
     json.dump(d.get(\"names\", d) if isinstance(d, dict) else d, open(sys.argv[2], \"w\"))";

/// A form of class names that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtherForm {
    /// A dictionary or a list as Python prints it.
    Python,
    Yaml,
}

impl OtherForm {
    /// The form of a text that is neither JSON nor a list of names.
    pub fn of(path: &Path, text: &str) -> Option<Self> {
        // The names of a description for Ultralytics, on the lines below it or on the same one.
        let names = text.lines().filter_map(|line| line.strip_prefix("names:"));
        let is_list = |rest: &str| rest.is_empty() || rest.starts_with(['[', '{']);
        if json::has_extension(path, &["yaml", "yml"]) || names.map(str::trim).any(is_list) {
            return Some(Self::Yaml);
        }
        json::is_literal(text).then_some(Self::Python)
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "text of Python",
            Self::Yaml => "YAML",
        }
    }

    /// The command that makes JSON of such a file.
    pub fn command(self, path: &Path) -> String {
        let (script, needs) = match self {
            Self::Python => (FROM_PYTHON, ""),
            Self::Yaml => (FROM_YAML, ", in a Python that has PyYAML"),
        };
        let out = free_name(path.with_extension("json"), path);
        let name = out.display();
        let (script, path, out) = (quote(Path::new(script)), quote(path), quote(&out));
        format!("`python3 -c {script} {path} {out}` writes it as JSON into `{name}`{needs}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_the_text_or_the_name() {
        let of = |name: &str, text: &str| OtherForm::of(Path::new(name), text);
        for text in [
            "{0: 'tench, Tinca tinca',\n 1: \"cardinal's hat\"}\n",
            "['tench', 'goldfish']",
            "{ 'tench': 0 }",
            "{0: 'a]', 1: 'it\\'s }'}",
        ] {
            assert_eq!(of("l.txt", text), Some(OtherForm::Python), "{text}");
        }
        for (name, text) in [
            ("data.yaml", "- tench\n"),
            ("DATA.YML", "0: tench\n"),
            ("l.txt", "nc: 2\nnames:\n  0: tench\n  1: goldfish\n"),
            ("l.txt", "nc: 2\nnames: ['tench', 'goldfish']\n"),
        ] {
            assert_eq!(of(name, text), Some(OtherForm::Yaml), "{text}");
        }
        for text in [
            "tench\ngoldfish",
            "[background]\n[other]",
            "[0, 10]\n[10, 20]\n[20, 30]\n",
            "{1}\n{2}",
            "{}",
            "names: all\nb",
            "'a'",
        ] {
            assert_eq!(of("l.txt", text), None, "{text}");
        }
    }

    #[test]
    fn the_command_is_one_for_a_shell() {
        for (form, script) in [(OtherForm::Python, FROM_PYTHON), (OtherForm::Yaml, FROM_YAML)] {
            let advice = form.command(Path::new("my data/it's.txt"));
            let command = advice.split('`').nth(1).unwrap();
            let words = shlex::split(command).unwrap();
            let expected = ["python3", "-c", script, "my data/it's.txt", "my data/it's.json"];
            assert_eq!(words, expected);
        }
    }

    /// A list in Python's form may be in a file that is called JSON.
    #[test]
    fn the_command_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let out = |name: &str| {
            let advice = OtherForm::Python.command(&path(name));
            shlex::split(advice.split('`').nth(1).unwrap()).unwrap().pop()
        };
        let expected = path("names.converted.json").to_str().map(str::to_owned);
        assert_eq!(out("names.json"), expected);
        std::fs::write(path("names.json"), "[]").unwrap();
        assert_eq!(out("names.txt"), expected);
    }
}
