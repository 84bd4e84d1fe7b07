//! Where the workspace keeps what it makes: its target folder.
//!
//! Reads the environment, touches no file. Must never point outside the target folder: what lies there
//! is git-ignored and goes with `cargo clean`.

use std::path::{Path, PathBuf};

/// The folder below which each control plane has a directory of its own.
pub(crate) fn instances() -> PathBuf {
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

#[cfg(test)]
mod tests {
    use super::target;
    use std::path::{Path, PathBuf};

    #[test]
    fn the_target_folder_follows_the_setting_and_is_the_workspaces_own_without_one() {
        for (setting, expected) in [
            (None, "/work/target"),
            (Some(""), "/work/target"),
            (Some("/elsewhere"), "/elsewhere"),
            (Some("build"), "/work/build"),
        ] {
            assert_eq!(target(Path::new("/work"), setting.map(PathBuf::from)), Path::new(expected));
        }
    }
}
