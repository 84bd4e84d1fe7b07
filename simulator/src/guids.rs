//! GUIDs that look random and yet repeat for the same seed, so a failing run can be played again.
//!
//! Never the source of anything secret.

use uuid::{Builder, Uuid};

/// A repeatable sequence of version 4 GUIDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guids {
    stream: Uuid,
    drawn: u64,
}

impl Guids {
    /// The sequence named `stream` of a seed. Separate names keep, say, the number of requests from changing the
    /// ids of the identities.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let root = Uuid::from_u64_pair(seed, 0x5349_4d55_4c41_544f);
        Self { stream: Uuid::new_v5(&root, stream.as_bytes()), drawn: 0 }
    }

    /// The next GUID in lower case with hyphens.
    pub(crate) fn draw(&mut self) -> String {
        self.drawn += 1;
        let bytes = Uuid::new_v5(&self.stream, &self.drawn.to_be_bytes()).into_bytes();
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_guids_and_another_seed_others() {
        let (mut a, mut b, mut c) = (Guids::new(7, "x"), Guids::new(7, "x"), Guids::new(8, "x"));
        let first = a.draw();
        assert_eq!(first, b.draw());
        assert_ne!(first, c.draw());
        assert_ne!(first, a.draw());
    }
}
