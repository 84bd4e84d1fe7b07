//! The fences file while the process runs: a change counts within seconds, and nothing but a good file changes anything.
//!
//! A mounted `ConfigMap` changes by swapping a link, which no watch on the file itself sees, so its content is read
//! again every few seconds. A file that vanishes or goes bad leaves the last good one in force: an error in the log,
//! once per change, and a metric. It never opens by itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::metrics::Metrics;
use crate::domain::fence::{Fences, SETTING};

/// How often the file is read, in real time.
const POLL: Duration = Duration::from_secs(3);

/// A good fences file.
#[derive(Debug)]
pub struct FencesFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was read there.
    pub text: String,
    /// What that says.
    pub fences: Fences,
}

/// The fences that are in force. Clones see the same.
#[derive(Debug, Clone)]
pub struct FencesInForce(watch::Receiver<Arc<Fences>>);

impl FencesInForce {
    /// From here on those of the file, or none for ever; then it says so.
    pub fn start(file: Option<FencesFile>, metrics: Metrics) -> Self {
        let Some(FencesFile { path, text, fences }) = file else {
            tracing::warn!(
                "there are no fences: every namespace may use all that the operator may, until {SETTING} is set"
            );
            return Self(watch::channel(Arc::new(Fences::Open)).1);
        };
        tracing::info!(file = %path.display(), rules = fences.rules(), "fences are in force");
        let (in_force, seen_by_all) = watch::channel(Arc::new(fences));
        tokio::spawn(Keeper { path, seen: Ok(text), in_force, metrics }.keep());
        Self(seen_by_all)
    }

    /// Those of this moment.
    pub fn current(&self) -> Arc<Fences> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until they are others.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Looks after the file.
struct Keeper {
    path: PathBuf,
    /// What the last look found: a text, or why there is none.
    seen: Result<String, String>,
    in_force: watch::Sender<Arc<Fences>>,
    metrics: Metrics,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            tokio::time::sleep(POLL).await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let found = tokio::fs::read_to_string(&self.path).await;
        let found = found.map_err(|error| format!("it cannot be read ({error}); put it back"));
        if found == self.seen {
            return;
        }
        let file = self.path.display();
        let fences =
            found.as_deref().map_err(Clone::clone).and_then(|t| Fences::parse(t).map_err(|e| e.to_string()));
        match fences {
            Ok(fences) => {
                self.metrics.fences_are_current();
                tracing::info!(%file, rules = fences.rules(), "the fences file was read anew and is in force");
                self.in_force.send_if_modified(|in_force| {
                    let differs = **in_force != fences;
                    if differs {
                        *in_force = Arc::new(fences);
                    }
                    differs
                });
            }
            Err(problem) => {
                self.metrics.fences_are_stale();
                tracing::error!(%file, problem, "the fences file cannot be used: the last good one stays in force");
            }
        }
        self.seen = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "rules: []";
    const ONE: &str =
        "rules: [{namespaces: [a], subscriptions: [{subscriptionId: '*'}], organizations: ['*']}]";

    struct Desk {
        keeper: Keeper,
        in_force: FencesInForce,
    }

    impl Desk {
        fn new(name: &str, text: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("mdi-operator-fences-{name}-{}", std::process::id()));
            std::fs::write(&path, text).unwrap();
            let (in_force, seen_by_all) = watch::channel(Arc::new(Fences::parse(text).unwrap()));
            let metrics = Metrics::new().unwrap();
            Self {
                keeper: Keeper { path, seen: Ok(text.into()), in_force, metrics },
                in_force: FencesInForce(seen_by_all),
            }
        }

        /// What is in force after a look at a file of this content, and whether it is told to be stale and to be new.
        async fn after(&mut self, text: Option<&str>) -> (usize, bool, bool) {
            match text {
                Some(text) => std::fs::write(&self.keeper.path, text).unwrap(),
                None => std::fs::remove_file(&self.keeper.path).unwrap(),
            }
            self.keeper.look().await;
            let stale = self.keeper.metrics.render().contains("\nmdi_fences_stale 1\n");
            let new = self.in_force.0.has_changed().unwrap();
            self.in_force.0.mark_unchanged();
            (self.in_force.current().rules(), stale, new)
        }
    }

    impl Drop for Desk {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.keeper.path);
        }
    }

    #[tokio::test]
    async fn a_good_file_takes_effect_and_a_bad_or_missing_one_leaves_the_last_good_one_in_force() {
        let mut desk = Desk::new("story", ONE);
        assert_eq!(desk.after(Some(NONE)).await, (0, false, true));
        assert_eq!(desk.after(Some(ONE)).await, (1, false, true));
        for bad in [Some("rules: [{namespaces: [a]}]"), Some(""), None] {
            assert_eq!(desk.after(bad).await, (1, true, false), "{bad:?}");
        }
        assert_eq!(desk.after(Some(ONE)).await, (1, false, false), "what is in force already is nothing new");
        assert_eq!(desk.after(Some(NONE)).await, (0, false, true));
    }

    #[tokio::test]
    async fn a_text_that_means_the_same_wakes_nobody() {
        let mut desk = Desk::new("same", ONE);
        assert_eq!(desk.after(Some(&format!("# a comment\n{ONE}"))).await, (1, false, false));
    }

    #[tokio::test]
    async fn without_a_file_there_is_nothing_to_wait_for() {
        let mut none = FencesInForce::start(None, Metrics::new().unwrap());
        assert_eq!(*none.current(), Fences::Open);
        let changed = none.changed();
        tokio::pin!(changed);
        assert!(futures::poll!(changed).is_pending());
    }
}
