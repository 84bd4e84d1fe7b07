//! The official description of a pool in all its versions, as data.
//!
//! 2025-09-20 and 2026-06-02 are as published; where a description and the types made from it disagree (`subnetId`), the
//! types count. 2024-10-19 is what the clients published for it know, and 2025-01-21 has the rules of 2025-09-20. Must never
//! be loosened for a client.

use crate::resource_manager::shape::Member;
use crate::resource_manager::shape::Need::{
    Optional, ReadOnly, ReadOnlySince, Required, RequiredUntil, Since,
};
use crate::resource_manager::shape::Shape::{
    AnyObject, Anything, Between, Flag, Id, Kinds, List, Object, Text, Uri, Whole, Word,
};

/// The first version.
const FIRST: &str = "2024-10-19";
const SECOND: &str = "2025-01-21";
/// The last version in which every pool has its Dev Center project.
const WITH_PROJECT: &str = "2025-09-20";
/// The newest version; what an operation came to is told in full.
pub(super) const NEWEST: &str = "2026-06-02";

/// The body of a PUT.
pub(super) const POOL: &[Member] = &[
    Member("id", ReadOnly, Anything),
    Member("name", ReadOnly, Anything),
    Member("type", ReadOnly, Anything),
    Member("systemData", ReadOnly, Anything),
    Member("location", Optional, Text),
    Member("tags", Optional, Anything),
    Member("identity", Optional, Anything),
    Member("properties", Required, AnyObject),
];

/// The body of a PATCH.
pub(super) const UPDATE: &[Member] = &[
    Member("identity", Optional, Anything),
    Member("tags", Optional, Anything),
    Member("properties", Optional, AnyObject),
];

/// The block `identity`; its map has rules of its own.
pub(super) const IDENTITY: &[Member] = &[
    Member("principalId", ReadOnly, Anything),
    Member("tenantId", ReadOnly, Anything),
    Member("type", Required, Text),
    Member("userAssignedIdentities", Optional, AnyObject),
];

/// The block `properties`. In a PATCH none of its members is required.
pub(super) const PROPERTIES: &[Member] = &[
    // Not read-only in the description, whose own example sends it: checked, and passed over by the service.
    Member("provisioningState", Optional, Word(STATES)),
    Member("maximumConcurrency", Required, Between(1, 10_000)),
    Member("organizationProfile", Required, Kinds(ORGANIZATION_PROFILES)),
    Member("agentProfile", Required, Kinds(AGENT_PROFILES)),
    Member("fabricProfile", Required, Kinds(&[("Vmss", VMSS)])),
    Member("devCenterProjectResourceId", RequiredUntil(WITH_PROJECT), Text),
    Member("runtimeConfiguration", Since(SECOND), Object(&[Member("workFolder", Optional, Text)])),
];

const STATES: &[&str] =
    &["Succeeded", "Failed", "Canceled", "Provisioning", "Updating", "Deleting", "Accepted"];

const KIND: Member = Member("kind", Required, Text);
const TEXTS: crate::resource_manager::shape::Shape = List(&Text);

const ORGANIZATION_PROFILES: &[(&str, &[Member])] = &[
    (
        "AzureDevOps",
        &[
            KIND,
            Member(
                "organizations",
                Required,
                List(&Object(&[
                    Member("url", Required, Uri),
                    Member("projects", Optional, TEXTS),
                    Member("parallelism", Optional, Whole),
                    Member("openAccess", Since(SECOND), Flag),
                    Member("alias", Since(SECOND), Text),
                ])),
            ),
            Member(
                "permissionProfile",
                Optional,
                Object(&[
                    Member("kind", Required, Word(&["Inherit", "CreatorOnly", "SpecificAccounts"])),
                    Member("users", Optional, TEXTS),
                    Member("groups", Optional, TEXTS),
                ]),
            ),
            Member("alias", Since(SECOND), Text),
            Member("description", Since(NEWEST), Text),
            Member("updateDescription", Since(NEWEST), Flag),
        ],
    ),
    (
        "GitHub",
        &[
            KIND,
            Member(
                "organizations",
                Required,
                List(&Object(&[Member("url", Required, Uri), Member("repositories", Optional, TEXTS)])),
            ),
        ],
    ),
];

const PREDICTIONS: Member = Member("resourcePredictions", Optional, AnyObject);
const PREDICTIONS_PROFILE: Member = Member(
    "resourcePredictionsProfile",
    Optional,
    Kinds(&[
        (
            "Automatic",
            &[
                KIND,
                Member(
                    "predictionPreference",
                    Optional,
                    Word(&[
                        "Balanced",
                        "MostCostEffective",
                        "MoreCostEffective",
                        "MorePerformance",
                        "BestPerformance",
                    ]),
                ),
            ],
        ),
        ("Manual", &[KIND]),
    ]),
);

const AGENT_PROFILES: &[(&str, &[Member])] = &[
    (
        "Stateful",
        &[
            KIND,
            PREDICTIONS,
            PREDICTIONS_PROFILE,
            Member("maxAgentLifetime", Optional, Text),
            Member("gracePeriodTimeSpan", Optional, Text),
        ],
    ),
    ("Stateless", &[KIND, PREDICTIONS, PREDICTIONS_PROFILE]),
];

const VMSS: &[Member] = &[
    KIND,
    Member(
        "sku",
        Required,
        Object(&[
            Member("name", Required, Text),
            Member("windowsNvmeDrive", Since(NEWEST), Text),
            Member("linuxNvmePath", Since(NEWEST), Text),
            Member("vmSizes", Since(NEWEST), List(&Object(&[Member("name", Optional, Text)]))),
        ]),
    ),
    Member(
        "images",
        Required,
        List(&Object(&[
            Member("resourceId", Optional, Text),
            Member("wellKnownImageName", Optional, Text),
            Member("aliases", Optional, TEXTS),
            Member("buffer", Optional, Text),
            Member("ephemeralType", Since(SECOND), Word(&["Automatic", "CacheDisk", "ResourceDisk"])),
            Member("isEphemeral", ReadOnlySince(SECOND), Flag),
            Member("provisioningScriptStorageAccountResourceId", Since(NEWEST), Id),
            Member("provisioningScriptManagedIdentityClientId", Since(NEWEST), Text),
            Member("provisioningScriptShouldRestart", Since(NEWEST), Flag),
            Member("provisioningScriptEntryPoint", Since(NEWEST), Text),
        ])),
    ),
    Member(
        "osProfile",
        Optional,
        Object(&[
            Member(
                "secretsManagementSettings",
                Optional,
                Object(&[
                    Member("certificateStoreLocation", Optional, Text),
                    Member("certificateStoreName", Since(SECOND), Word(&["My", "Root"])),
                    Member("observedCertificates", Required, List(&Uri)),
                    Member("keyExportable", Required, Flag),
                ]),
            ),
            Member("logonType", Optional, Word(&["Service", "Interactive"])),
        ]),
    ),
    Member(
        "storageProfile",
        Optional,
        Object(&[
            Member("osDiskStorageAccountType", Optional, Word(&["Standard", "Premium", "StandardSSD"])),
            Member(
                "dataDisks",
                Optional,
                List(&Object(&[
                    Member("caching", Optional, Word(&["None", "ReadOnly", "ReadWrite"])),
                    Member("diskSizeGiB", Optional, Whole),
                    Member(
                        "storageAccountType",
                        Optional,
                        Word(&[
                            "Standard_LRS",
                            "Premium_LRS",
                            "StandardSSD_LRS",
                            "Premium_ZRS",
                            "StandardSSD_ZRS",
                        ]),
                    ),
                    Member("driveLetter", Optional, Text),
                ])),
            ),
        ]),
    ),
    Member(
        "networkProfile",
        Optional,
        Object(&[
            Member("subnetId", RequiredUntil(FIRST), Text),
            Member("staticIpAddressCount", Since(SECOND), Whole),
            Member("ipAddresses", ReadOnlySince(SECOND), TEXTS),
        ]),
    ),
];
