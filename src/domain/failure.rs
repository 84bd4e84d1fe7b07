//! What can go wrong in a request, as data: the cause, and what follows from it.
//!
//! The adapter names the cause (`azure::classify`, a table). Everything else about a failure, which class it is of,
//! which reason is told and what a person can do, is decided here, once.

use std::time::Duration;

use crate::{
    api::conditions::Reason,
    domain::names::{IdentityId, ManagedPool, ResourceKind as _},
};

/// As much of Azure's words, in characters, as goes into a condition beside the next step; the rest is in `status.lastError`.
const WORDS_AT_MOST: usize = 1000;

/// Codes of failed sign-ins that Microsoft Entra has no number for.
pub mod sign_in {
    /// What proves who the operator is cannot be had.
    pub const CREDENTIAL_UNUSABLE: &str = "CredentialUnusable";
    /// The file with the client certificate does not serve.
    pub const CERTIFICATE_UNUSABLE: &str = "CertificateUnusable";
    /// The Azure CLI gave no token.
    pub const AZURE_CLI_FAILED: &str = "AzureCliFailed";
    /// The machine's metadata service gives no token of the identity.
    pub const IDENTITY_REFUSED: &str = "ManagedIdentityRefused";
    /// The machine's metadata service does not answer.
    pub const METADATA_SERVICE_SILENT: &str = "MetadataServiceSilent";
}

/// How a failure is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A right is missing. Back-off for the grace, then Stalled and slow: roles take minutes to arrive.
    Denied,
    /// Something that others provide is missing. Treated as `Denied` is.
    Missing,
    /// Azure refuses the request as such. Stalled at once, slow.
    Refused,
    /// Just created, not visible everywhere yet. Seconds, growing.
    Settling,
    /// Too many requests: never before the time that Azure gave.
    Throttled,
    /// Azure, the network or the token endpoint fails. The last verdict is kept for an interval.
    Unavailable,
    /// Somebody else was faster. Soon, then ever later.
    Conflict,
    /// Not known. Back-off, then slow; counted.
    Unexpected,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The caller lacks an action.
    AuthorizationFailed,
    /// The token is of a directory that is not the subscription's; the ones that Azure names instead.
    WrongTenant(Vec<String>),
    /// The sign-in failed; the AADSTS code where one was given, or one of [`sign_in`].
    SignInFailed(Option<String>),
    /// No such subscription, or no right on it: Azure does not tell which.
    SubscriptionNotFound,
    /// The subscription is disabled and takes no writes.
    SubscriptionDisabled,
    /// The resource group does not exist.
    ResourceGroupNotFound,
    /// The resource group is being deleted.
    ResourceGroupBeingDeleted,
    /// The subscription is not registered for the resource provider; its namespace.
    ProviderNotRegistered(String),
    /// An Azure Policy denies the request.
    PolicyDenied,
    /// A lock forbids the request.
    ScopeLocked,
    /// The caller may not assign an identity that the resource bears.
    LinkedAuthorizationFailed,
    /// Azure's identity layer refused: an identity of the resource is gone, or restricted.
    IdentityOperationFailed,
    /// The caller is not let in by Azure DevOps: it is no member of the organization, or lacks rights on its agent pools.
    OrganizationAccessDenied,
    /// A resource of this name exists in another region.
    InvalidResourceLocation,
    /// The region does not offer the resource type.
    LocationNotAvailable,
    /// A principal or resource that is not visible everywhere yet.
    NotReplicated,
    /// Another operation is in progress, or a concurrent write won.
    Conflict,
    /// Too many requests.
    Throttled,
    /// Time-out, connection, 5xx.
    Unavailable,
    /// Azure took a change of a pool, and the pool does not show it.
    ChangeNotShown,
    /// Any other 4xx: the request is at fault, and Azure says why.
    Refused,
    /// An unreadable answer, or one that no rule foresees.
    Unexpected,
}

impl Cause {
    /// How it is treated.
    pub fn class(&self) -> Class {
        match self {
            Self::AuthorizationFailed
            | Self::LinkedAuthorizationFailed
            | Self::OrganizationAccessDenied
            | Self::WrongTenant(_)
            | Self::SignInFailed(_) => Class::Denied,
            Self::IdentityOperationFailed => Class::Missing,
            Self::SubscriptionNotFound | Self::ResourceGroupNotFound | Self::ResourceGroupBeingDeleted => {
                Class::Missing
            }
            Self::SubscriptionDisabled
            | Self::ProviderNotRegistered(_)
            | Self::PolicyDenied
            | Self::ScopeLocked
            | Self::InvalidResourceLocation
            | Self::LocationNotAvailable
            | Self::ChangeNotShown
            | Self::Refused => Class::Refused,
            Self::NotReplicated => Class::Settling,
            Self::Conflict => Class::Conflict,
            Self::Throttled => Class::Throttled,
            Self::Unavailable => Class::Unavailable,
            Self::Unexpected => Class::Unexpected,
        }
    }

    /// The reason that is told where the failure holds up the identity.
    pub fn reason(&self) -> Reason {
        match self {
            Self::AuthorizationFailed => Reason::AuthorizationFailed,
            Self::WrongTenant(_) => Reason::SignedInElsewhere,
            Self::SignInFailed(_) => Reason::SignInFailed,
            Self::SubscriptionNotFound => Reason::SubscriptionNotFound,
            Self::SubscriptionDisabled => Reason::SubscriptionDisabled,
            Self::ResourceGroupNotFound | Self::ResourceGroupBeingDeleted => Reason::ResourceGroupNotFound,
            Self::ProviderNotRegistered(_) => Reason::ProviderNotRegistered,
            Self::PolicyDenied => Reason::PolicyDenied,
            Self::ScopeLocked => Reason::ScopeLocked,
            Self::LinkedAuthorizationFailed => Reason::AssignPermissionMissing,
            Self::IdentityOperationFailed => Reason::IdentityOperationFailed,
            Self::OrganizationAccessDenied => Reason::OrganizationAccessMissing,
            Self::InvalidResourceLocation => Reason::LocationConflict,
            Self::LocationNotAvailable | Self::ChangeNotShown | Self::Refused => Reason::RequestRefused,
            Self::NotReplicated => Reason::Settling,
            Self::Conflict => Reason::ProgressingWithRetry,
            Self::Throttled => Reason::Throttled,
            Self::Unavailable => Reason::AzureUnavailable,
            Self::Unexpected => Reason::UnexpectedError,
        }
    }
}

/// A request that did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// Azure's own code, or the HTTP status or kind of failure where there is none.
    pub code: String,
    /// Azure's own words, bounded, without secrets.
    pub message: String,
    /// What was asked for: an ARM id, an organization, an authority.
    pub target: String,
    /// Correlation id, for Azure's support.
    pub correlation_id: Option<String>,
    /// Not to be asked again before this time has passed.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// How it is treated.
    pub fn class(&self) -> Class {
        self.cause.class()
    }

    /// Whether it says nothing about the world, only about the way to it.
    pub fn hides_the_truth(&self) -> bool {
        matches!(self.cause, Cause::Throttled | Cause::Unavailable)
    }

    /// Whether what was asked for may have been done all the same.
    pub fn leaves_the_outcome_open(&self) -> bool {
        match self.class() {
            Class::Unavailable | Class::Unexpected => true,
            Class::Denied
            | Class::Missing
            | Class::Refused
            | Class::Settling
            | Class::Throttled
            | Class::Conflict => false,
        }
    }

    /// What a person can do, as a sentence without its full stop.
    pub fn next_step(&self) -> String {
        let target = &self.target;
        match &self.cause {
            Cause::AuthorizationFailed if self.is_of_pools() => format!("give the operator's principal the role DevOps Infrastructure Contributor, or another with the action that Azure names, on {target} or above; it takes Azure some minutes to honour a new role"),
            Cause::SubscriptionNotFound if self.is_of_pools() => "check subscriptionId in spec.pools, and give the operator's principal a role on the pool or its subscription: Azure answers the same for a subscription that is not there and for one that may not be seen".into(),
            Cause::ResourceGroupNotFound if self.is_of_pools() => "correct resourceGroup in spec.pools, where that of the identity counts if it is absent".into(),
            Cause::ScopeLocked if self.is_of_pools() => "remove the lock that Azure names, or take the pool out of spec.pools".into(),
            Cause::AuthorizationFailed => format!("give the operator's principal a role with the action that Azure names, on {target} or above (Managed Identity Contributor covers the identity); it takes Azure some minutes to honour a new role"),
            Cause::WrongTenant(tenants) if tenants.is_empty() => "sign the operator in to the subscription's own directory (AZURE_TENANT_ID)".into(),
            Cause::WrongTenant(tenants) => format!("sign the operator in to the subscription's directory {} (AZURE_TENANT_ID)", tenants.join(" or ")),
            Cause::SignInFailed(code) => sign_in_remedy(code.as_deref(), target),
            Cause::SubscriptionNotFound => "check identity.subscriptionId, and give the operator's principal a role on the subscription: Azure answers the same for a subscription that is not there and for one that may not be seen".into(),
            Cause::SubscriptionDisabled => "enable the subscription again".into(),
            Cause::ResourceGroupNotFound => "create the resource group, or correct identity.resourceGroup in a new object".into(),
            Cause::ResourceGroupBeingDeleted => "wait until the resource group is gone and create it anew".into(),
            Cause::ProviderNotRegistered(namespace) => format!("register the provider: `az provider register --namespace {namespace}`"),
            Cause::PolicyDenied => "satisfy the policy that Azure names, or ask for an exemption".into(),
            Cause::LinkedAuthorizationFailed => format!("give the operator's principal the role Managed Identity Operator (Microsoft.ManagedIdentity/userAssignedIdentities/assign/action) on {}", self.identity_named()),
            Cause::IdentityOperationFailed => format!("see whether {} still exists and may be used with the pool (its isolationScope too); take it out of the pool if it is dead, else give the operator's principal the role Managed Identity Operator on it", self.identity_named()),
            Cause::OrganizationAccessDenied => "make the operator's principal a member of the pool's Azure DevOps organization and of the projects that the pool serves, with the role Administrator on their agent pools (Project settings, Agent pools, Security); it is tried again once an interval, ten minutes at the least".into(),
            Cause::ScopeLocked => "remove the lock that Azure names, or leave the identity as it is".into(),
            Cause::InvalidResourceLocation => "name the region in which the identity exists, in a new object: Azure moves no identity".into(),
            Cause::LocationNotAvailable => "choose one of the regions that Azure names, in a new object".into(),
            Cause::NotReplicated | Cause::Conflict => "nothing needs to be done: it is tried again".into(),
            Cause::Throttled => "nothing needs to be done: the operator waits as long as Azure asks".into(),
            Cause::Unavailable => "nothing needs to be done if this passes; else check the network path from the operator and Azure's own health page".into(),
            Cause::ChangeNotShown => "see in the pool's activity log what became of the change, and whether somebody undoes it (Terraform, an Azure Policy), or make the change by hand (Azure portal: the pool, Settings, Identity); it is tried again, slowly".into(),
            Cause::Refused => "change what Azure complains of".into(),
            Cause::Unexpected => "if this stays, report it with the code and the correlation id in status.lastError".into(),
        }
    }

    /// Whether pools were asked for.
    fn is_of_pools(&self) -> bool {
        self.target.to_ascii_lowercase().contains(&ManagedPool::TYPE.to_ascii_lowercase())
    }

    /// The identity that Azure's words name, which may be another than this object's: a pool bears others too.
    fn identity_named(&self) -> String {
        let words = self.message.split(|c: char| c.is_whitespace() || "'\"`,;".contains(c));
        words
            .map(|word| word.trim_end_matches(['.', ':']))
            .find_map(IdentityId::parse)
            .map_or_else(|| "the identity that Azure names".into(), |id| format!("identity {id}"))
    }

    /// What happened and what to do: the text of a condition. Long words of Azure are cut, the next step never is.
    pub fn told(&self) -> String {
        let Self { code, message, .. } = self;
        // Microsoft Entra begins its words with the code.
        let words = message.strip_prefix(&format!("{code}: ")).unwrap_or(message);
        let words: String = words.trim_end_matches('.').chars().take(WORDS_AT_MOST).collect();
        format!("{code}: {words}; {}", self.next_step())
    }
}

fn sign_in_remedy(code: Option<&str>, target: &str) -> String {
    match code {
        Some("AADSTS70021" | "AADSTS700211" | "AADSTS700212" | "AADSTS700213") => "add a federated credential to the operator's application or identity whose issuer, subject (system:serviceaccount:<namespace>:<service account>) and audience equal the token's".into(),
        Some("AADSTS700016") => "check AZURE_CLIENT_ID and AZURE_TENANT_ID: the directory does not know this application".into(),
        Some("AADSTS90002") => "check AZURE_TENANT_ID: there is no such directory".into(),
        Some("AADSTS7000215") => "check AZURE_CLIENT_SECRET: it takes the secret's value, not its id".into(),
        Some("AADSTS7000222") => "make a new client secret: this one has expired".into(),
        Some("AADSTS700024") => "check the clock of the node and that AZURE_FEDERATED_TOKEN_FILE is renewed: the token is outside its time".into(),
        Some("AADSTS700027") => "register the certificate in AZURE_CLIENT_CERTIFICATE_PATH with the operator's application, or put the registered one there".into(),
        Some(sign_in::CERTIFICATE_UNUSABLE) => "nothing else needs to be done: AZURE_CLIENT_CERTIFICATE_PATH is read anew at each sign-in".into(),
        Some(sign_in::AZURE_CLI_FAILED) => format!("run `az login --tenant {}` as the user that the operator runs as", target.rsplit('/').next().unwrap_or_default()),
        Some(sign_in::IDENTITY_REFUSED) => "assign the identity to the machine or scale set that the operator runs on, and check AZURE_CLIENT_ID: without it the machine's own identity is meant".into(),
        Some(sign_in::METADATA_SERVICE_SILENT) => "use managed-identity only on machines of Azure, and let the operator's pod reach 169.254.169.254".into(),
        _ => "check the operator's credential (MDI_CREDENTIAL and the AZURE_ settings)".into(),
    }
}

#[cfg(test)]
mod tests;
