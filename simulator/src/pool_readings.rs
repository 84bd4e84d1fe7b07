//! The open questions about Managed DevOps pools, as switches.
//!
//! Like [`crate::Readings`], of which they are a part: never decide such a question elsewhere.

use serde::{Deserialize, Serialize};

/// Readings of how pools behave that are **unverified**. The first variant of each is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PoolReadings {
    /// What a PATCH does with the map of identities.
    pub identity_map: IdentityMap,
    /// An entry that is `null` in a PUT.
    pub null_in_put: NullInPut,
    /// An entry that is `null` in a PATCH.
    pub null_in_patch: NullInPatch,
    /// A PATCH with the type `None` on a pool that has identities of others.
    pub none_in_patch: NoneInPatch,
    /// The entry of an identity that was deleted and created again.
    pub recreated_identity: RecreatedIdentity,
    /// An entry that is there and is sent again as `{}`.
    pub resent_entry: ResentEntry,
    /// An entry that is there and is sent again, while its identity is gone.
    pub dead_entry: DeadEntry,
    /// On which of the identities that a body lists the caller needs the right to assign them.
    pub assign_right: AssignRight,
    /// A type that asks for user-assigned identities where none is left.
    pub last_entry_gone: LastEntryGone,
    /// A PUT on a pool without the identity block.
    pub identity_absent_in_put: IdentityAbsentInPut,
    /// What a PUT does with properties of the pool that its version does not know.
    pub unknown_in_put: UnknownInPut,
    /// A PATCH that gives a profile another kind.
    pub kind_in_patch: KindInPatch,
    /// The message and the reason where a name can be had, which the description requires.
    pub available_name: AvailableName,
    /// When an identity that is bound to another region is refused.
    pub regional_identity: RegionalIdentity,
    /// Which writes are checked for the caller's place in Azure DevOps.
    pub membership_check: MembershipCheck,
    /// How a PATCH that takes its time is answered.
    pub patch_answer: PatchAnswer,
    /// Which addresses of the operation a 202 names.
    pub operation_headers: OperationHeaders,
    /// What `Location` answers when a PATCH has worked.
    pub location_end: LocationEnd,
    /// What a pool shows while a change runs.
    pub during_update: DuringUpdate,
    /// What a pool shows after a change has failed.
    pub failed_update: FailedUpdate,
    /// How the type of both kinds of identities is written in answers.
    pub both_types: BothTypes,
}

/// What a PATCH does with the map of identities. Unverified: providers differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdentityMap {
    /// Entries that are not named stay.
    #[default]
    Merge,
    /// Entries that are not named are gone.
    Replace,
}

/// An entry that is `null` in a PUT. Unverified: the description allows it, other providers refuse it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NullInPut {
    /// 400 `InvalidIdentityValues`.
    #[default]
    Refused,
    /// As in a PATCH.
    Removed,
}

/// An entry that is `null` in a PATCH. Unverified for pools. Where it is refused, an entry goes by being left out, which
/// takes [`IdentityMap::Replace`]: under a merge nothing could be taken away at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NullInPatch {
    /// It is gone.
    #[default]
    Removed,
    /// 400 `InvalidIdentityValues`.
    Refused,
}

/// A PATCH with the type `None` on a pool that has user-assigned identities. Unverified. Where it is refused, the last one
/// goes by `null` beside the type `UserAssigned`, whatever [`LastEntryGone`] says of other writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoneInPatch {
    /// All are gone.
    #[default]
    Accepted,
    /// 400 `InvalidIdentityValues`.
    RefusedWhileAttached,
}

/// The entry of an identity that was deleted and created again. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecreatedIdentity {
    /// It keeps the ids of the one that is gone.
    #[default]
    Stale,
    /// It takes the ids of the new one.
    Followed,
}

/// An entry that is there and is sent again as `{}`. Unverified whether its ids are looked up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResentEntry {
    /// It keeps its ids, also stale ones.
    #[default]
    Kept,
    /// It takes the identity's ids of now.
    Refreshed,
}

/// An entry that is there and is sent again, while its identity is gone. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeadEntry {
    /// 400 `FailedIdentityOperation`.
    #[default]
    Refused,
    /// It stays as it is.
    Tolerated,
}

/// On which of the identities that a body lists the caller needs the right to assign them. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AssignRight {
    /// On each.
    #[default]
    EveryIdentity,
    /// On those that the pool does not have yet.
    NewIdentities,
}

/// A type that asks for user-assigned identities where none is left. Unverified for pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LastEntryGone {
    /// 400 `MissingIdentityIds`.
    #[default]
    Refused,
    /// The type is corrected.
    Dropped,
}

/// A PUT on a pool without the identity block. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IdentityAbsentInPut {
    /// All identities are gone.
    #[default]
    Removed,
    /// All stay.
    Kept,
}

/// What a PUT does with what its version does not know, of a pool or of an identity. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownInPut {
    /// They are gone.
    #[default]
    Lost,
    /// They stay.
    Kept,
}

/// A PATCH that gives a profile another kind. Unverified: merged member by member it would be of neither kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KindInPatch {
    /// The profile is replaced as a whole.
    #[default]
    Replaced,
    /// 400 `InvalidRequestContent`.
    Refused,
}

/// The message and the reason where a name can be had. Unverified: the description requires both and has no word for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AvailableName {
    /// `""`.
    #[default]
    Empty,
    /// `null`.
    Null,
}

/// When an identity that is bound to another region is refused. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RegionalIdentity {
    /// 400 `FailedIdentityOperation`.
    #[default]
    AtOnce,
    /// The operation ends as failed.
    Later,
}

/// Which writes are checked for the caller's place in Azure DevOps. Unverified for a change of the identity alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MembershipCheck {
    /// Each.
    #[default]
    EveryWrite,
    /// Each, but for a PATCH of the identity alone.
    AllButIdentity,
    /// None.
    Never,
}

/// How a PATCH that takes its time is answered. Both are described; unverified which comes when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PatchAnswer {
    /// 202, with the operation's address.
    #[default]
    Accepted,
    /// 200 with the pool, whose state tells that it runs.
    Ok,
}

/// Which addresses of the operation a 202 names. Unverified: only `Location` is described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationHeaders {
    /// `Location`.
    #[default]
    Location,
    /// `Azure-AsyncOperation` too.
    Both,
}

/// What `Location` answers when a PATCH has worked. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LocationEnd {
    /// 200 with the pool.
    #[default]
    Pool,
    /// 204.
    NoContent,
}

/// What a pool shows while a change runs. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DuringUpdate {
    /// What it is to become.
    #[default]
    Newer,
    /// What it was.
    Older,
}

/// What a pool shows after a change has failed. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailedUpdate {
    /// What it was before.
    #[default]
    Undone,
    /// What it was to become.
    Kept,
}

/// How the type of both kinds of identities is written in answers. Unverified for pools; other providers do both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BothTypes {
    /// `SystemAssigned,UserAssigned`.
    #[default]
    Tight,
    /// `SystemAssigned, UserAssigned`.
    Spaced,
}
