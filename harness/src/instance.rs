//! The directory of one control plane, and the sweeping up of those that nobody holds any more.
//!
//! On the I/O side. Must never point outside the target folder: what lies there is git-ignored and goes with
//! `cargo clean`; and must never sweep what belongs to a living process.

use crate::Error;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use uuid::Uuid;

const LOCK: &str = "lock";

/// The folder below which each control plane has a directory of its own.
pub(crate) fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    target(root, std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from)).join("control-plane")
}

/// Cargo leaves a relative `CARGO_TARGET_DIR` as it is, while it runs a test with the package's folder as
/// the current one; joined to the root it means the same from everywhere.
fn target(root: &Path, setting: Option<PathBuf>) -> PathBuf {
    match setting {
        Some(path) if !path.as_os_str().is_empty() => root.join(path),
        _ => root.join("target"),
    }
}

/// The directory of an instance, locked for as long as its process lives.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// A new one, after what crashed runs have left was swept away. Normally a watchdog has done that;
    /// this is for a machine that was switched off, or a watchdog that was killed as well.
    pub(crate) fn create(instances: &Path) -> Result<Self, Error> {
        let failed = |path: &Path| Error::io(format!("create {}", path.display()));
        fs::create_dir_all(instances).map_err(failed(instances))?;
        // Between its creation and its lock a new directory looks like a stale one, so nobody sweeps then.
        let gate = instances.join(LOCK);
        let gate_file = File::create(&gate).map_err(failed(&gate))?;
        gate_file.lock().map_err(Error::io(format!("lock {}", gate.display())))?;
        sweep(instances);

        let path =
            instances.join(format!("{}-{}", std::process::id(), &Uuid::new_v4().simple().to_string()[..8]));
        DirBuilder::new().mode(0o700).create(&path).map_err(failed(&path))?;
        let lock = path.join(LOCK);
        let lock_file = File::create(&lock).map_err(failed(&lock))?;
        lock_file.lock().map_err(Error::io(format!("lock {}", lock.display())))?;
        Ok(Self { path, _lock: lock_file })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Removes the directories that nobody holds. Quietly: what cannot be removed now can be next time.
fn sweep(instances: &Path) {
    let Ok(entries) = fs::read_dir(instances) else { return };
    for directory in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let held = match File::open(directory.join(LOCK)).map(|lock| lock.try_lock()) {
            Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) => true,
            Ok(Ok(())) | Err(_) => false,
        };
        if !held {
            end_processes_of(&directory);
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

/// Kills what still runs from a stale directory. Its path is on the command line of each component and of
/// nothing else, which a process number from an old run could not promise.
fn end_processes_of(directory: &Path) {
    let Ok(listing) = Command::new("ps").args(["-A", "-o", "pid=,args="]).output() else { return };
    let directory = format!("{}/", directory.display());
    for line in String::from_utf8_lossy(&listing.stdout).lines().filter(|line| line.contains(&directory)) {
        if let Some(pid) = line.split_whitespace().next() {
            let _ = Command::new("sh")
                .args(["-c", "kill -s KILL \"$1\"", "sh", pid])
                .stderr(Stdio::null())
                .status();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    struct Instances(PathBuf);

    impl Instances {
        fn new() -> Self {
            Self(std::env::temp_dir().join(format!("instances-{}", Uuid::new_v4())))
        }
    }

    impl Drop for Instances {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Starts new ones until `holds`. A process that another test is just starting has, for a moment, a copy
    /// of all that we hold open, locks included.
    fn sweep_until(instances: &Instances, mut holds: impl FnMut() -> bool) {
        for _ in 0..100 {
            drop(Directory::create(&instances.0).unwrap());
            if holds() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("not swept");
    }

    #[test]
    fn a_directory_of_a_crashed_run_is_swept_and_that_of_a_living_one_is_not() {
        let instances = Instances::new();
        let living = Directory::create(&instances.0).unwrap();
        let crashed = Directory::create(&instances.0).unwrap();
        let crashed_path = crashed.path.clone();
        fs::create_dir_all(crashed_path.join("etcd/member")).unwrap();
        drop(crashed);

        sweep_until(&instances, || !crashed_path.exists());
        assert!(living.path.exists());
    }

    #[test]
    fn what_still_runs_from_a_stale_directory_is_ended_and_what_runs_from_a_living_one_is_not() {
        let instances = Instances::new();
        let [stale, living] = [(); 2].map(|()| Directory::create(&instances.0).unwrap());
        let [mut stale_process, mut living_process] = [&stale, &living].map(|directory| {
            let script = directory.path.join("etcd");
            fs::write(&script, "while :; do sleep 1; done").unwrap();
            Command::new("sh").arg(&script).spawn().unwrap()
        });

        drop(stale);
        sweep_until(&instances, || stale_process.try_wait().unwrap().is_some());
        assert!(living_process.try_wait().unwrap().is_none());
        living_process.kill().unwrap();
        living_process.wait().unwrap();
    }

    #[test]
    fn the_directory_is_closed_to_other_users() {
        use std::os::unix::fs::PermissionsExt as _;
        let instances = Instances::new();
        let directory = Directory::create(&instances.0).unwrap();
        assert_eq!(fs::metadata(&directory.path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_target_folder_follows_the_setting_and_is_the_workspaces_own_without_one() {
        for (setting, expected) in [
            (None, "/repo/target"),
            (Some(""), "/repo/target"),
            (Some("/elsewhere"), "/elsewhere"),
            (Some("build"), "/repo/build"),
        ] {
            assert_eq!(target(Path::new("/repo"), setting.map(PathBuf::from)), Path::new(expected));
        }
    }
}
