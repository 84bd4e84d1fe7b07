//! By which ids this cluster goes in the marks on identities: its own, and those of clusters whose place it took.
//!
//! A former id is one of an operator that runs no longer: of this cluster before it was rebuilt, or before it was given
//! a name. Must never be guessed: only a person knows that nobody writes under an id any more.

/// The ids of this cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterIds {
    current: String,
    former: Vec<String>,
}

impl ClusterIds {
    /// The id that marks are written under, and those that count as it.
    pub fn new(current: impl Into<String>, former: impl IntoIterator<Item = String>) -> Self {
        Self { current: current.into(), former: former.into_iter().collect() }
    }

    /// The id that marks are written under.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// Whether this cluster was called so before.
    pub fn was(&self, id: &str) -> bool {
        id != self.current && self.former.iter().any(|former| former == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_was_what_is_listed_but_for_what_it_is() {
        let ids = ClusterIds::new("new", ["old".to_owned(), "older".to_owned(), "new".to_owned()]);
        assert!(ids.was("old") && ids.was("older"));
        for other in ["new", "Old", "ol", "", "another"] {
            assert!(!ids.was(other), "{other}");
        }
    }
}
