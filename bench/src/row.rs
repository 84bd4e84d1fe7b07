//! One row: from a fresh world to settled objects, with all that was measured on the way.
//!
//! ```text
//! objects are created ─► the operator starts ─► all Ready ─► idle ─► interval 1m ─► one pass at least of each ─► end
//!                        └───────── fresh ─────────┘                               └──── settled ────┘
//! ```
//!
//! All clocks run as ours does, unless something is tried out. Must never judge: whether an aim is reached is the table's to say.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use azure_simulator::Simulator;
use harness::{ControlPlane, Operator};
use serde_json::json;

use crate::{
    Mishap,
    cluster::{Objects, Watch, reads, writes},
    process::{Memory, cpu, metrics, threads, total},
    tally::Tally,
    world::{Land, Size},
};

/// For how long the process is watched at rest.
const REST: Duration = Duration::from_secs(15);
/// The shortest that an object takes.
const INTERVAL: &str = "1m";
/// One interval with its spread, which is a tenth, and a little more.
const ROUND: Duration = Duration::from_secs(68);
/// How finely work is told from rest.
const MOMENT: Duration = Duration::from_millis(500);
/// What a fresh object may take beyond the provider's limit before the row counts as failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where things are, and how the rows are run.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The cluster.
    pub control_plane: &'a ControlPlane,
    /// The operator's program.
    pub binary: &'a Path,
    /// Where logs go.
    pub folder: &'a Path,
    /// How long a change of a pool takes.
    pub pool_seconds: f64,
    /// How much faster than ours the clocks run.
    pub time_scale: f64,
    /// More of the operator's settings.
    pub settings: &'a [(String, String)],
}

/// What was measured of one row.
#[derive(Debug)]
pub struct Row {
    /// How large it was.
    pub size: Size,
    /// Seconds that the provider's own limit asks for.
    pub limit: f64,
    /// From the start of the process to the first status that it wrote.
    pub first_pass: Duration,
    /// From the start of the process until the last object was ready.
    pub all_ready: Duration,
    /// Requests until then.
    pub fresh: Tally,
    /// Passes until then.
    pub fresh_passes: f64,
    /// CPU until then.
    pub fresh_cpu: Duration,
    /// CPU at rest, in a second.
    pub idle_cpu: Duration,
    /// Requests to Azure at rest.
    pub idle_requests: usize,
    /// What settled passes took.
    pub at_work: AtWork,
    /// How many there were.
    pub settled_passes: f64,
    /// Their requests.
    pub settled: Tally,
    /// Their writes to the API server.
    pub settled_writes: f64,
    /// Their reads from the API server.
    pub settled_reads: f64,
    /// Memory after them.
    pub settled_memory: Memory,
    /// Threads of the process.
    pub threads: usize,
}

impl Row {
    /// CPU of one settled pass, without what the process takes at rest.
    pub fn cpu_of_a_settled_pass(&self) -> Duration {
        let at_rest = self.idle_cpu.mul_f64(self.at_work.lasted.as_secs_f64());
        self.at_work.cpu.saturating_sub(at_rest).div_f64(self.settled_passes.max(1.0))
    }
}

/// The moments in which a process was at work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtWork {
    /// How long they lasted together.
    pub lasted: Duration,
    /// CPU in them.
    pub cpu: Duration,
}

impl AtWork {
    /// The moments in which something was asked, and their neighbours: a pass may end in the next. With few objects
    /// the others would bring more noise than a pass takes.
    fn of(moments: &[Moment]) -> Self {
        let asked = |index: usize| moments.get(index).is_some_and(|moment| moment.asked);
        let mut sum = Self::default();
        for (index, moment) in moments.iter().enumerate() {
            if asked(index.wrapping_sub(1)) || asked(index) || asked(index + 1) {
                sum.lasted += moment.lasted;
                sum.cpu += moment.cpu;
            }
        }
        sum
    }
}

/// Half a second or so of a process.
#[derive(Debug, Clone, Copy)]
struct Moment {
    lasted: Duration,
    cpu: Duration,
    /// Whether it asked Azure for anything.
    asked: bool,
}

/// Measures one row.
pub async fn measure(setup: &Setup<'_>, size: Size) -> Result<Row, Mishap> {
    let name = format!("bench-{}-{}", size.objects, size.pools);
    let land = Land::new(size);
    let log = setup.folder.join(format!("{name}.jsonl"));
    let azure = Simulator::start(land.azure(setup.pool_seconds, setup.time_scale, &log)).await?;
    let objects = Objects::new(setup.control_plane, &name).await?;
    let watch = objects.watch();
    objects.create(&land).await?;
    let all = usize::try_from(size.objects)?;
    watch.until("all created", PATIENCE, |seen| seen.len() == all).await?;

    let mut stage = Stage { setup, azure, objects, watch, operator: None };
    let outcome = stage.run(&land, &name).await;
    let ended = stage.end(&name).await;
    let row = outcome?;
    ended?;
    Ok(row)
}

struct Stage<'a> {
    setup: &'a Setup<'a>,
    azure: Simulator,
    objects: Objects,
    watch: Watch,
    operator: Option<Operator>,
}

impl Stage<'_> {
    async fn run(&mut self, land: &Land, name: &str) -> Result<Row, Mishap> {
        let all = usize::try_from(land.size.objects)?;
        let settings = self.settings(land, name)?;
        let account = self
            .setup
            .control_plane
            .service_account_kubeconfig("mdi-operator-system", "mdi-operator")
            .await?;

        let started = Instant::now();
        let operator = Operator::start(self.setup.binary, &account, settings, ["run"])?;
        let pid = operator.id().ok_or_else(|| Mishap("the operator ended at once".into()))?;
        let operator = self.operator.insert(operator);
        let limit = land.limit_in_seconds() / self.setup.time_scale;
        let patience = PATIENCE + Duration::from_secs_f64(2.0 * (limit + self.setup.pool_seconds));
        self.watch.until("all ready", patience, |seen| seen.ready() == all).await?;
        let (first_status, last_ready) = {
            let seen = self.watch.seen();
            (seen.first_status, seen.last_ready())
        };
        let since_start =
            |moment: Option<Instant>| moment.map_or(Duration::ZERO, |moment| moment.duration_since(started));
        let fresh_cpu = cpu(pid)?;
        let address = listens_on(&operator.log())?;
        // What a pass does after its object is ready: events, and the count of the pass itself.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let fresh_log = self.azure.log();
        let fresh_passes = passes(&address).await?;

        let (before, since) = (cpu(pid)?, Instant::now());
        tokio::time::sleep(REST).await;
        let idle_cpu = cpu(pid)?.saturating_sub(before).div_f64(since.elapsed().as_secs_f64());
        let idle_requests = self.azure.log().len() - fresh_log.len();

        self.objects.set_interval(land, INTERVAL).await?;
        let newest = |seen: &crate::cluster::Seen| seen.ready() == all;
        // The watch lags behind the writes: one moment, so that it does not take the old for the new.
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.watch.until("looked at with the new interval", patience, newest).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;

        let from = self.azure.log().len();
        let asked_before = self.objects.requests_to_api_server().await?;
        let passes_before = passes(&address).await?;
        let at_work = self.watch_work(pid, ROUND.div_f64(self.setup.time_scale)).await?;
        let settled_passes = passes(&address).await? - passes_before;
        let asked = self.objects.requests_to_api_server().await?;
        let whole_log = self.azure.log();
        let settled_memory = Memory::of(pid)?;

        let row = Row {
            size: land.size,
            limit,
            first_pass: since_start(first_status),
            all_ready: since_start(last_ready),
            fresh: Tally::of(&fresh_log),
            fresh_passes,
            fresh_cpu,
            idle_cpu,
            idle_requests,
            at_work,
            settled_passes,
            settled: Tally::of(whole_log.get(from..).unwrap_or_default()),
            settled_writes: writes(&asked) - writes(&asked_before),
            settled_reads: reads(&asked) - reads(&asked_before),
            settled_memory,
            threads: threads(pid)?,
        };
        let phases = json!({
            "fresh": { "from": 1, "to": fresh_log.len() },
            "settled": { "from": from + 1, "to": whole_log.len() },
            "kubernetes": {
                "before": asked_before.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(),
                "after": asked.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(),
            },
            "figures": format!("{row:#?}").lines().collect::<Vec<_>>(),
        });
        fs::write(self.setup.folder.join(format!("{name}.json")), serde_json::to_string_pretty(&phases)?)?;
        Ok(row)
    }

    /// Watches a process for a time.
    async fn watch_work(&self, pid: u32, time: Duration) -> Result<AtWork, Mishap> {
        let state = self.azure.state();
        let newest = |after: u64| state.log_after(after).last().map_or(after, |request| request.seq);
        let begun = Instant::now();
        let (mut seq, mut used, mut at) = (newest(0), cpu(pid)?, begun);
        let mut moments = Vec::new();
        while begun.elapsed() < time {
            tokio::time::sleep(MOMENT).await;
            let (newer, more, now) = (newest(seq), cpu(pid)?, Instant::now());
            let lasted = now.duration_since(at);
            moments.push(Moment { lasted, cpu: more.saturating_sub(used), asked: newer > seq });
            (seq, used, at) = (newer, more, now);
        }
        Ok(AtWork::of(&moments))
    }

    fn settings(&self, land: &Land, namespace: &str) -> Result<Vec<(String, String)>, Mishap> {
        let ca = self.setup.control_plane.directory().join(format!("{namespace}-ca.pem"));
        self.azure.write_ca(&ca)?;
        let mut settings: Vec<(String, String)> = [
            ("AZURE_AUTHORITY_HOST", self.azure.authority()),
            ("AZURE_RESOURCE_MANAGER_ENDPOINT", self.azure.resource_manager()),
            ("AZURE_DEVOPS_ENDPOINT", self.azure.devops()),
            ("AZURE_TENANT_ID", land.sample.tenant.clone()),
            ("AZURE_CLIENT_ID", land.sample.client_id.clone()),
            ("AZURE_CLIENT_SECRET", land.sample.client_secret.clone()),
            ("MDI_CA_FILE", ca.display().to_string()),
            ("MDI_NAMESPACES", namespace.to_owned()),
            ("MDI_LISTEN", "127.0.0.1:0".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if (self.setup.time_scale - 1.0).abs() > f64::EPSILON {
            settings.push(("MDI_TEST_TIME_SCALE".into(), self.setup.time_scale.to_string()));
        }
        settings.extend_from_slice(self.setup.settings);
        Ok(settings)
    }

    /// Ends all of it, and keeps what the operator has printed.
    async fn end(self, name: &str) -> Result<(), Mishap> {
        let Self { setup, azure, operator, watch, objects: _ } = self;
        drop(watch);
        let ended = match operator {
            Some(mut operator) => {
                let ended = operator.terminate(Duration::from_secs(30)).await;
                fs::write(setup.folder.join(format!("{name}.operator.log")), operator.log())?;
                ended.map(Some)
            }
            None => Ok(None),
        };
        azure.stop().await;
        match ended? {
            Some(status) if !status.success() => Err(Mishap(format!("the operator ended with {status}"))),
            Some(_) | None => Ok(()),
        }
    }
}

async fn passes(address: &str) -> Result<f64, Mishap> {
    Ok(total(&metrics(address).await?, "controller_runtime_reconcile_total"))
}

/// The operator takes a free port and says which.
fn listens_on(log: &str) -> Result<String, Mishap> {
    let (_, rest) = log
        .split_once("listen=")
        .or_else(|| log.split_once("\"listen\":\""))
        .ok_or_else(|| Mishap("the operator does not say where it listens".into()))?;
    Ok(rest.chars().take_while(|c| c.is_ascii_digit() || ".:[]".contains(*c)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_moments_around_a_request_are_work() {
        let moment = |asked| Moment { lasted: Duration::from_secs(1), cpu: Duration::from_millis(2), asked };
        let moments = [false, false, true, false, false, false].map(moment);
        let expected = AtWork { lasted: Duration::from_secs(3), cpu: Duration::from_millis(6) };
        assert_eq!(AtWork::of(&moments), expected);
        assert_eq!(AtWork::of(&[moment(false)]), AtWork::default());
    }

    #[test]
    fn the_address_is_found_in_both_forms_of_the_log() {
        assert_eq!(listens_on("INFO starting listen=127.0.0.1:4711\n").unwrap(), "127.0.0.1:4711");
        assert_eq!(listens_on(r#"{"listen":"127.0.0.1:4711","x":1}"#).unwrap(), "127.0.0.1:4711");
        assert!(listens_on("").is_err());
    }
}
