//! Builds the control plane's programs from pinned Go modules.
//!
//! Where prebuilt programs would come from a download page, these come from the Go module proxy that the
//! user has set, checked by a committed `go.sum`: the same everywhere, and no other server to trust.
//!
//! On the I/O side, and slow: minutes. Must never change the user's Go settings, touch the user's build
//! cache, or leave half a set of programs where `programs` finds it.

use crate::Error;
use crate::error::last_lines;
use crate::leash::Leash;
use crate::programs::{
    APISERVER, CONTROLLER_MANAGER, ETCD, ETCD_SERVER, KUBECTL, KUBERNETES, Lookup, Programs,
};
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const GO_MOD: &str = include_str!("../programs/go.mod");
const GO_SUM: &str = include_str!("../programs/go.sum");

/// The quick ones first: a machine without a way to the modules learns it in seconds.
const PACKAGES: [(&str, &str); 4] = [
    (ETCD_SERVER, "go.etcd.io/etcd/server/v3"),
    (KUBECTL, "k8s.io/kubernetes/cmd/kubectl"),
    (APISERVER, "k8s.io/kubernetes/cmd/kube-apiserver"),
    (CONTROLLER_MANAGER, "k8s.io/kubernetes/cmd/kube-controller-manager"),
];

/// Long enough not to be noise, short enough that nobody takes the build for hung.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Names the programs by all that they depend on, so that a changed pin is another directory.
pub(crate) fn key() -> String {
    let pins = fnv1a([GO_MOD, GO_SUM, &ldflags()]);
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("kubernetes-{KUBERNETES}-etcd-{ETCD}-{os}-{architecture}-{pins:016x}")
}

/// FNV-1a: the standard library's hashers promise no stable result, and this is no place for
/// cryptography: who can write the cache folder can replace the programs themselves.
fn fnv1a<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Without its version Kubernetes calls itself v0.0.0, and clients that compare versions refuse it.
fn ldflags() -> String {
    let mut numbers = KUBERNETES.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let variable = "k8s.io/component-base/version";
    format!(
        "-s -w -X {variable}.gitVersion={KUBERNETES} -X {variable}.gitMajor={major} -X {variable}.gitMinor={minor}"
    )
}

/// Builds into the cache, or waits for another process that is just doing so.
pub(crate) fn build(lookup: &Lookup) -> Result<Programs, Error> {
    fs::create_dir_all(&lookup.cache).map_err(Error::io(format!("create {}", lookup.cache.display())))?;
    let _lock = lock(&lookup.cache.join(format!("{}.lock", key())))?;
    // Somebody else may have built them while we waited.
    if let Some(programs) = lookup.find()? {
        return Ok(programs);
    }

    let workshop = lookup.cache.join(format!("{}.building", key()));
    // Only the holder of the lock gets here, so what lies there is of a build that was broken off.
    remove(&workshop)?;
    let (module, output) = (workshop.join("module"), workshop.join("programs"));
    for directory in [&module, &output, &workshop.join("go-tmp")] {
        fs::create_dir_all(directory).map_err(Error::io(format!("create {}", directory.display())))?;
    }
    // Go's build cache grows to 3 GB in there; the leash takes it away again, also after a Ctrl-C.
    let leash = Leash::with_directory(&workshop)?;
    for (name, text) in [("go.mod", GO_MOD), ("go.sum", GO_SUM)] {
        let file = module.join(name);
        fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
    }

    let start = Instant::now();
    say(&format!(
        "making kube-apiserver {KUBERNETES} and its companions from Go modules, once for this machine: about 7 minutes on 2 cores, 0.8 GB of modules if they are not here yet; kept in {}",
        lookup.built().display()
    ));
    for (index, (program, package)) in PACKAGES.iter().enumerate() {
        let place = format!("{program} ({} of {})", index + 1, PACKAGES.len());
        compile(&leash, &workshop, program, package, &place)?;
    }
    // An incomplete set from earlier would be in the way of the rename.
    remove(&lookup.built())?;
    fs::rename(&output, lookup.built())
        .map_err(Error::io(format!("move the programs to {}", lookup.built().display())))?;
    drop(leash);
    say(&format!("ready after {}", seconds(start.elapsed())));
    lookup
        .find()?
        .ok_or(Error::Build { program: APISERVER, log: "    (it vanished from the cache)".to_owned() })
}

fn compile(
    leash: &Leash,
    workshop: &Path,
    program: &'static str,
    package: &str,
    place: &str,
) -> Result<(), Error> {
    let log = workshop.join(format!("{program}.log"));
    let output = File::create(&log).map_err(Error::io(format!("create {}", log.display())))?;
    let start = Instant::now();
    say(&format!("building {place}"));
    let mut go = Command::new("go")
        // Said outright, so that a GOFLAGS of the user's cannot turn the build into another one.
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &ldflags(), "-o"])
        .arg(workshop.join("programs").join(program))
        .arg(package)
        .current_dir(workshop.join("module"))
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", workshop.join("go-build"))
        // Go tidies its work folder away itself, but not when it is killed.
        .env("GOTMPDIR", workshop.join("go-tmp"))
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .process_group(leash.group())
        .spawn()
        .map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::GoMissing,
            _ => Error::Io { what: "start go".to_owned(), source },
        })?;
    let mut said = start;
    let status = loop {
        if let Some(status) = go.try_wait().map_err(Error::io("wait for go"))? {
            break status;
        }
        if said.elapsed() >= HEARTBEAT {
            said = Instant::now();
            say(&format!("building {place}: {}", seconds(start.elapsed())));
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        return Err(Error::Build { program, log: last_lines(&log) });
    }
    say(&format!("built {program} in {}", seconds(start.elapsed())));
    Ok(())
}

fn lock(path: &Path) -> Result<File, Error> {
    let what = format!("lock {}", path.display());
    let file = File::create(path).map_err(Error::io(what.clone()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("another process is building the programs, waiting for it");
            file.lock().map_err(Error::io(what))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::Io { what, source }),
    }
    Ok(file)
}

fn remove(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::Io { what: format!("remove {}", directory.display()), source: error })
        }
        _ => Ok(()),
    }
}

/// Straight to standard error: the print macros are swallowed by the test runner, and this is for the
/// person who waits.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "control plane: {line}");
}

fn seconds(duration: Duration) -> String {
    let all = duration.as_secs();
    if all < 60 { format!("{all} s") } else { format!("{} min {:02} s", all / 60, all % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_carries_the_versions_and_changes_with_any_pin() {
        assert!(key().starts_with("kubernetes-v1.37.2-etcd-v3.7.3-"), "{}", key());
        assert_ne!(fnv1a(["a", "b"]), fnv1a(["a", "c"]));
        // Moving text from one file to the other is a change too.
        assert_ne!(fnv1a(["ab", ""]), fnv1a(["a", "b"]));
    }

    #[test]
    fn the_versions_in_the_names_are_those_of_the_modules() {
        assert!(GO_MOD.contains(&format!("k8s.io/kubernetes {KUBERNETES}")));
        assert!(GO_MOD.contains(&format!("go.etcd.io/etcd/server/v3 {ETCD}")));
        assert!(ldflags().contains("gitMajor=1 ") && ldflags().ends_with("gitMinor=37"));
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_secs(9)), "9 s");
        assert_eq!(seconds(Duration::from_secs(245)), "4 min 05 s");
    }
}
