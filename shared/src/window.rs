//! Computes when a weekly window opens: a maintenance window, or the hours in which an application allows a cutover.

use std::time::{SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
const WEEK: u64 = 7 * DAY;
/// The shortest window, as in RDS. A poll every few minutes does not miss it.
const SHORTEST: u64 = 30 * MINUTE;
/// The first day of 1970 was a Thursday.
const DAYS: [&str; 7] = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];

/// Seconds until the window opens, 0 while it is open; none if the text is not a window. `window` is in UTC, as in
/// `sun:23:45-mon:00:15`. Source: `PreferredMaintenanceWindow` of the RDS service model.
/// A window of less than half an hour is not valid.
#[must_use]
pub fn seconds_until(window: &str, now: SystemTime) -> Option<u64> {
    let (opens, closes) = window.split_once('-')?;
    let (opens, closes) = (second_of_week(opens)?, second_of_week(closes)?);
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) % WEEK;
    let (into_window, length) = ((now + WEEK - opens) % WEEK, (closes + WEEK - opens) % WEEK);
    let seconds = if into_window < length { 0 } else { WEEK - into_window };
    (length >= SHORTEST).then_some(seconds)
}

fn second_of_week(moment: &str) -> Option<u64> {
    let mut parts = moment.split(':');
    let day = parts.next().and_then(|day| DAYS.iter().position(|name| day.eq_ignore_ascii_case(name)))?;
    let hour: u64 = parts.next()?.parse().ok().filter(|hour| *hour < 24)?;
    let minute: u64 = parts.next()?.parse().ok().filter(|minute| *minute < 60)?;
    let moment = u64::try_from(day).ok()? * DAY + (hour * 60 + minute) * MINUTE;
    parts.next().is_none().then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-11-22 was a Sunday.
    const SUNDAY: u64 = 1_795_305_600;

    #[test]
    fn a_window_is_open_or_opens_within_a_week() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(SUNDAY + seconds);
        for (window, seconds, expected) in [
            ("sun:00:00-sun:00:30", 0, 0),
            ("sun:00:00-sun:00:30", 29 * MINUTE, 0),
            ("sun:00:00-sun:00:30", 30 * MINUTE, WEEK - 30 * MINUTE),
            ("sun:05:00-sun:05:30", 0, 300 * MINUTE),
            ("Sat:23:45-Sun:00:15", 14 * MINUTE, 0),
            ("sat:23:45-sun:00:15", 15 * MINUTE, WEEK - 30 * MINUTE),
            ("mon:01:00-mon:02:00", 0, DAY + 60 * MINUTE),
        ] {
            assert_eq!(seconds_until(window, at(seconds)), Some(expected), "{window} at {seconds}");
        }
    }

    #[test]
    fn other_texts_are_not_windows() {
        for window in ["", "sun:05:00", "day:05:00-sun:06:00", "sun:25:00-sun:26:00", "sun:05:00:00-sun:06:00", "sun:05:00-sun:05:29"] {
            assert_eq!(seconds_until(window, UNIX_EPOCH), None, "{window}");
        }
    }
}
