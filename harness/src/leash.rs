//! A leash: whatever is started on it ends when we end, however that happens.
//!
//! A test process can be killed with SIGKILL, abort, or lose its terminal, and then no destructor runs. So
//! the cleaning up is done by somebody else, a small shell, which learns of our end from the one thing
//! that the kernel guarantees: the pipe that only we hold is closed.
//!
//! ```text
//!   we ──pipe──▶ watchdog (sh) ──pipe──▶ anchor (cat)
//!                   │                      leader of the process group that everything else joins
//!                   └─ when our pipe closes: SIGKILL to that group, then the directory is removed
//! ```
//!
//! The anchor keeps the group's number from being given to somebody else for as long as the watchdog may
//! use it, and ends with the watchdog. The watchdog has a group of its own, so it survives both its own
//! work and a Ctrl-C in the terminal.
//!
//! On the I/O side. Must never signal a process by a number that could have changed hands.

use crate::Error;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// `$1` is the group, `$2` the directory. A process may still write while it is being killed, and then the
/// removal finds a directory that is not empty, so it is tried again.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
kill -s KILL -- "-$1"
tries=0
while [ -n "$2" ] && [ -e "$2" ] && [ "$tries" -lt 100 ]; do
    rm -rf -- "$2" || sleep 0.1
    tries=$((tries + 1))
done
"#;

/// Processes that end with us, and a directory that goes with them.
#[derive(Debug)]
pub(crate) struct Leash {
    anchor: Child,
    watchdog: Child,
    held: Option<ChildStdin>,
}

impl Leash {
    /// A leash whose end also removes `directory`.
    pub(crate) fn with_directory(directory: &Path) -> Result<Self, Error> {
        Self::new(Some(directory.to_path_buf()))
    }

    /// A leash for processes only.
    pub(crate) fn for_processes() -> Result<Self, Error> {
        Self::new(None)
    }

    fn new(directory: Option<PathBuf>) -> Result<Self, Error> {
        let failed = || Error::io("start the watchdog (sh and cat, which clean up after us)");
        let mut anchor = Command::new("cat")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed())?;
        let to_anchor = anchor.stdin.take().map_or_else(Stdio::null, Stdio::from);
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog", &anchor.id().to_string()])
            .arg(directory.unwrap_or_default())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(to_anchor)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(failed())?;
        let held = watchdog.stdin.take();
        Ok(Self { anchor, watchdog, held })
    }

    /// The process group to start things in: `Command::process_group(leash.group())`.
    pub(crate) fn group(&self) -> i32 {
        // Process ids fit: the kernel's own type for them is a signed 32-bit number.
        self.anchor.id().cast_signed()
    }

    /// Ends everything on the leash and returns when it is gone.
    fn cut(&mut self) {
        if self.held.take().is_some() {
            // Both can only fail when somebody else has reaped them, and then they are gone as well.
            let _ = self.watchdog.wait();
            let _ = self.anchor.wait();
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::Leash;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Command;

    #[test]
    fn what_is_on_the_leash_is_killed_and_its_directory_removed_when_it_is_dropped() {
        let directory = std::env::temp_dir().join(format!("leash {}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(directory.join("deep/er")).unwrap();
        std::fs::write(directory.join("deep/er/file"), "kept until the end").unwrap();

        let leash = Leash::with_directory(&directory).unwrap();
        let mut first = Command::new("sleep").arg("600").process_group(leash.group()).spawn().unwrap();
        let mut second = Command::new("sleep").arg("600").process_group(leash.group()).spawn().unwrap();
        assert!(first.try_wait().unwrap().is_none());
        assert!(directory.exists());
        drop(leash);

        assert_eq!(first.wait().unwrap().signal(), Some(9));
        assert_eq!(second.wait().unwrap().signal(), Some(9));
        assert!(!directory.exists());
    }

    #[test]
    fn two_leashes_do_not_touch_each_other() {
        let (one, other) = (Leash::for_processes().unwrap(), Leash::for_processes().unwrap());
        let mut stays = Command::new("sleep").arg("600").process_group(other.group()).spawn().unwrap();
        drop(one);
        assert!(stays.try_wait().unwrap().is_none());
        drop(other);
        assert_eq!(stays.wait().unwrap().signal(), Some(9));
    }
}
