//! The one shape that the ids of all resources in a group have.
//!
//! Must never know which kinds of resource there are.

use std::fmt;

/// How an id's fixed segment `resourceGroups` is written; providers differ.
#[derive(Clone, Copy, Debug)]
pub(super) enum ResourceGroupSpelling {
    Lower,
    Capital,
}

/// Subscription, group and name out of an id in any case; `None` if it is not of this namespace and kind.
pub(super) fn read<'a>(id: &'a str, kind: [&str; 2]) -> Option<[&'a str; 3]> {
    let segments: Vec<&str> = id.strip_prefix('/')?.split('/').collect();
    let [s, subscription, g, group, p, namespace, plural, name] = segments.as_slice() else { return None };
    let fixed = [
        (s, "subscriptions"),
        (g, "resourceGroups"),
        (p, "providers"),
        (namespace, kind[0]),
        (plural, kind[1]),
    ];
    let named = [subscription, group, name].iter().all(|segment| !segment.is_empty());
    let known = fixed.iter().all(|(seen, wanted)| seen.eq_ignore_ascii_case(wanted));
    (named && known).then_some([*subscription, *group, *name])
}

/// Writes an id.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    [subscription, group, name]: [&str; 3],
    [namespace, plural]: [&str; 2],
    spelling: ResourceGroupSpelling,
) -> fmt::Result {
    let groups = match spelling {
        ResourceGroupSpelling::Lower => "resourcegroups",
        ResourceGroupSpelling::Capital => "resourceGroups",
    };
    write!(f, "/subscriptions/{subscription}/{groups}/{group}/providers/{namespace}/{plural}/{name}")
}
