//! Figures as people read them. Each has its value for programs, and its place in `report.json`.

use maud::{Markup, html};

use crate::event::Moment;

pub(crate) fn text(place: &str, text: &str) -> Markup {
    html! { span data-figure=(place) { (text) } }
}

/// In a typeface that keeps digits and letters apart.
pub(crate) fn code(place: &str, text: &str) -> Markup {
    html! { code data-figure=(place) { (text) } }
}

pub(crate) fn moment(place: &str, moment: Moment) -> Markup {
    let text = moment.text();
    html! { time data-figure=(place) datetime=(text) { (text.get(..19).unwrap_or_default().replace('T', " ")) } }
}

pub(crate) fn count(place: &str, count: u64) -> Markup {
    number(place, "count", &count.to_string(), &grouped(&count.to_string()))
}

pub(crate) fn bytes(place: &str, bytes: i64) -> Markup {
    number(place, "bytes", &bytes.to_string(), &in_bytes(bytes))
}

pub(crate) fn duration(place: &str, ms: u64) -> Markup {
    number(place, "ms", &ms.to_string(), &in_time(ms))
}

fn number(place: &str, unit: &str, value: &str, described: &str) -> Markup {
    html! { data data-figure=(place) data-unit=(unit) value=(value) { (described) } }
}

/// With a narrow no-break space between groups of three digits.
fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// In the largest unit that gives at least one, with one decimal, cut off.
pub(crate) fn in_bytes(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut described = format!("{bytes}\u{a0}bytes");
    for (power, unit) in (1..).zip(UNITS) {
        let one = 1_i64 << (10 * power);
        if bytes >= one {
            let tenths = i128::from(bytes) * 10 / i128::from(one);
            described = format!("{}.{}\u{a0}{unit}", tenths / 10, tenths % 10);
        }
    }
    described
}

/// In two units at most, cut off.
pub(crate) fn in_time(ms: u64) -> String {
    let (seconds, minutes, hours, days) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms}\u{a0}ms"),
        1_000..60_000 => format!("{seconds}.{}\u{a0}s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{minutes}\u{a0}min {:02}\u{a0}s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours}\u{a0}h {:02}\u{a0}min", minutes % 60),
        _ => format!("{days}\u{a0}d {:02}\u{a0}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_units_that_fit() {
        let plain = |text: &str| text.replace(['\u{a0}', '\u{202f}'], " ");
        for (bytes, described) in
            [(0, "0 bytes"), (-5, "-5 bytes"), (1_023, "1023 bytes"), (1_024, "1.0 KiB"), (1_610_612_735, "1.4 GiB"), (1 << 50, "1.0 PiB")]
        {
            assert_eq!(plain(&in_bytes(bytes)), described);
        }
        for (ms, described) in [(84, "84 ms"), (1_960, "1.9 s"), (245_999, "4 min 05 s"), (61_380_000, "17 h 03 min"), (180_000_000, "2 d 02 h")] {
            assert_eq!(plain(&in_time(ms)), described);
        }
        for (digits, described) in [("7", "7"), ("1234", "1 234"), ("123456", "123 456"), ("1234567", "1 234 567")] {
            assert_eq!(plain(&grouped(digits)), described);
        }
    }
}
