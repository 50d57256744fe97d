//! Limits the load that reading all rows puts on a server.

use std::time::Duration;

/// More sessions read no faster: the disk limits them.
const MAX_WORKERS: usize = 8;

/// How many sessions read at once on each side, and whether they rest. A session keeps at most one processor busy, since
/// the server's parallel queries are off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    pub workers: usize,
    rests: bool,
}

impl Load {
    /// Half of the processors of an instance class, rounded down. PostgreSQL does not know their number, the name of the
    /// class does: `xlarge` has four, `8xlarge` has 32, smaller ones have two or, some, one. With one or two there
    /// is one worker; in the smallest sizes, which can also run out of burst credits, it rests as long as it works.
    #[must_use]
    pub fn of_class(class: &str) -> Self {
        let size = class.split('.').nth(2).unwrap_or_default();
        let processors = match size.strip_suffix("xlarge") {
            Some("") => 4,
            Some(times) => times.parse::<usize>().map_or(2, |times| times.saturating_mul(4)),
            None => 2,
        };
        Self { workers: (processors / 2).clamp(1, MAX_WORKERS), rests: matches!(size, "micro" | "small") }
    }

    /// How long to rest after this much work.
    #[must_use]
    pub fn rest_after(self, worked: Duration) -> Duration {
        if self.rests { worked } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_processors_stay_free_for_the_application() {
        let cases = [
            ("db.t2.micro", 1, true),
            ("db.t4g.small", 1, true),
            ("db.t3.medium", 1, false),
            ("db.r6g.large", 1, false),
            ("db.m5.xlarge", 2, false),
            ("db.r6i.2xlarge", 4, false),
            ("db.x2g.16xlarge", 8, false),
            ("db.serverless", 1, false),
            ("", 1, false),
        ];
        for (class, workers, rests) in cases {
            assert_eq!(Load::of_class(class), Load { workers, rests }, "{class}");
        }
    }
}
