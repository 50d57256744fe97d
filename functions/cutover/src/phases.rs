//! How the write pause is spent.

use std::time::Instant;

use shared::contract::PausePhase;

/// Phases that follow one another without a gap.
pub(crate) struct Phases {
    began: Instant,
    ended: Vec<(&'static str, Instant)>,
}

impl Phases {
    pub(crate) fn since(began: Instant) -> Self {
        Self { began, ended: Vec::new() }
    }

    pub(crate) fn end(&mut self, phase: &'static str, at: Instant) {
        self.ended.push((phase, at));
    }

    /// In milliseconds, cut off at the end of each; the last phase takes the rest, so together they are as long as the pause.
    pub(crate) fn durations(&self, last: &str, pause_ms: u64) -> Vec<PausePhase> {
        let since_began = |at: Instant| u64::try_from(at.duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        let ends = self.ended.iter().map(|(phase, at)| (*phase, since_began(*at))).chain([(last, pause_ms)]);
        let mut before = 0;
        let lengths = ends.map(|(phase, until)| {
            let ms = until.saturating_sub(before);
            before = until;
            PausePhase { phase: phase.to_owned(), ms }
        });
        lengths.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn phases_add_up_to_the_whole_pause() {
        let began = Instant::now();
        let mut phases = Phases::since(began);
        for (phase, micros) in [("locks", 1_900), ("drain", 3_800)] {
            phases.end(phase, began + Duration::from_micros(micros));
        }
        let described: Vec<(String, u64)> = phases.durations("fence", 5).into_iter().map(|described| (described.phase, described.ms)).collect();
        assert_eq!(described, [("locks".to_owned(), 1), ("drain".to_owned(), 2), ("fence".to_owned(), 2)]);
    }
}
