//! The page that the bench prints: three tables in Markdown, with the aims beside the figures.
//!
//! Pure but for the look at the machine. Must never leave out a row that could not be measured.

use std::{fmt::Write as _, fs, path::Path, process::Command, time::Duration};

use crate::{
    Mishap,
    row::{Row, Setup},
    tally::{About, Tally},
    world::{CREATIONS_PER_SECOND, SUBSCRIPTIONS},
};

/// What stands beside a figure that misses its aim.
const MISSED: &str = " ✗";

/// Where and of what the figures are.
#[derive(Debug)]
pub struct Machine {
    processor: String,
    cores: usize,
    memory: u64,
    kernel: String,
    date: String,
    commit: String,
    binary: u64,
}

impl Machine {
    /// This one, and the program that is measured.
    pub fn of(binary: &Path, root: &Path) -> Result<Self, Mishap> {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let size = fs::metadata(binary)
            .map_err(|error| Mishap(format!("{}: {error}; run `make bench`", binary.display())))?
            .len();
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory: memory.trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / (1 << 20),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            date: jiff::Zoned::now().date().to_string(),
            commit: commit(root),
            binary: size,
        })
    }
}

/// The commit, and whether anything differs from it.
fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".into() };
    let changed = git(&["status", "--porcelain"]).is_none_or(|changes| !changes.is_empty());
    if changed { format!("{commit} with changes") } else { commit }
}

/// All that there is to say.
pub fn page(machine: &Machine, setup: &Setup<'_>, rows: &[Row], failures: &[String]) -> String {
    let Machine { processor, cores, memory, kernel, date, commit, binary } = machine;
    let Setup { pool_seconds, time_scale, settings, .. } = setup;
    let mut page = format!(
        "Commit {commit}, {date}, on {cores} cores of {processor}, {memory} GiB, Linux {kernel}. Binary: {} MiB.\n\
         {SUBSCRIPTIONS} subscriptions, both kinds of Azure's limits in force; a change of a pool takes {pool_seconds} s. \
         {} marks what misses its aim.\n",
        tenths(*binary, 1 << 20),
        MISSED.trim(),
    );
    if (time_scale - 1.0).abs() > f64::EPSILON {
        let _ = writeln!(
            page,
            "**All clocks run {time_scale} times as fast as ours: no figure of time or CPU is real.**"
        );
    }
    for (name, value) in *settings {
        let _ = writeln!(page, "Set beside the usual: {name}={value}.");
    }
    fresh(&mut page, rows);
    settled(&mut page, rows);
    time_and_memory(&mut page, rows);
    for failure in failures {
        let _ = writeln!(page, "\nNot measured: {failure}");
    }
    page
}

fn fresh(page: &mut String, rows: &[Row]) {
    head(
        page,
        "Until all are Ready: requests in all for what is shared, for each object or pool else",
        &[
            "objects",
            "pools each",
            "token",
            "organization",
            "subscription",
            "identity GET",
            "identity PUT",
            "identity PATCH",
            "pool GET",
            "pool PATCH",
            "operation GET",
            "else",
            "429",
            "429 again",
            "too early",
            "passes per object",
        ],
    );
    for row in rows {
        let tally = &row.fresh;
        let objects = f64::from(row.size.objects);
        let of_pools = objects * f64::from(row.size.pools);
        line(
            page,
            &[
                row.size.objects.to_string(),
                row.size.pools.to_string(),
                tally.count(About::Token, "POST").to_string(),
                tally.count(About::Organization, "HEAD").to_string(),
                tally.count(About::Subscription, "GET").to_string(),
                at_most(1.0, each(tally, About::Identity, "GET", objects)),
                at_most(1.0, each(tally, About::Identity, "PUT", objects)),
                at_most(0.0, each(tally, About::Identity, "PATCH", objects)),
                number(each(tally, About::Pool, "GET", of_pools)),
                at_most(1.0, each(tally, About::Pool, "PATCH", of_pools)),
                number(each(tally, About::Operation, "GET", of_pools)),
                else_of(tally).to_string(),
                tally.refused.to_string(),
                at_most_count(0, tally.refused_twice),
                at_most_count(0, tally.too_early),
                number(row.fresh_passes / objects),
            ],
        );
    }
    page.push_str(
        "\nAims: one identity read and one write, one write to a pool; no 429 that is answered by another (*429 again*) or \
         by a request before its time (*too early*).\n",
    );
}

fn settled(page: &mut String, rows: &[Row]) {
    head(
        page,
        "A settled pass: requests for each pass or pool of it, at an interval of one minute",
        &[
            "objects",
            "pools each",
            "passes",
            "identity GET",
            "pool GET",
            "shared look-ups in all",
            "else",
            "writes to Azure",
            "reads of the API server",
            "writes to it",
            "CPU, ms",
            "429",
        ],
    );
    for row in rows {
        let tally = &row.settled;
        let of_pools = row.settled_passes * f64::from(row.size.pools);
        let shared = tally.count(About::Organization, "HEAD") + tally.count(About::Subscription, "GET");
        line(
            page,
            &[
                row.size.objects.to_string(),
                row.size.pools.to_string(),
                format!("{:.0}", row.settled_passes),
                at_most(1.0, each(tally, About::Identity, "GET", row.settled_passes)),
                at_most(1.0, each(tally, About::Pool, "GET", of_pools)),
                shared.to_string(),
                else_of(tally).to_string(),
                at_most_count(0, tally.writes()),
                number(row.settled_reads / row.settled_passes.max(1.0)),
                at_most(0.0, row.settled_writes),
                at_most(1.0, milliseconds(row.cpu_of_a_settled_pass())),
                tally.refused.to_string(),
            ],
        );
    }
    page.push_str(
        "\nAims: no write, one read of each resource, 1 ms of CPU. Look-ups of organizations and subscriptions are shared \
         for five minutes, so they fall into the minute that is watched or not. CPU is of the moments around \
         requests, without what the process takes at rest.\n",
    );
}

fn time_and_memory(page: &mut String, rows: &[Row]) {
    head(
        page,
        "Time and memory",
        &[
            "objects",
            "pools each",
            "first pass, s",
            "all Ready, s",
            "the provider's limit, s",
            "of the limit",
            "CPU until then, s",
            "resident, MiB",
            "anonymous, MiB",
            "peak, MiB",
            "requests at rest",
            "CPU at rest, ms/s",
            "threads",
        ],
    );
    for row in rows {
        let memory = row.settled_memory;
        let (resident, anonymous) = match row.size.objects {
            1 => (20.0, Some(8.0)),
            _ => (32.0, None),
        };
        let mebibytes = |kibibytes: u64| f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0;
        let ratio = row.all_ready.as_secs_f64() / row.limit;
        line(
            page,
            &[
                row.size.objects.to_string(),
                row.size.pools.to_string(),
                number(row.first_pass.as_secs_f64()),
                number(row.all_ready.as_secs_f64()),
                format!("{:.1}", row.limit),
                if row.limit < 1.0 { "–".into() } else { at_most(1.05, ratio) },
                number(row.fresh_cpu.as_secs_f64()),
                at_most(resident, mebibytes(memory.resident)),
                match anonymous {
                    Some(aim) => at_most(aim, mebibytes(memory.anonymous)),
                    None => number(mebibytes(memory.anonymous)),
                },
                number(mebibytes(memory.peak)),
                at_most_count(0, u32::try_from(row.idle_requests).unwrap_or(u32::MAX)),
                number(milliseconds(row.idle_cpu)),
                row.threads.to_string(),
            ],
        );
    }
    let _ = writeln!(
        page,
        "\nAims: all Ready within 1.05 of the limit, which is the provider's {CREATIONS_PER_SECOND} creations a second in a \
         tenant; resident 20 MiB with one object, 8 of them anonymous, and 32 MiB with a thousand. The first pass is \
         the first status that was seen."
    );
}

fn head(page: &mut String, title: &str, columns: &[&str]) {
    let _ = write!(page, "\n**{title}**\n\n| {} |\n|", columns.join(" | "));
    page.push_str(&"---:|".repeat(columns.len()));
    page.push('\n');
}

fn line(page: &mut String, cells: &[String]) {
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

/// What no column shows.
fn else_of(tally: &Tally) -> u32 {
    let all: u32 = tally.all().map(|(_, count)| count).sum();
    let shown = [
        (About::Token, "POST"),
        (About::Organization, "HEAD"),
        (About::Subscription, "GET"),
        (About::Identity, "GET"),
        (About::Identity, "PUT"),
        (About::Identity, "PATCH"),
        (About::Pool, "GET"),
        (About::Pool, "PATCH"),
        (About::Operation, "GET"),
    ];
    all - shown.iter().map(|(about, method)| tally.count(*about, method)).sum::<u32>()
}

fn each(tally: &Tally, about: About, method: &str, of: f64) -> f64 {
    f64::from(tally.count(about, method)) / of.max(1.0)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Two digits, but none after a whole number.
fn number(value: f64) -> String {
    if (value - value.round()).abs() < 1e-9 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Judged as it is shown: a figure must not miss its aim by what nobody sees.
fn at_most(aim: f64, value: f64) -> String {
    let missed = (value * 100.0).round() > aim * 100.0;
    format!("{}{}", number(value), if missed { MISSED } else { "" })
}

fn at_most_count(aim: u32, value: u32) -> String {
    at_most(f64::from(aim), f64::from(value))
}

/// With one digit.
fn tenths(value: u64, of: u64) -> String {
    let tenths = (value * 10 + of / 2) / of;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_aim_is_marked_and_a_reached_one_is_not() {
        assert_eq!(at_most(1.0, 1.0), "1");
        assert_eq!(at_most(1.0, 1.004), "1.00");
        assert_eq!(at_most(1.0, 1.01), "1.01 ✗");
        assert_eq!(at_most_count(0, 2), "2 ✗");
        assert_eq!(tenths(15 << 19, 1 << 20), "7.5");
    }
}
