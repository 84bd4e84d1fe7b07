//! Azure's own words, made fit for status: one line, bounded, and the same from pass to pass.
//!
//! Pure. Must never hide what was said: only ids and times that change with every request are taken out, since a text
//! that changes at each pass would write status and wake every watcher each time.

/// Room that status has for a message.
const LONGEST: usize = 2000;

/// What is followed by an id or a time that is new with every request.
const MOVING: [&str; 7] = [
    "Trace ID:",
    "Correlation ID:",
    "Timestamp:",
    "Request ID:",
    "Tracking ID:",
    "Current time:",
    "current UTC time",
];

/// One line of at most 2000 characters without ever-changing parts.
pub(super) fn steady(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for label in MOVING {
        line = without(line, label);
    }
    line = with_vague_wait(line);
    bounded(line.trim_end_matches([' ', ',', ';']).to_owned())
}

fn bounded(line: String) -> String {
    if line.chars().count() <= LONGEST {
        return line;
    }
    let mut cut: String = line.chars().take(LONGEST - 1).collect();
    cut.push('…');
    cut
}

/// Takes out every `label` with the id or time after it.
fn without(mut line: String, label: &str) -> String {
    while let Some(start) = find(&line, label) {
        let rest = line[start + label.len()..].trim_start();
        let tail = after_value(rest).trim_start_matches([' ', ',', '.']);
        line = match (line[..start].trim_end(), tail) {
            (head, "") => head.to_owned(),
            ("", tail) => tail.to_owned(),
            (head, tail) => format!("{head} {tail}"),
        };
    }
    line
}

/// What follows an id or a time, quoted or not.
fn after_value(rest: &str) -> &str {
    match rest.strip_prefix('\'').and_then(|quoted| quoted.split_once('\'')) {
        Some((_, tail)) => tail,
        None => after_time_of_day(
            rest.trim_start_matches(|c: char| c.is_ascii_hexdigit() || "-:.TZ+".contains(c)),
        ),
    }
}

/// `2026-09-01 10:00:00Z` has a blank between its date and its time of day.
fn after_time_of_day(rest: &str) -> &str {
    match rest.strip_prefix(' ') {
        Some(time) if time.len() > 5 && time.as_bytes()[2] == b':' => {
            time.trim_start_matches(|c: char| c.is_ascii_digit() || ":.Z".contains(c))
        }
        Some(_) | None => rest,
    }
}

/// `after '17' seconds` becomes `after some seconds`; the number itself is kept as the failure's wait.
fn with_vague_wait(line: String) -> String {
    let Some(start) = find(&line, "after ") else { return line };
    let rest = &line[start + "after ".len()..];
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '\'');
    if number.len() < rest.len() && number.starts_with(" second") {
        format!("{}after some{number}", &line[..start])
    } else {
        line
    }
}

/// Byte offset of an ASCII label in any case.
fn find(line: &str, label: &str) -> Option<usize> {
    line.to_ascii_lowercase().find(&label.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_changes_with_each_request_is_taken_out() {
        let same = [
            (
                "AADSTS700016: Application 'x' was not found. Trace ID: 0f2e1f2c-aaaa-bbbb-cccc-0123456789ab Correlation ID: 5c1e1f2c-aaaa-bbbb-cccc-0123456789ab Timestamp: 2026-09-01 10:00:00Z",
                "AADSTS700016: Application 'x' was not found.",
            ),
            (
                "AADSTS70021: No match.\r\nTrace ID: 0f2e\r\nCorrelation ID: 5c1e\r\nTimestamp: 2026-09-01 10:00:00Z",
                "AADSTS70021: No match.",
            ),
            (
                "Assertion is not within its valid time range. Current time: 2026-09-01T10:00:00.123Z, assertion valid from yesterday.",
                "Assertion is not within its valid time range. assertion valid from yesterday.",
            ),
            (
                "The access token expiry UTC time '9/1/2026 9:00:00 AM' is earlier than current UTC time '9/1/2026 10:00:00 AM'.",
                "The access token expiry UTC time '9/1/2026 9:00:00 AM' is earlier than",
            ),
            ("Please try again after '17' seconds.", "Please try again after some seconds."),
            ("Thereafter nothing happened", "Thereafter nothing happened"),
            ("no ids here", "no ids here"),
        ];
        for (text, expected) in same {
            assert_eq!(steady(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_bounded_line(text in ".{0,60}(Trace ID:|timestamp:|after |\\n|ü)?.{0,2100}") {
            let line = steady(&text);
            prop_assert!(line.chars().count() <= LONGEST);
            prop_assert!(!line.contains('\n'));
        }
    }
}
