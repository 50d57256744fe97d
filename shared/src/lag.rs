//! Decides whether the lag is small enough to drain in milliseconds.

/// The most bytes of WAL that may be left to apply when a write pause begins.
///
/// An apply worker works off some ten MiB a second, so this is the order of a tenth of a second at the worst.
pub const CAUGHT_UP_BYTES: i64 = 1 << 20;

/// Whether every database of the target is connected and close behind.
#[must_use]
pub fn caught_up<'a>(databases: impl IntoIterator<Item = &'a Lag>) -> bool {
    databases.into_iter().all(|lag| lag.connected && lag.bytes <= CAUGHT_UP_BYTES)
}

/// The lag of one database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Whether a walsender serves the slot at all: without one the lag is not falling.
    pub connected: bool,
    /// WAL written by the source and not yet applied by the target. What was sent but not applied counts, and so does
    /// what was not even sent.
    pub bytes: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_is_not_connected_is_never_caught_up() {
        let near = Lag { connected: true, bytes: 0 };
        assert!(caught_up(&[near]));
        assert!(!caught_up(&[near, Lag { connected: false, bytes: 0 }]));
        assert!(!caught_up(&[near, Lag { connected: true, bytes: CAUGHT_UP_BYTES + 1 }]));
    }
}
