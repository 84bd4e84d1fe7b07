//! What the kernel, the operator and the API server tell of themselves.
//!
//! Reads only. Must never ask the operator for anything that is not on its `/metrics`.

use std::{collections::BTreeMap, fs, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::Mishap;

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// Of that, what no file stands behind: heap and stacks.
    pub anonymous: u64,
    /// The most that ever was resident.
    pub peak: u64,
}

impl Memory {
    /// Of a running process.
    pub fn of(pid: u32) -> Result<Self, Mishap> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            resident: kibibytes(&rollup, "Rss")?,
            anonymous: kibibytes(&rollup, "Anonymous")?,
            peak: kibibytes(&status, "VmHWM")?,
        })
    }
}

fn kibibytes(text: &str, name: &str) -> Result<u64, Mishap> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| Mishap(format!("the kernel does not tell {name}")))
}

/// How many threads a process has.
pub fn threads(pid: u32) -> Result<usize, Mishap> {
    Ok(fs::read_dir(format!("/proc/{pid}/task"))?.count())
}

/// The time that a process' threads have run, in user and kernel mode.
///
/// From the scheduler's own account, which counts nanoseconds: `utime` and `stime` count hundredths of a second, too
/// coarse for a handful of passes. Threads that have ended are left out; the operator's workers never end.
pub fn cpu(pid: u32) -> Result<Duration, Mishap> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the list and the look.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let run = text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok());
        nanoseconds += run.ok_or_else(|| Mishap("the kernel keeps no schedstat".into()))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// One series of Prometheus' text format.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Series {
    /// Whether a label has this value.
    pub fn is(&self, label: &str, value: &str) -> bool {
        self.labels.get(label).is_some_and(|found| found == value)
    }
}

/// All series of a text. None of ours has a quote or a comma within a label's value.
pub fn series(text: &str) -> Vec<Series> {
    let one = |line: &str| {
        let (head, value) = line.rsplit_once(' ')?;
        let (name, labels) = head.split_once('{').unwrap_or((head, ""));
        let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
        Some(Series { name: name.to_owned(), labels: labels.collect(), value: value.parse().ok()? })
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(one).collect()
}

/// The operator's `/metrics`, at the address that it listens on.
pub async fn metrics(address: &str) -> Result<Vec<Series>, Mishap> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(series(&text))
}

/// The sum of all series of a name.
pub fn total(series: &[Series], name: &str) -> f64 {
    series.iter().filter(|one| one.name == name).map(|one| one.value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_read_with_their_labels() {
        let text = "# HELP a b\na{x=\"1\",y=\"two\"} 3\na{x=\"2\"} 4.5\nb 1e2\n";
        let read = series(text);
        assert_eq!(read.len(), 3);
        assert!(read[0].is("y", "two") && !read[1].is("y", "two"));
        assert!((total(&read, "a") - 7.5).abs() < 1e-9 && (total(&read, "b") - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_line_of_the_kernel_is_found_by_its_whole_name() {
        let text = "Rss:  12 kB\nPss_Anon:  3 kB\nAnonymous:   4 kB\n";
        assert_eq!(kibibytes(text, "Anonymous").unwrap(), 4);
        assert!(kibibytes(text, "Pss").is_err());
    }

    #[test]
    fn this_very_process_has_memory_threads_and_time() {
        let me = std::process::id();
        let memory = Memory::of(me).unwrap();
        assert!(memory.resident > memory.anonymous && memory.peak >= memory.anonymous);
        assert!(threads(me).unwrap() >= 1 && cpu(me).unwrap() > Duration::ZERO);
    }
}
