//! However it ends, no process and no file of a control plane stays.
//!
//! Uses the `control-plane` program as the process that ends, since a test cannot kill itself and look.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `control-plane` program and the directory that its control plane lies in.
struct Running {
    process: Child,
    directory: PathBuf,
}

impl Running {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_control-plane"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let directory = Path::new(line.trim()).parent().unwrap().to_path_buf();
        let running = Self { process, directory };
        assert!(running.directory.join("etcd").is_dir());
        let names = running.processes();
        for component in ["etcd", "kube-apiserver", "watchdog"] {
            assert!(names.iter().any(|line| line.contains(component)), "{component} is not among {names:#?}");
        }
        running
    }

    /// The command lines that name the directory. All components do, and so does the watchdog.
    fn processes(&self) -> Vec<String> {
        processes_of(&self.directory)
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("sh")
                .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn watchdog(&self) -> String {
        let all = self.processes();
        let line = all.iter().find(|line| line.contains("watchdog")).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    }
}

fn processes_of(directory: &Path) -> Vec<String> {
    let listing = Command::new("ps").args(["-A", "-ww", "-o", "pid=,args="]).output().unwrap();
    let directory = directory.display().to_string();
    // The watchdog's command line is a script of several lines, and `ps` may print it so.
    let text = String::from_utf8(listing.stdout).unwrap();
    text.lines().filter(|line| line.contains(&directory)).map(str::to_owned).collect()
}

fn until_gone(directory: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (processes, exists) = (processes_of(directory), directory.exists());
        if processes.is_empty() && !exists {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {processes:#?}, directory there: {exists}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn not_after_sigkill() {
    let mut running = Running::start();
    running.process.kill().unwrap();
    running.process.wait().unwrap();
    until_gone(&running.directory);
}

#[test]
fn not_after_ctrl_c_and_the_program_ends_well() {
    for signal in ["INT", "TERM"] {
        let mut running = Running::start();
        running.signal(signal);
        assert!(running.process.wait().unwrap().success());
        // At once: an orderly end returns when all is gone.
        assert!(!running.directory.exists());
        assert_eq!(running.processes(), Vec::<String>::new());
    }
}

#[test]
fn not_even_when_the_watchdog_is_killed_as_well_once_another_one_starts() {
    let mut running = Running::start();
    let watchdog = running.watchdog();
    assert!(
        Command::new("sh").args(["-c", "kill -s KILL \"$1\"", "sh", &watchdog]).status().unwrap().success()
    );
    running.process.kill().unwrap();
    running.process.wait().unwrap();

    let mut next = Running::start();
    until_gone(&running.directory);
    next.process.kill().unwrap();
    next.process.wait().unwrap();
    until_gone(&next.directory);
}
