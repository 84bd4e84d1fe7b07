//! The operator as it ships: its own process, with a service account's kubeconfig and nothing else.
//!
//! On the I/O side. Must never hand on what the person at the machine has in the environment: a test that
//! works because of somebody's `az login` or proxy tests nothing.

use crate::Error;
use crate::error::last_lines;
use crate::leash::Leash;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Handed on: how to find programs, where temporary files go, and what those who debug or measure coverage
/// set. All else the caller says.
const INHERITED: [&str; 4] = ["PATH", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

/// A running operator. Dropped, or orphaned by a crash of this process, it is killed.
#[derive(Debug)]
pub struct Operator {
    process: Child,
    log: PathBuf,
    // Held, not used: it kills the process when we end.
    _leash: Leash,
}

impl Operator {
    /// Starts `binary` with `arguments`, `kubeconfig` as `KUBECONFIG`, and `settings` as its environment.
    /// What it prints goes to a file beside the kubeconfig.
    pub fn start<S, A>(binary: &Path, kubeconfig: &Path, settings: S, arguments: A) -> Result<Self, Error>
    where
        S: IntoIterator<Item = (String, String)>,
        A: IntoIterator,
        A::Item: AsRef<OsStr>,
    {
        // It runs in a directory of its own, where relative paths would mean something else.
        let absolute =
            |path: &Path| std::path::absolute(path).map_err(Error::io(format!("resolve {}", path.display())));
        let (binary, kubeconfig) = (absolute(binary)?, absolute(kubeconfig)?);
        let home = kubeconfig.parent().unwrap_or_else(|| Path::new("/"));
        let log = new_log(home)?;
        let failed_to_log = || Error::io(format!("open {}", log.display()));
        let output = OpenOptions::new().append(true).open(&log).map_err(failed_to_log())?;
        let leash = Leash::for_processes()?;
        let mut command = Command::new(&binary);
        command.args(arguments).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let process = command
            .env("HOME", home)
            .env("KUBECONFIG", &kubeconfig)
            .envs(settings)
            .current_dir(home)
            .process_group(leash.group())
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed_to_log())?)
            .stderr(output)
            .spawn()
            .map_err(Error::io(format!("start the operator ({})", binary.display())))?;
        Ok(Self { process, log, _leash: leash })
    }

    /// All that it has printed so far. Readable after it has ended, for as long as the control plane lives.
    pub fn log(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("({} cannot be read: {error})", self.log.display()),
        }
    }

    /// The file that holds it.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Its process id; `None` once it has ended and been waited for.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool, Error> {
        Ok(self.process.try_wait().map_err(Error::io("ask after the operator"))?.is_none())
    }

    /// Waits until it ends by itself.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        self.process.wait().await.map_err(Error::io("wait for the operator"))
    }

    /// Sends SIGTERM, as the kubelet does, and waits. An operator that outlives the deadline is an error
    /// and is left as it is, for the caller to look at; dropping it kills it.
    pub async fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, Error> {
        let Some(pid) = self.process.id() else { return self.wait().await };
        self.signal("TERM").await?;
        match tokio::time::timeout(deadline, self.wait()).await {
            Ok(status) => status,
            Err(_) => Err(Error::OperatorStays { pid, after: deadline, log: last_lines(&self.log) }),
        }
    }

    /// Sends SIGKILL, as the kernel does to who takes too much memory, and waits.
    pub async fn kill(&mut self) -> Result<ExitStatus, Error> {
        // Fails only when it has ended already, and that is what was wanted.
        let _ = self.process.start_kill();
        self.wait().await
    }

    /// Stops the process in its tracks (SIGSTOP), as a frozen node would: clocks go on, it does not.
    pub async fn pause(&mut self) -> Result<(), Error> {
        self.signal("STOP").await
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub async fn resume(&mut self) -> Result<(), Error> {
        self.signal("CONT").await
    }

    /// The number cannot have changed hands: Tokio reports none once the process is reaped.
    async fn signal(&self, signal: &'static str) -> Result<(), Error> {
        let Some(pid) = self.process.id() else { return Err(Error::OperatorGone { signal }) };
        let what = format!("send SIG{signal} to the operator (process {pid})");
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &pid.to_string()])
            .stdin(Stdio::null())
            .status()
            .await
            .map_err(Error::io(what.clone()))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::Io { what, source: std::io::Error::other(format!("kill ended with {status}")) })
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Before Tokio takes the process over to reap it. Fails only when it has ended already.
        let _ = self.process.start_kill();
    }
}

/// A new file for each start, so that the log of a restarted operator is its own.
fn new_log(directory: &Path) -> Result<PathBuf, Error> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
    let path = directory.join(format!("operator-{}-{number}.log", std::process::id()));
    fs::File::create(&path).map_err(Error::io(format!("create {}", path.display())))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    struct Home(PathBuf);

    impl Home {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("operator-{}", uuid::Uuid::new_v4()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// A stand-in that does what the script says.
        fn run(&self, script: &str, settings: &[(&str, &str)]) -> Operator {
            let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let kubeconfig = self.0.join("kubeconfig");
            Operator::start(Path::new("/bin/sh"), &kubeconfig, settings, ["-c", script]).unwrap()
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn until_it_says(operator: &Operator, word: &str) {
        until(word, || operator.log().contains(word)).await;
    }

    async fn until(what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..500 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never came: {what}");
    }

    #[tokio::test]
    async fn sees_only_what_it_was_given() {
        let home = Home::new();
        let mut operator = home.run("env", &[("MDI_SETTING", "given")]);
        assert!(operator.wait().await.unwrap().success());
        let mut names: Vec<_> = operator
            .log()
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name.to_owned())
            .collect();
        // The shell's own, and those that are handed on when they are set.
        names.retain(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(&name.as_str()));
        names.retain(|name| !INHERITED.contains(&name.as_str()));
        names.sort();
        assert_eq!(names, ["HOME", "KUBECONFIG", "MDI_SETTING"]);
        assert!(operator.log().contains(&format!("KUBECONFIG={}", home.0.join("kubeconfig").display())));
    }

    #[tokio::test]
    async fn ends_by_itself_with_its_own_status() {
        let home = Home::new();
        let mut operator = home.run("echo out; echo err >&2; exit 3", &[]);
        assert_eq!(operator.wait().await.unwrap().code(), Some(3));
        assert_eq!(operator.log(), "out\nerr\n");
        assert!(!operator.is_running().unwrap());
        // Asking again, or ending what has ended, is no error.
        assert_eq!(operator.terminate(Duration::from_secs(1)).await.unwrap().code(), Some(3));
        assert!(matches!(operator.pause().await, Err(Error::OperatorGone { signal: "STOP" })));
    }

    #[tokio::test]
    async fn is_told_to_end_and_its_status_comes_back() {
        let home = Home::new();
        let mut operator =
            home.run("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done", &[]);
        until_it_says(&operator, "up").await;
        assert!(operator.terminate(Duration::from_secs(10)).await.unwrap().success());
        assert!(operator.log().ends_with("bye\n"));
    }

    #[tokio::test]
    async fn who_does_not_end_in_time_is_an_error_with_its_last_words() {
        let home = Home::new();
        let mut operator = home.run("trap '' TERM; echo stubborn; while :; do sleep 0.01; done", &[]);
        until_it_says(&operator, "stubborn").await;
        let error = operator.terminate(Duration::from_millis(200)).await.unwrap_err().to_string();
        assert!(error.contains("still runs 200ms after SIGTERM") && error.contains("stubborn"), "{error}");
        assert_eq!(operator.kill().await.unwrap().signal(), Some(9));
    }

    #[tokio::test]
    async fn stands_still_while_paused_and_dies_even_then() {
        let home = Home::new();
        let mut operator = home.run("while :; do echo tick; sleep 0.01; done", &[]);
        until_it_says(&operator, "tick").await;
        operator.pause().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = operator.log();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(operator.log(), before);
        operator.resume().await.unwrap();
        until("it went on", || operator.log().len() > before.len()).await;

        operator.pause().await.unwrap();
        let pid = operator.id().unwrap();
        drop(operator);
        let gone = || !Path::new(&format!("/proc/{pid}/cmdline")).exists() || is_zombie(pid);
        until("it died", gone).await;
    }

    /// Dead, and only waiting for Tokio to collect it.
    fn is_zombie(pid: u32) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
