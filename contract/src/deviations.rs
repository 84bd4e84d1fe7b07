//! The differences between the simulator and the descriptions that are known and meant, each with its reason.
//!
//! One that no longer occurs is a failure: it has to go from here. Must never excuse more than it says.

use crate::folder::Service;

/// A known difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    pub(crate) service: Service,
    /// The versions where it occurs; all if empty.
    pub(crate) versions: &'static [&'static str],
    /// The operation; any if empty.
    pub(crate) operation: &'static str,
    /// Part of the request's label.
    pub(crate) request: &'static str,
    /// Part of the problem.
    pub(crate) problem: &'static str,
    pub(crate) reason: &'static str,
}

impl Deviation {
    /// Whether it is about this service in this version.
    pub(crate) fn is_of(&self, service: Service, version: &str) -> bool {
        self.service == service && (self.versions.is_empty() || self.versions.contains(&version))
    }

    /// Whether it speaks of such a problem there.
    pub(crate) fn covers(&self, operation: &str, request: &str, problem: &str) -> bool {
        (self.operation.is_empty() || self.operation == operation)
            && request.contains(self.request)
            && problem.contains(self.problem)
    }
}

/// All of them.
pub(crate) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        service: Service::Identities,
        versions: &[],
        operation: "",
        request: "against a policy",
        problem: "'additionalInfo' was unexpected",
        reason: "Resource Manager refuses in its own shape before the provider is asked",
    },
    Deviation {
        service: Service::Identities,
        versions: &[],
        operation: "UserAssignedIdentities_Update",
        request: "properties.isolationScope: null",
        problem: "taken, and it should be refused",
        reason: "a PATCH is a JSON merge patch, in which null takes a member away",
    },
    Deviation {
        service: Service::Identities,
        versions: &["2026-04-30", "2026-05-31"],
        operation: "UserAssignedIdentities_Update",
        request: "properties.assignmentRestrictions: null",
        problem: "taken, and it should be refused",
        reason: "a PATCH is a JSON merge patch, in which null takes a member away",
    },
    Deviation {
        service: Service::Identities,
        versions: &[],
        operation: "FederatedIdentityCredentials_CreateOrUpdate",
        request: "the least",
        problem: "refused for its shape",
        reason: "optional in the description, and without it there is nothing to trust",
    },
    Deviation {
        service: Service::Pools,
        versions: &[],
        operation: "Pools_CreateOrUpdate",
        request: "the least",
        problem: "refused for its shape",
        reason: "optional in the description, which requires most of its members",
    },
    Deviation {
        service: Service::Pools,
        versions: &[],
        operation: "Pools_CreateOrUpdate",
        request: "without properties",
        problem: "refused for its shape",
        reason: "optional in the description, which requires most of its members",
    },
    Deviation {
        service: Service::Pools,
        versions: &["2025-09-20"],
        operation: "",
        request: "networkProfile: {}",
        problem: "taken, and it should be refused",
        reason: "the published types have subnetId optional",
    },
    Deviation {
        service: Service::Pools,
        versions: &["2025-09-20"],
        operation: "",
        request: "without properties.fabricProfile.networkProfile.subnetId",
        problem: "taken, and it should be refused",
        reason: "the published types have subnetId optional",
    },
    Deviation {
        service: Service::Pools,
        versions: &["2025-09-20"],
        operation: "",
        request: "networkProfile",
        problem: "\"subnetId\" is a required property",
        reason: "the published types have subnetId optional",
    },
    Deviation {
        service: Service::Pools,
        versions: &["2026-06-02"],
        operation: "Pools_CreateOrUpdate",
        request: "the example",
        problem: "'skuProfile' was unexpected",
        reason: "the example is of a revision that was not published",
    },
    Deviation {
        service: Service::Pools,
        versions: &[],
        operation: "",
        request: "",
        problem: "'upgradeProfile' was unexpected",
        reason: "the sample world has a property of a version that nobody knows, on purpose",
    },
    Deviation {
        service: Service::Subscriptions,
        versions: &[],
        operation: "Subscriptions_List",
        request: "",
        problem: "'count' was unexpected",
        reason: "Azure counts them in its answers",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_excuses_only_what_it_says() {
        let deviation = Deviation {
            service: Service::Pools,
            versions: &["2025-09-20"],
            operation: "Pools_Get",
            request: "absent",
            problem: "no JSON",
            reason: "",
        };
        assert!(deviation.is_of(Service::Pools, "2025-09-20"));
        assert!(!deviation.is_of(Service::Pools, "2026-06-02"));
        assert!(!deviation.is_of(Service::Identities, "2025-09-20"));
        assert!(deviation.covers("Pools_Get", "an absent one", "no JSON, which is described"));
        assert!(!deviation.covers("Pools_Delete", "an absent one", "no JSON, which is described"));
        assert!(!deviation.covers("Pools_Get", "one that is there", "no JSON, which is described"));
        assert!(!deviation.covers("Pools_Get", "an absent one", "status 201"));
    }

    #[test]
    fn every_deviation_has_its_reason() {
        for deviation in DEVIATIONS {
            assert!(!deviation.reason.is_empty() && !deviation.problem.is_empty(), "{deviation:?}");
        }
    }
}
