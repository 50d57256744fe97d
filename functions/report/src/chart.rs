//! Charts as SVG. They hold lines and bars and no text: they are stretched to any width, and text would be stretched with them.
//!
//! By hand, since there are two shapes: a library would bring its own fonts and colours, which follow neither a dark screen nor a
//! narrow one.

use maud::{Markup, html};

use crate::event::Moment;

/// Width of the drawing's coordinates; whole numbers are exact enough.
const ACROSS: i64 = 10_000;
const DOWN: i64 = 1_000;
/// Visible, however short it took.
const NARROWEST: i64 = 60;

/// A line through points in time, from zero at the bottom to the highest value at the top. `place` is that of the series in
/// `report.json`.
pub(crate) fn line(place: &str, label: &str, points: &[(Moment, i64)]) -> Markup {
    let (first, last) = (points.first().map_or(Moment(0), |point| point.0), points.last().map_or(Moment(0), |point| point.0));
    let top = points.iter().map(|point| point.1).max().unwrap_or(0).max(1);
    let span = (last.0 - first.0).max(1);
    let y = |value| DOWN - share(value, top, DOWN);
    let mut drawn: Vec<String> = points.iter().map(|(at, value)| format!("{},{}", share(at.0 - first.0, span, ACROSS), y(*value))).collect();
    // One sample alone is no line yet.
    if let [(_, value)] = points {
        drawn.push(format!("{ACROSS},{}", y(*value)));
    }
    html! {
        svg.line role="img" aria-label=(label) data-chart=(place) viewBox=(format!("0 0 {ACROSS} {DOWN}")) preserveAspectRatio="none" {
            line.base x1="0" y1=(DOWN) x2=(ACROSS) y2=(DOWN) {}
            polyline points=(drawn.join(" ")) {}
        }
    }
}

/// A part of a whole, as a bar at its place.
pub(crate) fn bar(label: &str, from: u64, length: u64, whole: u64) -> Markup {
    let (from, length, whole) = (to_i64(from), to_i64(length), to_i64(whole).max(1));
    let width = share(length, whole, ACROSS).max(NARROWEST);
    let x = share(from, whole, ACROSS).min(ACROSS - width);
    html! {
        svg.bar role="img" aria-label=(label) viewBox=(format!("0 0 {ACROSS} 10")) preserveAspectRatio="none" {
            rect.track x="0" y="0" width=(ACROSS) height="10" {}
            rect x=(x) y="0" width=(width) height="10" {}
        }
    }
}

fn share(part: i64, whole: i64, of: i64) -> i64 {
    let share = i128::from(part) * i128::from(of) / i128::from(whole);
    i64::try_from(share).unwrap_or(of).clamp(0, of)
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_from_edge_to_edge_and_from_nothing_to_the_highest() {
        let drawn = line("x", "", &[(Moment(1_000), 0), (Moment(2_000), 50), (Moment(5_000), 200)]).into_string();
        assert!(drawn.contains(r#"points="0,1000 2500,750 10000,0""#), "{drawn}");
    }

    #[test]
    fn one_look_is_a_level() {
        let drawn = line("x", "", &[(Moment(7), 3)]).into_string();
        assert!(drawn.contains(r#"points="0,0 10000,0""#), "{drawn}");
    }

    #[test]
    fn a_bar_is_seen_and_stays_within() {
        let drawn = bar("x", 999_999, 1, 1_000_000).into_string();
        assert!(drawn.contains(r#"x="9940" y="0" width="60""#), "{drawn}");
    }
}
