//! The evidence in a call's answer: the tables that it found equal.

use shared::contract::Compared;

/// In JSON. The output of a state may have 256 KiB, everything else included. Source: AWS Step Functions developer guide, "Quotas".
const MAX_BYTES: usize = 100_000;

#[derive(Default)]
pub(crate) struct Evidence {
    pub(crate) compared: Vec<Compared>,
    bytes: usize,
}

impl Evidence {
    pub(crate) fn add(&mut self, compared: Compared) {
        self.bytes += serde_json::to_string(&compared).map_or(0, |text| text.len() + 1);
        self.compared.push(compared);
    }

    /// Whether the next table is left to another call.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_with_the_longest_names_fill_an_answer_below_the_limit() {
        // Each byte of the name has to be escaped twice: a quote, by PostgreSQL and by JSON.
        let name = format!("\"{}\"", "\"".repeat(126));
        let mut evidence = Evidence::default();
        while !evidence.is_full() {
            evidence.add(Compared { database: "\"".repeat(63), table: format!("{name}.{name}"), rows: u64::MAX, hash: Some("f".repeat(64)) });
        }
        let bytes = serde_json::to_string(&evidence.compared).unwrap().len();
        assert!((MAX_BYTES..MAX_BYTES + 2_000).contains(&bytes), "{bytes}");
    }
}
