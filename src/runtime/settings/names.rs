//! Names of the environment variables, and what counts where they are absent.

/// The variables; the flags are named after them.
pub(super) mod variable {
    pub const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
    pub const TENANT_ID: &str = "AZURE_TENANT_ID";
    pub const CLIENT_ID: &str = "AZURE_CLIENT_ID";
    pub const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
    pub const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
    pub const CLIENT_SECRET_FILE: &str = "AZURE_CLIENT_SECRET_FILE";
    pub const CLIENT_CERTIFICATE_PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
    pub const CREDENTIAL: &str = "MDI_CREDENTIAL";
    pub const RESOURCE_MANAGER_ENDPOINT: &str = "AZURE_RESOURCE_MANAGER_ENDPOINT";
    pub const RESOURCE_MANAGER_AUDIENCE: &str = "AZURE_RESOURCE_MANAGER_AUDIENCE";
    pub const FURTHER_HOSTS: &str = "MDI_FURTHER_HOSTS";
    pub const DEVOPS_ENDPOINT: &str = "AZURE_DEVOPS_ENDPOINT";
    pub const CA_FILE: &str = "MDI_CA_FILE";
    pub const CLUSTER_ID: &str = "MDI_CLUSTER_ID";
    pub const FORMER_CLUSTER_IDS: &str = "MDI_FORMER_CLUSTER_IDS";
    pub const NAMESPACES: &str = "MDI_NAMESPACES";
    pub const FENCES_FILE: &str = crate::domain::fence::SETTING;
    pub const CONCURRENCY: &str = "MDI_CONCURRENCY";
    pub const LISTEN: &str = "MDI_LISTEN";
    pub const LOG: &str = "MDI_LOG";
    pub const LOG_FORMAT: &str = "MDI_LOG_FORMAT";
    pub const TEST_TIME_SCALE: &str = "MDI_TEST_TIME_SCALE";
    pub const TEST_METADATA_SERVICE: &str = "MDI_TEST_METADATA_SERVICE";
    pub const HTTPS_PROXY: &str = "HTTPS_PROXY";
    pub const NO_PROXY: &str = "NO_PROXY";
}

/// What counts where a setting is absent.
pub(super) mod default {
    pub const AUTHORITY_HOST: &str = "https://login.microsoftonline.com";
    pub const RESOURCE_MANAGER: &str = "https://management.azure.com";
    pub const DEVOPS: &str = "https://dev.azure.com";
    pub const METADATA_SERVICE: &str = "http://169.254.169.254";
    pub const CONCURRENCY: &str = "32";
    pub const LISTEN: &str = "0.0.0.0:8080";
    pub const LOG: &str = "info";
    pub const LOG_FORMAT: &str = "human";
}
