//! What a person sees when a start goes wrong, or when less than everything is there.
//!
//! Stand-ins take the place of the programs by way of `KUBEBUILDER_ASSETS`; the `control-plane` program is
//! the process, since a test's own environment belongs to all tests beside it.

use harness::Programs;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAMS: [&str; 3] = ["kube-apiserver", "etcd", "kubectl"];
const FOR_EVER: &str = "#!/bin/sh\nexec /bin/sleep 600\n";

struct Assets(PathBuf);

impl Assets {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("assets-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with(self, program: &str, script: &str) -> Self {
        let file = self.0.join(program);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
        command.args(arguments).env("KUBEBUILDER_ASSETS", &self.0).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

impl Drop for Assets {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_missing_program_is_told_in_one_line_with_the_way_out() {
    let assets = Assets::new().with("kube-apiserver", FOR_EVER).with("kubectl", FOR_EVER);
    let output = assets.run(&["prepare"]);
    assert_eq!(output.status.code(), Some(1));
    let text = told(&output);
    assert!(text.starts_with("error: etcd is not in ") && text.contains("setup-envtest"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn without_go_the_build_says_so_in_one_line_and_leaves_nothing() {
    let home = Assets::new();
    let output = home
        .command(&["prepare"])
        .env_remove("KUBEBUILDER_ASSETS")
        .env("XDG_CACHE_HOME", &home.0)
        // What the watchdog needs, and no Go.
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    if Command::new("/usr/bin/go").arg("version").output().is_ok() {
        return; // This machine has it where it cannot be hidden.
    }
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.lines().last().unwrap().starts_with("error: go is not on the PATH"), "{text}");
    let left: Vec<_> = fs::read_dir(home.0.join("mdi-operator/control-plane")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| entry.path().extension().is_some_and(|end| end == "lock")), "{left:?}");
}

#[test]
fn a_component_that_ends_is_named_with_its_last_words() {
    let assets = Assets::new()
        .with("kubectl", FOR_EVER)
        .with("etcd", FOR_EVER)
        .with("kube-apiserver", "#!/bin/sh\necho starting\necho 'unknown flag: --frobnicate' >&2\nexit 7\n");
    let output = assets.run(&[]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("kube-apiserver ended with exit status: 7"), "{text}");
    assert!(text.contains("    starting\n    unknown flag: --frobnicate"), "{text}");
}

#[test]
fn a_port_that_was_taken_in_between_is_tried_again_but_not_for_ever() {
    let assets = Assets::new().with("kubectl", FOR_EVER).with("kube-apiserver", FOR_EVER);
    let count = assets.0.join("count");
    let script = format!(
        "#!/bin/sh\necho once >> '{}'\necho 'listen tcp 127.0.0.1:1: bind: address already in use'\nexit 1\n",
        count.display()
    );
    let assets = assets.with("etcd", &script);
    let output = assets.run(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("etcd ended with exit status: 1"));
    assert_eq!(fs::read_to_string(count).unwrap().lines().count(), 3);
}

#[test]
fn programs_without_a_controller_manager_make_a_control_plane_that_says_what_is_not_real() {
    let real = Programs::prepare().unwrap();
    let assets = Assets::new();
    for program in PROGRAMS {
        symlink(real.directory().join(program), assets.0.join(program)).unwrap();
    }
    let errors = assets.0.join("stderr");
    let mut process =
        assets.command(&[]).stdout(Stdio::null()).stderr(fs::File::create(&errors).unwrap()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let text = loop {
        let text = fs::read_to_string(&errors).unwrap();
        if text.contains(" is up; ") {
            break text;
        }
        assert!(Instant::now() < deadline && process.try_wait().unwrap().is_none(), "{text}");
        std::thread::sleep(Duration::from_millis(50));
    };
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(text.starts_with("control plane: no kube-controller-manager in "), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}
