//! The mark: tags on an identity that say which object of which cluster holds it.

use crate::{
    api::{
        names::mark::{CLUSTER, KEYS, OBJECT, ORIGIN, RELEASED},
        v1alpha1::Origin,
    },
    domain::{
        cluster::ClusterIds,
        names::{ObjectKey, PrincipalId},
        observed::Identity,
        ownership::Me,
        tags::Tags,
    },
};

/// A complete mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Id of the cluster: this one's own, where the tags bear a former id of it.
    pub cluster: String,
    /// Whether the tags bear a former id of this cluster. It is rewritten at once.
    pub outdated: bool,
    /// The object.
    pub object: ObjectKey,
    /// How the object came to the identity. Never proves that it created it.
    pub origin: Origin,
    /// Whether the object has let go.
    pub released: bool,
}

/// What the tags of an identity say about its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkSeen {
    /// None of the mark's keys.
    None,
    /// All that a mark needs.
    Complete(Mark),
    /// Some of the mark's keys, or values that are none: the keys that stand there, as spelled.
    Incomplete(Vec<String>),
}

impl MarkSeen {
    /// Reads the mark out of tags, as this cluster sees it.
    pub fn in_tags(tags: &Tags, here: &ClusterIds) -> Self {
        let standing: Vec<String> = tags
            .iter()
            .filter(|(key, _)| KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)))
            .map(|(key, _)| key.to_owned())
            .collect();
        if standing.is_empty() {
            return Self::None;
        }
        Self::complete(tags, here).map_or(Self::Incomplete(standing), Self::Complete)
    }

    fn complete(tags: &Tags, here: &ClusterIds) -> Option<Mark> {
        let cluster = tags.get(CLUSTER).filter(|c| !c.is_empty())?;
        let origin = match tags.get(ORIGIN)? {
            "Created" => Origin::Created,
            "Adopted" => Origin::Adopted,
            _ => return None,
        };
        let released = match tags.get(RELEASED) {
            None => false,
            Some("true") => true,
            Some(_) => return None,
        };
        let outdated = here.was(cluster);
        Some(Mark {
            cluster: if outdated { here.current() } else { cluster }.to_owned(),
            outdated,
            object: ObjectKey::parse(tags.get(OBJECT)?)?,
            origin,
            released,
        })
    }
}

impl Mark {
    /// A standing mark of this object.
    pub fn standing(cluster: &str, object: &ObjectKey, origin: Origin) -> Self {
        Self { cluster: cluster.to_owned(), outdated: false, object: object.clone(), origin, released: false }
    }

    /// Writes the mark into tags, in place of any that stands there.
    pub fn write(&self, tags: &mut Tags) {
        tags.set(CLUSTER, &self.cluster);
        tags.set(OBJECT, &self.object.to_string());
        tags.set(ORIGIN, self.origin.as_str());
        if self.released {
            tags.set(RELEASED, "true");
        } else {
            tags.remove(RELEASED);
        }
    }

    /// Takes the whole mark out of tags.
    pub fn erase(tags: &mut Tags) {
        for key in KEYS {
            tags.remove(key);
        }
    }
}

/// The tags of an identity without our mark, which went onto it by mistake; `None` if it bears no mark of ours by now, or is
/// not the identity that it went onto.
pub fn withdrawn(me: &Me<'_>, identity: &Identity, went_onto: &PrincipalId) -> Option<Tags> {
    let MarkSeen::Complete(mark) = MarkSeen::in_tags(&identity.tags, me.cluster) else { return None };
    let is_ours = mark.cluster == me.cluster.current() && mark.object == me.object;
    (is_ours && identity.principal == *went_onto).then(|| {
        let mut tags = identity.tags.clone();
        Mark::erase(&mut tags);
        tags
    })
}

#[cfg(test)]
mod tests;
