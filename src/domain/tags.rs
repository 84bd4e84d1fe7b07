//! Tags as Azure has them: keys compared without regard to case and kept as they are spelled, values exact.

use std::collections::BTreeMap;

/// Azure's limit for one resource.
pub const LIMIT: usize = 50;

/// The tags of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, (String, String)>);

impl Tags {
    /// Value of a key in any spelling.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_lowercase()).map(|(_, value)| value.as_str())
    }

    /// Sets a value; a key that stands already keeps its spelling.
    pub fn set(&mut self, key: &str, value: &str) {
        let spelled =
            self.0.get(&key.to_lowercase()).map_or_else(|| key.to_owned(), |(spelling, _)| spelling.clone());
        self.0.insert(key.to_lowercase(), (spelled, value.to_owned()));
    }

    /// Removes a key in any spelling.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(&key.to_lowercase());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Key as spelled, and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// As a body wants it.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.values().cloned().collect()
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut tags = Self::default();
        for (key, value) in items {
            tags.set(key.as_ref(), value.as_ref());
        }
        tags
    }
}

#[cfg(test)]
mod tests;
