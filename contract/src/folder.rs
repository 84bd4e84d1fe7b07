//! Where the official descriptions lie below the folder that was given.
//!
//! Only descriptions of services that are simulated, or could be, are looked at: the whole of the official repository has
//! thousands. Must never read outside the folder.

use std::fs;
use std::path::{Path, PathBuf};

/// What is given on the command line, and what to do about a wrong one.
pub(crate) const ADVICE: &str =
    "give SPECS=folder, a checkout of the `specification` folder of Azure/azure-rest-api-specs";

/// One description: a service in one version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Description {
    pub(crate) service: Service,
    pub(crate) version: String,
    pub(crate) file: PathBuf,
}

/// A service with a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Identities,
    Pools,
    Subscriptions,
    RoleAssignments,
}

impl Service {
    const ALL: [Self; 4] = [Self::Identities, Self::Pools, Self::Subscriptions, Self::RoleAssignments];

    /// Its folder below `specification`, and the file's name.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Identities => ("msi", "ManagedIdentity.json"),
            Self::Pools => ("devopsinfrastructure", "devopsinfrastructure.json"),
            Self::Subscriptions => ("resources", "subscriptions.json"),
            Self::RoleAssignments => ("authorization", "authorization-RoleAssignmentsCalls.json"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identities => "identities",
            Self::Pools => "pools",
            Self::Subscriptions => "subscriptions",
            Self::RoleAssignments => "role assignments",
        }
    }

    /// The versions that the simulator is to take, by the pages that come with it.
    pub(crate) fn taken(self) -> &'static [&'static str] {
        match self {
            Self::Identities => &["2018-11-30", "2023-01-31", "2024-11-30", "2026-04-30", "2026-05-31"],
            Self::Pools => &["2024-10-19", "2025-01-21", "2025-09-20", "2026-06-02"],
            Self::Subscriptions => &["2020-01-01", "2021-01-01", "2022-12-01"],
            Self::RoleAssignments => &[],
        }
    }
}

/// All stable descriptions below the folder, or what is wrong with it.
pub(crate) fn descriptions(given: Option<&Path>) -> Result<Vec<Description>, String> {
    let given = given.ok_or_else(|| format!("SPECS is missing: {ADVICE}"))?;
    let nested = given.join("specification");
    let root = if nested.is_dir() { nested } else { given.to_owned() };
    let mut found = Vec::new();
    for service in Service::ALL {
        let (folder, name) = service.place();
        search(&root.join(folder).join("resource-manager"), name, &mut |file| {
            if let Some(version) = stable_version(file) {
                found.push(Description { service, version, file: file.to_owned() });
            }
        });
    }
    if found.is_empty() {
        return Err(format!("{} holds no descriptions of the simulated services: {ADVICE}", given.display()));
    }
    found.sort();
    Ok(found)
}

fn search(folder: &Path, name: &str, found: &mut impl FnMut(&Path)) {
    // A folder that is not there has no descriptions.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            search(&path, name, found);
        } else if path.file_name().is_some_and(|file| file == name) {
            found(&path);
        }
    }
}

/// The version of `…/stable/VERSION/file`.
fn stable_version(file: &Path) -> Option<String> {
    let version = file.parent()?;
    let stable = version.parent()?.file_name()? == "stable";
    stable.then(|| version.file_name()?.to_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_missing_or_empty_says_what_to_give() {
        for given in [None, Some(Path::new("/nowhere/at/all"))] {
            let error = descriptions(given).unwrap_err();
            assert!(error.ends_with(ADVICE) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn descriptions_are_found_in_the_checkout_and_in_its_specification_folder() {
        let root = std::env::temp_dir().join(format!("contract-folder-{}", std::process::id()));
        let home = root.join("specification/msi/resource-manager/Microsoft.ManagedIdentity");
        for version in ["stable/2024-11-30", "preview/2025-05-31-preview"] {
            fs::create_dir_all(home.join(version)).unwrap();
            fs::write(home.join(version).join("ManagedIdentity.json"), "{}").unwrap();
        }
        let versions = |given: &Path| -> Vec<String> {
            descriptions(Some(given)).unwrap().into_iter().map(|one| one.version).collect()
        };
        let found = (versions(&root), versions(&root.join("specification")));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.0, ["2024-11-30"], "previews are no part of the contract");
        assert_eq!(found.0, found.1);
    }
}
