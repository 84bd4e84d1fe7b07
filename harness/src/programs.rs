//! Which programs the control plane is made of, and where they are found.
//!
//! 1. `KUBEBUILDER_ASSETS`, the convention of envtest: whoever has such a directory need not build.
//! 2. The user's cache folder, under a name that carries the versions and a hash of the Go modules' pins.
//! 3. Otherwise they are built into that cache (`build`).
//!
//! Looks at files only; building is behind `build`. Must never take a program from the `PATH`: what runs
//! there is not the version that the tests were written for.

use crate::{Error, build};
use std::path::{Path, PathBuf};

/// The Kubernetes that is built when none is given.
pub(crate) const KUBERNETES: &str = "v1.37.2";
/// The etcd that goes with it.
pub(crate) const ETCD: &str = "v3.7.3";

pub(crate) const APISERVER: &str = "kube-apiserver";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub(crate) const ETCD_SERVER: &str = "etcd";
pub(crate) const KUBECTL: &str = "kubectl";

/// The programs of one control plane, all of them present on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    directory: PathBuf,
    origin: Origin,
    has_controller_manager: bool,
}

/// Where the programs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The directory that `KUBEBUILDER_ASSETS` names.
    Given,
    /// Built from the pinned Go modules, now or earlier.
    Built,
}

impl Programs {
    /// The programs of this machine, built first if they have to be. Blocks, for minutes in that case, and
    /// tells on standard error what it is doing.
    pub fn prepare() -> Result<Self, Error> {
        let lookup = Lookup::from_environment()?;
        match lookup.find()? {
            Some(programs) => Ok(programs),
            None => build::build(&lookup),
        }
    }

    /// Where these come from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The directory they lie in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The API server.
    pub fn apiserver(&self) -> PathBuf {
        self.directory.join(APISERVER)
    }

    /// Its store.
    pub fn etcd(&self) -> PathBuf {
        self.directory.join(ETCD_SERVER)
    }

    /// The command line.
    pub fn kubectl(&self) -> PathBuf {
        self.directory.join(KUBECTL)
    }

    /// The controller manager. `None` with programs from setup-envtest, which does not ship it.
    pub fn controller_manager(&self) -> Option<PathBuf> {
        self.has_controller_manager.then(|| self.directory.join(CONTROLLER_MANAGER))
    }

    /// What is not real on a control plane of these programs, in one line; `None` when all is.
    pub fn shortcoming(&self) -> Option<String> {
        (!self.has_controller_manager).then(|| {
            format!(
                "no {CONTROLLER_MANAGER} in {}: namespaces stay Terminating, owned objects are not collected, aggregated roles stay empty",
                self.directory.display()
            )
        })
    }
}

/// Where to look. Its own type so that the rules can be tried without the machine's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// `KUBEBUILDER_ASSETS`, if it is set.
    pub assets: Option<PathBuf>,
    /// The folder in the user's cache that holds one directory for each set of pins.
    pub cache: PathBuf,
}

impl Lookup {
    /// As the environment says.
    pub fn from_environment() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var_os(name).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, Error> {
        let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
        // The XDG specification has relative paths ignored.
        let cache = set("XDG_CACHE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".cache")))
            .ok_or(Error::NoCacheFolder)?;
        // The programs are started in another directory, where a relative path would mean something else.
        let assets = set("KUBEBUILDER_ASSETS").map(|path| std::path::absolute(&path).unwrap_or(path));
        Ok(Self { assets, cache: cache.join("mdi-operator").join("control-plane") })
    }

    /// The programs if they are there, `None` if they have to be built.
    pub fn find(&self) -> Result<Option<Programs>, Error> {
        if let Some(assets) = &self.assets {
            for program in [APISERVER, ETCD_SERVER, KUBECTL] {
                if !assets.join(program).is_file() {
                    return Err(Error::ProgramMissing { program, directory: assets.clone() });
                }
            }
            let has_controller_manager = assets.join(CONTROLLER_MANAGER).is_file();
            return Ok(Some(Programs {
                directory: assets.clone(),
                origin: Origin::Given,
                has_controller_manager,
            }));
        }
        let directory = self.built();
        // The directory appears by one rename, so either all programs are in it or it is not there;
        // somebody who tidied single files away gets them back.
        let complete = [APISERVER, ETCD_SERVER, KUBECTL, CONTROLLER_MANAGER]
            .iter()
            .all(|program| directory.join(program).is_file());
        Ok(complete.then_some(Programs { directory, origin: Origin::Built, has_controller_manager: true }))
    }

    /// The directory for the pins that this harness was compiled with.
    pub(crate) fn built(&self) -> PathBuf {
        self.cache.join(build::key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [&str; 3] = [APISERVER, ETCD_SERVER, KUBECTL];

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("programs-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn with(self, below: &str, programs: &[&str]) -> Self {
            std::fs::create_dir_all(self.0.join(below)).unwrap();
            for program in programs {
                std::fs::write(self.0.join(below).join(program), "").unwrap();
            }
            self
        }

        fn lookup(&self, assets: Option<&str>) -> Lookup {
            Lookup { assets: assets.map(|name| self.0.join(name)), cache: self.0.join("cache") }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_given_directory_wins_over_the_cache() {
        let all = [REQUIRED.as_slice(), &[CONTROLLER_MANAGER]].concat();
        let folder = Folder::new().with("assets", &all).with(&format!("cache/{}", build::key()), &all);

        let given = folder.lookup(Some("assets")).find().unwrap().unwrap();
        assert_eq!(given.origin(), Origin::Given);
        assert_eq!(given.apiserver(), folder.0.join("assets/kube-apiserver"));
        assert_eq!(given.shortcoming(), None);

        let built = folder.lookup(None).find().unwrap().unwrap();
        assert_eq!(built.origin(), Origin::Built);
        assert!(built.controller_manager().is_some());
    }

    #[test]
    fn what_setup_envtest_ships_is_enough_and_its_shortcoming_is_told_in_one_line() {
        let folder = Folder::new().with("assets", &REQUIRED);
        let programs = folder.lookup(Some("assets")).find().unwrap().unwrap();
        assert_eq!(programs.controller_manager(), None);
        let shortcoming = programs.shortcoming().unwrap();
        assert!(shortcoming.contains("namespaces stay Terminating"), "{shortcoming}");
        assert_eq!(shortcoming.lines().count(), 1);
    }

    #[test]
    fn a_given_directory_without_a_required_program_is_refused_by_the_programs_name() {
        for missing in REQUIRED {
            let rest: Vec<_> = REQUIRED.into_iter().filter(|program| *program != missing).collect();
            // A full cache does not help: who gives a directory means it.
            let folder = Folder::new()
                .with("assets", &rest)
                .with(&format!("cache/{}", build::key()), &[&REQUIRED[..], &[CONTROLLER_MANAGER]].concat());
            let error = folder.lookup(Some("assets")).find().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{missing} is not in ")), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn a_cache_that_is_empty_incomplete_or_of_other_pins_means_building() {
        for folder in [
            Folder::new(),
            Folder::new().with(&format!("cache/{}", build::key()), &REQUIRED),
            Folder::new().with("cache/kubernetes-v1.0.0", &[&REQUIRED[..], &[CONTROLLER_MANAGER]].concat()),
        ] {
            assert_eq!(folder.lookup(None).find().unwrap(), None);
        }
    }

    #[test]
    fn the_cache_folder_follows_the_xdg_rules() {
        for (xdg, home, expected) in [
            (Some("/xdg"), Some("/home/me"), Some("/xdg/mdi-operator/control-plane")),
            (None, Some("/home/me"), Some("/home/me/.cache/mdi-operator/control-plane")),
            (Some(""), Some("/home/me"), Some("/home/me/.cache/mdi-operator/control-plane")),
            (Some("relative"), Some("/home/me"), Some("/home/me/.cache/mdi-operator/control-plane")),
            (None, None, None),
        ] {
            let lookup = Lookup::from_variables(|name| match name {
                "XDG_CACHE_HOME" => xdg.map(PathBuf::from),
                "HOME" => home.map(PathBuf::from),
                _ => None,
            });
            assert_eq!(lookup.ok().map(|lookup| lookup.cache), expected.map(PathBuf::from));
        }
    }

    #[test]
    fn an_empty_kubebuilder_assets_counts_as_not_set_and_a_relative_one_is_resolved() {
        let lookup = |value: &'static str| {
            Lookup::from_variables(|name| match name {
                "HOME" => Some("/home/me".into()),
                "KUBEBUILDER_ASSETS" => Some(value.into()),
                _ => None,
            })
            .unwrap()
        };
        assert_eq!(lookup("").assets, None);
        assert_eq!(lookup("/assets").assets, Some("/assets".into()));
        assert_eq!(lookup("assets").assets, Some(std::env::current_dir().unwrap().join("assets")));
    }
}
