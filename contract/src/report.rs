//! What was compared, and what came of it.
//!
//! Must never call a run good in which nothing was compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::deviations::{DEVIATIONS, Deviation};
use crate::folder::Service;
use crate::verdict::Verdict;

/// The operation that a request was for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) version: String,
}

/// Counts of one operation in one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Row {
    requests: u64,
    answers: u64,
    refusals: u64,
    bad: u64,
    bad_refused: u64,
    deviating: u64,
}

/// The whole of a run.
#[derive(Debug)]
pub(crate) struct Report {
    known: &'static [Deviation],
    rows: BTreeMap<Place, Row>,
    hits: Vec<u64>,
    failures: Vec<String>,
    warnings: BTreeMap<String, u64>,
    /// Bodies with a word that an open enumeration does not list: refused, and taken.
    open_words: [u64; 2],
    /// Operations that the simulator does not offer, and versions that it does not take.
    not_simulated: Vec<String>,
    examples: u64,
    /// Bodies that are as described and were refused for what they say, by code.
    for_content: BTreeMap<String, u64>,
    described: Vec<(Service, String)>,
}

impl Default for Report {
    fn default() -> Self {
        Self::with(DEVIATIONS)
    }
}

impl Report {
    fn with(known: &'static [Deviation]) -> Self {
        Self {
            known,
            rows: BTreeMap::new(),
            hits: vec![0; known.len()],
            failures: Vec::new(),
            warnings: BTreeMap::new(),
            open_words: [0, 0],
            not_simulated: Vec::new(),
            examples: 0,
            for_content: BTreeMap::new(),
            described: Vec::new(),
        }
    }

    /// Takes note of a description that is compared.
    pub(crate) fn described(&mut self, service: Service, version: &str) {
        self.described.push((service, version.to_owned()));
    }

    pub(crate) fn not_simulated(&mut self, what: String) {
        self.not_simulated.push(what);
    }

    pub(crate) fn failure(&mut self, what: String) {
        self.failures.push(what);
    }

    /// Takes note of what came of a request. `bad` is one that the description does not allow.
    pub(crate) fn request(&mut self, place: &Place, label: &str, bad: bool, verdict: Verdict) {
        let whole = self.excused(place, label, &verdict.problems);
        let refused = verdict.refused;
        self.warn(place, label, verdict);
        let row = self.rows.entry(place.clone()).or_default();
        row.requests += 1;
        match (whole, refused) {
            (Wholeness::Whole, true) => row.refusals += 1,
            (Wholeness::Whole, false) => row.answers += 1,
            (Wholeness::Deviates, _) => row.deviating += 1,
            (Wholeness::Fails, _) => {}
        }
        row.bad += u64::from(bad);
        row.bad_refused += u64::from(bad && refused);
    }

    /// Takes note of what became of a body with a word that an open enumeration does not list.
    pub(crate) fn open_word(&mut self, refused: bool) {
        self.open_words[usize::from(!refused)] += 1;
    }

    /// Takes note of a body that is as described and was refused for what it says.
    pub(crate) fn refused_for_content(&mut self, code: &str) {
        *self.for_content.entry(code.to_owned()).or_default() += 1;
    }

    /// Takes note of an official example of an answer.
    pub(crate) fn example(&mut self, place: &Place, label: &str, verdict: Verdict) {
        self.examples += 1;
        self.excused(place, label, &verdict.problems);
        self.warn(place, label, verdict);
    }

    fn excused(&mut self, place: &Place, label: &str, problems: &[String]) -> Wholeness {
        let mut wholeness = Wholeness::Whole;
        for problem in problems {
            let excuse = self.known.iter().position(|known| {
                known.is_of(place.service, &place.version) && known.covers(&place.operation, label, problem)
            });
            if let Some(index) = excuse {
                self.hits[index] += 1;
                wholeness = wholeness.max(Wholeness::Deviates);
            } else {
                let Place { operation, version, .. } = place;
                self.failures.push(format!("{operation} {version}, {label}: {problem}"));
                wholeness = Wholeness::Fails;
            }
        }
        wholeness
    }

    fn warn(&mut self, place: &Place, label: &str, verdict: Verdict) {
        for warning in verdict.warnings {
            *self.warnings.entry(format!("{}, {label}: {warning}", place.operation)).or_default() += 1;
        }
    }

    /// Everything that makes the run a failure.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = self.failures.clone();
        let unused = self.known.iter().zip(&self.hits).filter(|(known, hits)| {
            **hits == 0 && self.described.iter().any(|(service, version)| known.is_of(*service, version))
        });
        faults.extend(unused.map(|(known, _)| {
            let Deviation { operation, request, problem, .. } = known;
            format!("a known deviation no longer occurs, take it out: {operation} {request:?}: {problem:?}")
        }));
        if self.rows.values().map(|row| row.answers + row.refusals).sum::<u64>() == 0 {
            faults.push("nothing was compared".to_owned());
        }
        faults
    }

    /// The whole of it, for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |written: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{written}");
        };
        line(format!(
            "{:<44} {:<10} {:>8} {:>8} {:>8} {:>13} {:>9}",
            "operation", "version", "requests", "answers", "refusals", "bad refused", "deviating"
        ));
        let mut total = Row::default();
        for (Place { operation, version, .. }, row) in &self.rows {
            line(shown(operation, version, row));
            total.requests += row.requests;
            total.answers += row.answers;
            total.refusals += row.refusals;
            total.bad += row.bad;
            total.bad_refused += row.bad_refused;
            total.deviating += row.deviating;
        }
        line(shown("all", "", &total));
        line(format!("\nofficial examples of answers held against the descriptions: {}", self.examples));
        line(format!("\nnot simulated: {}", self.not_simulated.len()));
        self.not_simulated.iter().for_each(|one| line(format!("  {one}")));
        line(format!("\nknown deviations: {}", self.hits.iter().filter(|hits| **hits > 0).count()));
        for (known, hits) in self.known.iter().zip(&self.hits).filter(|(_, hits)| **hits > 0) {
            let operation = if known.operation.is_empty() { known.service.name() } else { known.operation };
            line(format!("  {hits:>5} × {operation}, {}: {}", known.problem, known.reason));
        }
        line("\nbodies that are as described, refused for what they say:".to_owned());
        self.for_content.iter().for_each(|(code, count)| line(format!("  {count:>5} × {code}")));
        let [refused, taken] = self.open_words;
        line(format!(
            "\nbodies with a word that an open enumeration does not list: {refused} refused, {taken} taken"
        ));
        line(format!("such words in answers: {}", self.warnings.len()));
        self.warnings.iter().for_each(|(one, count)| line(format!("  {count:>5} × {one}")));
        text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wholeness {
    Whole,
    Deviates,
    Fails,
}

fn shown(operation: &str, version: &str, row: &Row) -> String {
    let Row { requests, answers, refusals, bad, bad_refused, deviating } = row;
    let bad = format!("{bad_refused} of {bad}");
    format!("{operation:<44} {version:<10} {requests:>8} {answers:>8} {refusals:>8} {bad:>13} {deviating:>9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Deviation] = &[Deviation {
        service: Service::Pools,
        versions: &[],
        operation: "Pools_Get",
        request: "odd",
        problem: "no header",
        reason: "it is known",
    }];

    fn place(operation: &str) -> Place {
        Place { service: Service::Pools, operation: operation.to_owned(), version: "2025-09-20".to_owned() }
    }

    fn with_problem(problem: &str) -> Verdict {
        Verdict { problems: vec![problem.to_owned()], ..Verdict::default() }
    }

    #[test]
    fn a_run_that_compared_nothing_is_a_failure() {
        let mut report = Report::with(&[]);
        assert_eq!(report.faults(), ["nothing was compared"]);
        report.request(&place("Pools_Get"), "one", false, with_problem("wrong"));
        assert!(report.faults().contains(&"nothing was compared".to_owned()), "a failure is no comparison");
        report.request(&place("Pools_Get"), "two", false, Verdict::default());
        assert_eq!(report.faults(), ["Pools_Get 2025-09-20, one: wrong"]);
    }

    #[test]
    fn a_known_deviation_is_counted_and_another_problem_is_not_excused() {
        let mut report = Report::with(KNOWN);
        report.described(Service::Pools, "2025-09-20");
        report.request(&place("Pools_Get"), "fine", false, Verdict::default());
        report.request(&place("Pools_Get"), "odd", false, with_problem("no header Location"));
        assert_eq!(report.faults(), Vec::<String>::new());
        assert!(report.text().contains("1 × Pools_Get, no header: it is known"), "{}", report.text());
        report.request(&place("Pools_Delete"), "odd", false, with_problem("no header Location"));
        assert_eq!(report.faults(), ["Pools_Delete 2025-09-20, odd: no header Location"]);
    }

    #[test]
    fn a_known_deviation_that_no_longer_occurs_is_a_failure_where_its_description_is_there() {
        let mut report = Report::with(KNOWN);
        report.request(&place("Pools_Get"), "fine", false, Verdict::default());
        assert_eq!(report.faults(), Vec::<String>::new(), "its description was not compared");
        report.described(Service::Pools, "2025-09-20");
        assert!(
            report.faults()[0].starts_with("a known deviation no longer occurs"),
            "{:?}",
            report.faults()
        );
    }

    #[test]
    fn the_counts_are_printed() {
        let mut report = Report::with(&[]);
        let refused = || Verdict { refused: true, ..Verdict::default() };
        report.request(&place("Pools_Get"), "fine", false, Verdict::default());
        report.request(&place("Pools_Get"), "bad", true, refused());
        report.not_simulated("Pools_Other 2025-09-20".to_owned());
        let text = report.text();
        let row = text.lines().find(|line| line.starts_with("Pools_Get")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words, ["Pools_Get", "2025-09-20", "2", "1", "1", "1", "of", "1", "0"]);
        assert!(text.contains("not simulated: 1\n  Pools_Other 2025-09-20"), "{text}");
    }
}
