//! Workers of preloaded libraries, which start on the target as well, and the jobs that they run.

use postgres::connect::Session;
use shared::error::{Context, Result};
use shared::finding::{Findings, list};
use tokio_postgres::Row;

const CRON_TABLE: &str = include_str!("sql/cron_table.sql");

/// Libraries that do nothing by themselves, or nothing that would harm a target.
const WITHOUT_JOBS: [&str; 14] = [
    "auto_explain",
    "orafce",
    "passwordcheck",
    "pg_bigm",
    "pg_hint_plan",
    "pg_prewarm",
    "pg_similarity",
    "pg_stat_statements",
    "pg_tle",
    "pg_transport",
    "pgaudit",
    "pgoutput",
    "plprofiler",
    "plrust",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quiet,
    /// `pg_cron`, which does only what its jobs do: [`check_jobs`].
    Cron,
    /// `pg_partman`'s, which works only in the databases named in its setting.
    Partman,
    /// Subscribes by itself.
    Replicates,
    Unknown,
}

fn kind(library: &str) -> Kind {
    match library {
        "pg_cron" => Kind::Cron,
        "pg_partman_bgw" => Kind::Partman,
        "pglogical" | "pgactive" => Kind::Replicates,
        // RDS's own.
        _ if library.starts_with("rds") || WITHOUT_JOBS.contains(&library) => Kind::Quiet,
        _ => Kind::Unknown,
    }
}

/// `server` is the row of `server.sql`.
pub(crate) fn check(server: &Row, findings: &mut Findings) -> Result<()> {
    // Null without pg_read_all_settings; the missing right has a finding of its own.
    let setting = server.try_get::<_, Option<&str>>("libraries")?.unwrap_or_default();
    let partman_databases = server.try_get::<_, Option<&str>>("partman_databases")?.unwrap_or_default();
    check_loaded(setting, partman_databases, findings);
    Ok(())
}

fn check_loaded(setting: &str, partman_databases: &str, findings: &mut Findings) {
    let libraries: Vec<&str> = setting.split(',').map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty()).collect();
    for library in &libraries {
        match kind(library) {
            Kind::Quiet => {}
            Kind::Cron => {
                let found = "pg_cron is loaded: a job created during the run runs on the target as well";
                findings.warn("PreloadedWorkers", found, "", "create no jobs until the cutover");
            }
            Kind::Partman if partman_databases.is_empty() => {
                let found = "pg_partman_bgw is loaded, with no database to work in";
                findings.warn("PreloadedWorkers", found, "", "leave pg_partman_bgw.dbname empty until the cutover");
            }
            Kind::Partman => {
                let found = format!("pg_partman_bgw creates and drops partitions in {partman_databases}, on the target as well");
                findings.refuse("PreloadedWorkers", found, "", "empty pg_partman_bgw.dbname, and set it again after the cutover");
            }
            Kind::Replicates => {
                let found = format!("{library} is loaded: on the target its workers would connect as those of the source do");
                findings.refuse("PreloadedWorkers", found, "", format!("take {library} out of shared_preload_libraries and reboot"));
            }
            Kind::Unknown => {
                let found = format!("{library} is loaded, which is unknown to the run: its workers, if any, start on the target as well");
                findings.warn("PreloadedWorkers", found, "", "make sure that it neither writes nor connects to other systems");
            }
        }
    }
}

/// Active jobs of `pg_cron`. Those of a database that is moved would write to the target, beside the changes that it applies; the
/// others would do twice what they do elsewhere. Refused whether or not the library is loaded: the restore is a restart, which loads
/// it.
pub(crate) async fn check_jobs(session: &Session, database: &str, migrated: &[&str], findings: &mut Findings) -> Result<()> {
    let Some(table) = session.query_opt(CRON_TABLE, &[]).await.context("look for pg_cron's jobs")? else { return Ok(()) };
    if !table.try_get::<_, bool>("may_read")? {
        let us: &str = table.try_get("us")?;
        let remedy: &str = table.try_get("grant_read")?;
        findings.refuse("CronJobs", format!("database {database}: {us} may not read cron.job"), "", remedy);
        return Ok(());
    }
    // Row security shows everybody only their own jobs; with it off, as in our sessions, the table could not be read at all.
    session.batch_execute("begin; set local row_security = on").await?;
    let rows = session.query(table.try_get::<_, &str>("statement")?, &[]).await;
    session.batch_execute("rollback").await?;
    let mut here = Vec::new();
    let mut elsewhere = Vec::new();
    for row in rows.context("read pg_cron's jobs")? {
        let (job, works_in): (i64, String) = (row.try_get("job")?, row.try_get("database")?);
        if migrated.contains(&works_in.as_str()) { &mut here } else { &mut elsewhere }.push(format!("{job} in {works_in}"));
    }
    let pause =
        "select cron.alter_job(jobid, active := false) from cron.job where active; after the cutover, on the target, active := true for these";
    if !here.is_empty() {
        let found = format!("database {database}: {} active jobs would run on the target as well: {}", here.len(), list(&here));
        findings.refuse("CronJobs", found, "0 are allowed", pause);
    }
    if !elsewhere.is_empty() {
        let found = format!("database {database}: {} active jobs in databases left out run twice: {}", elsewhere.len(), list(&elsewhere));
        findings.warn("CronJobs", found, "", pause);
    }
    if table.try_get::<_, bool>("limited")? {
        let remedy = "check as the owner of cron.job: select jobid, username, database from cron.job where active";
        findings.warn("CronJobs", format!("database {database}: row security hides other users' jobs from us"), "", remedy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::finding::Verdict;

    fn verdicts(setting: &str, partman_databases: &str) -> Vec<Verdict> {
        let mut findings = Findings::default();
        check_loaded(setting, partman_databases, &mut findings);
        findings.verdicts()
    }

    #[test]
    fn a_library_that_works_by_itself_is_noticed() {
        assert!(verdicts("rdsutils, pg_stat_statements,\"auto_explain\"", "").is_empty());
        assert_eq!(verdicts("rdsutils,pg_cron", ""), [Verdict::Warn]);
        assert_eq!(verdicts("pg_partman_bgw", ""), [Verdict::Warn]);
        assert_eq!(verdicts("pg_partman_bgw", "orders"), [Verdict::Refuse]);
        assert_eq!(verdicts("pglogical,pgactive", ""), [Verdict::Refuse; 2]);
        assert_eq!(verdicts("something_new", ""), [Verdict::Warn]);
    }
}
