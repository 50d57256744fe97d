//! Metrics in embedded metric format: a line on standard output, from which CloudWatch Logs extracts the metrics.
//!
//! Tracing's lines are separate documents beside it. Source: Amazon CloudWatch user guide, "Specification: Embedded
//! metric format".

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Number, Value, json};

const NAMESPACE: &str = "rds-reencrypt";

/// The metrics; each is read by the dashboard or an alarm of `infra/observability.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum Metric {
    /// The largest lag of a database.
    LagBytes,
    /// The most WAL that a slot of the run keeps.
    RetainedWalBytes,
    /// Free storage on the source's disk.
    FreeStorageBytes,
    /// The kept WAL, as a share of the free storage of its own source: an alarm that compared them over all runs would compare
    /// one source's WAL with another one's disk.
    WalToFreeStoragePercent,
    /// 1 if the target applies nothing at the moment, else 0.
    ApplyStopped,
    /// 1 if a slot is gone, or the WAL that it needs; else 0.
    SlotsLost,
    /// Tables found equal so far.
    VerifiedTables,
    /// Rows read so far, those of an unfinished table included.
    VerifiedRows,
    /// Tables not yet compared.
    TablesLeft,
    /// How long writers waited, whether the cutover succeeded or not.
    WritePauseMs,
}

impl Metric {
    fn name(self) -> &'static str {
        self.into()
    }

    fn unit(self) -> &'static str {
        match self {
            Self::LagBytes | Self::RetainedWalBytes | Self::FreeStorageBytes => "Bytes",
            Self::WalToFreeStoragePercent => "Percent",
            Self::ApplyStopped | Self::SlotsLost | Self::VerifiedTables | Self::VerifiedRows | Self::TablesLeft => "Count",
            Self::WritePauseMs => "Milliseconds",
        }
    }
}

/// Emits measurements of one source: with the source as dimension, for people, and without, for alarms.
pub fn emit(source: &str, measured: &[(Metric, Number)]) {
    let line = line(source, measured, SystemTime::now());
    // Nothing depends on a metric.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn line(source: &str, measured: &[(Metric, Number)], now: SystemTime) -> Value {
    let timestamp_ms = now.duration_since(UNIX_EPOCH).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    let definitions: Vec<Value> = measured.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[], ["Source"]], "Metrics": definitions});
    let mut document: Map<String, Value> = measured.iter().map(|(metric, value)| (metric.name().to_owned(), value.clone().into())).collect();
    document.insert("Source".to_owned(), source.into());
    // A member that the directive does not name is neither a metric nor a dimension.
    document.insert("Version".to_owned(), env!("CARGO_PKG_VERSION").into());
    document.insert("_aws".to_owned(), json!({"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]}));
    document.into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_defines_each_of_its_metrics() {
        let measured = [(Metric::LagBytes, 416.into()), (Metric::WritePauseMs, 23_u64.into())];
        let line = line("orders-db", &measured, UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "rds-reencrypt",
                        "Dimensions": [[], ["Source"]],
                        "Metrics": [{"Name": "LagBytes", "Unit": "Bytes"}, {"Name": "WritePauseMs", "Unit": "Milliseconds"}],
                    }],
                },
                "Source": "orders-db",
                "Version": env!("CARGO_PKG_VERSION"),
                "LagBytes": 416,
                "WritePauseMs": 23,
            })
        );
        assert!(!line.to_string().contains('\n'));
    }
}
