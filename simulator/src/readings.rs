//! The open questions about Azure, as switches.
//!
//! Each one is a question that nobody has answered by measuring; the default is the likelier reading. Code must never
//! decide such a question silently: it gets a switch here.

use serde::{Deserialize, Serialize};

use crate::pool_readings::{PoolReadings, UnknownInPut};

/// Readings of Azure's behaviour that are **unverified**. The first variant of each is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Readings {
    /// How Azure DevOps answers for an organization that does not exist.
    pub unknown_organization: UnknownOrganization,
    /// The status of an anonymous probe on the root of an organization connected to Entra.
    pub organization_root: OrganizationRoot,
    /// The status of an anonymous probe for an organization of Microsoft accounts.
    pub unconnected_organization: UnconnectedOrganization,
    /// What a call without a token gets for a subscription that does not exist.
    pub anonymous_unknown_subscription: AnonymousUnknownSubscription,
    /// What a caller without any right on a subscription gets.
    pub unreadable_subscription: UnreadableSubscription,
    /// What a list does with identities or pools that the caller may not read.
    pub unreadable_in_list: UnreadableInList,
    /// The status of a PUT that creates an identity.
    pub created: Created,
    /// A DELETE in a resource group that does not exist.
    pub delete_in_missing_group: DeleteInMissingGroup,
    /// A DELETE in a disabled subscription.
    pub delete_in_disabled_subscription: DeleteInDisabledSubscription,
    /// Which calls need the resource provider to be registered.
    pub registration_needed: RegistrationNeeded,
    /// A PATCH that names another location than the identity has.
    pub location_in_patch: LocationInPatch,
    /// What a PUT on an identity does with members that its version does not know.
    pub unknown_in_put: UnknownInPut,
    /// The code for an api-version that is not known.
    pub unknown_api_version: UnknownApiVersion,
    /// Whether `…/providers/Microsoft.Resources/tags/default` works on identities.
    pub resource_tags: ResourceTags,
    /// How an identity or a pool without tags is shown.
    pub untagged: Untagged,
    /// How the last page of a list of identities or pools says that it is the last.
    pub last_page: LastPage,
    /// How pools behave.
    pub pools: PoolReadings,
}

/// How Azure DevOps answers for an organization that does not exist. Unverified: only the plain 404 was reported, and
/// nobody wrote down its headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownOrganization {
    /// 404, 29 bytes of text, no tenant header.
    #[default]
    NotFoundText,
    /// 404 with the zero GUID as tenant.
    NotFoundZeroTenant,
    /// 302 to a sign-in page.
    SignInRedirect,
    /// 203 with a sign-in page in HTML.
    SignInPage,
}

/// The status of an anonymous probe on the root of a connected organization. Unverified: known clients ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrganizationRoot {
    /// 302 to a sign-in page, with the tenant headers.
    #[default]
    SignInRedirect,
    /// 401 with the tenant headers.
    Unauthorized,
    /// 200 with the tenant headers.
    Ok,
}

/// The status for an organization of Microsoft accounts. Unverified: only its headers were written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnconnectedOrganization {
    /// 401.
    #[default]
    Unauthorized,
    /// 302 to a sign-in page.
    SignInRedirect,
    /// 203 with a sign-in page in HTML.
    SignInPage,
}

/// What a call without a token gets for a subscription that does not exist. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnonymousUnknownSubscription {
    /// 404 `SubscriptionNotFound`.
    #[default]
    NotFound,
    /// 401 without a tenant in the header.
    Unauthorized,
}

/// What a caller without any right on a subscription gets. Unverified which of the two when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnreadableSubscription {
    /// 404 `SubscriptionNotFound`.
    #[default]
    NotFound,
    /// 403 `AuthorizationFailed`.
    Forbidden,
}

/// What a list does with identities or pools that the caller may not read. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnreadableInList {
    /// The list is refused with 403.
    #[default]
    Refused,
    /// The list is silently cut to what the caller may read.
    Cut,
}

/// The status of a PUT that creates an identity. The description says 201; that 200 never comes is unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Created {
    /// 201.
    #[default]
    Created,
    /// 200.
    Ok,
}

/// A DELETE in a resource group that does not exist. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeleteInMissingGroup {
    /// 404 `ResourceGroupNotFound`.
    #[default]
    NotFound,
    /// 204.
    NoContent,
}

/// A DELETE in a disabled subscription. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeleteInDisabledSubscription {
    /// 409 `ReadOnlyDisabledSubscription`, as for other writes.
    #[default]
    Refused,
    /// It works.
    Allowed,
}

/// Which calls need the resource provider to be registered. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RegistrationNeeded {
    /// PUT and PATCH.
    #[default]
    ForWrites,
    /// Every call.
    ForAllCalls,
}

/// A PATCH that names another location than the identity has. Unverified: the location is fixed, but not how a PATCH
/// says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LocationInPatch {
    /// 409 `InvalidResourceLocation`.
    #[default]
    Refused,
    /// It is passed over.
    Ignored,
}

/// The code for an api-version that is not known. Unverified which of the two when; both list the valid versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownApiVersion {
    /// 400 `InvalidApiVersionParameter`.
    #[default]
    InvalidApiVersionParameter,
    /// 400 `NoRegisteredProviderFound`.
    NoRegisteredProviderFound,
}

/// Whether the tags of an identity can be changed one by one through `Microsoft.Resources/tags`. Unverified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceTags {
    /// 404 `InvalidResourceType`.
    #[default]
    NotOffered,
    /// GET and PATCH with `Merge`, `Replace`, `Delete`.
    Offered,
}

/// How an identity without tags is shown. Unverified: the description makes the member optional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Untagged {
    /// `"tags": {}`.
    #[default]
    Empty,
    /// No member `tags`.
    Absent,
    /// `"tags": null`.
    Null,
}

/// How the last page of a list of identities or pools says that it is the last. Unverified: the description makes `nextLink`
/// optional here, and requires it in other lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LastPage {
    /// No member `nextLink`.
    #[default]
    Absent,
    /// `"nextLink": null`.
    Null,
    /// `"nextLink": ""`.
    Empty,
}
