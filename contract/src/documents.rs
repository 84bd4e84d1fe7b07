//! The files of the descriptions, read once, and the references between them.
//!
//! Must never change what it has read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

/// A part of a file.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) file: PathBuf,
    pub(crate) value: Value,
}

/// All files that were asked for.
#[derive(Debug, Default)]
pub(crate) struct Documents(RefCell<BTreeMap<PathBuf, Rc<Value>>>);

impl Documents {
    /// A file's content.
    pub(crate) fn read(&self, file: &Path) -> Result<Rc<Value>, String> {
        if let Some(known) = self.0.borrow().get(file) {
            return Ok(Rc::clone(known));
        }
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let read = parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(self.add(file, read))
    }

    /// Takes a file that lies in memory.
    pub(crate) fn add(&self, file: &Path, value: Value) -> Rc<Value> {
        let value = Rc::new(value);
        self.0.borrow_mut().insert(file.to_owned(), Rc::clone(&value));
        value
    }

    /// What a reference in a file names, and its name.
    pub(crate) fn follow(&self, file: &Path, reference: &str) -> Result<(String, Part), String> {
        let (path, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if path.is_empty() { file.to_owned() } else { beside(file, path) };
        let document = self.read(&file)?;
        let value = document
            .pointer(pointer)
            .ok_or_else(|| format!("{}: there is nothing at {pointer}", file.display()))?
            .clone();
        let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
        Ok((name, Part { file, value }))
    }

    /// The part itself, or what it refers to.
    pub(crate) fn resolved(&self, part: Part) -> Result<Part, String> {
        match part.value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let (_, found) = self.follow(&part.file, reference)?;
                self.resolved(found)
            }
            None => Ok(part),
        }
    }
}

/// JSON, with or without a byte order mark.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
}

/// A path beside a file, without `..` in it, so that each file is read once.
fn beside(file: &Path, path: &str) -> PathBuf {
    let mut whole = file.parent().map(Path::to_owned).unwrap_or_default();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_leads_into_its_own_file_and_into_others() {
        let documents = Documents::default();
        documents.add(Path::new("/a/b/one.json"), json!({"definitions": {"X": {"type": "string"}}}));
        documents.add(Path::new("/a/c/two.json"), json!({"definitions": {"Y": {"type": "integer"}}}));
        let one = Path::new("/a/b/one.json");
        let (name, own) = documents.follow(one, "#/definitions/X").unwrap();
        assert_eq!((name.as_str(), &own.value), ("X", &json!({"type": "string"})));
        let (_, other) = documents.follow(one, "../c/two.json#/definitions/Y").unwrap();
        assert_eq!(
            (other.file.as_path(), &other.value),
            (Path::new("/a/c/two.json"), &json!({"type": "integer"}))
        );
        let error = documents.follow(one, "#/definitions/Z").unwrap_err();
        assert!(error.contains("/definitions/Z"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(parse("\u{feff}{}").unwrap(), json!({}));
    }
}
