//! What the target gets after the application has moved: before, it would have prevented an undo, or cost twice.

use aws::client::Aws;
use aws::rds::database::{Database, find_of_kind};
use aws::rds::log_groups::drop_log_group;
use aws::rds::requests::{begun, new_ready};
use aws::rds::{snapshots, target};
use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use shared::contract::{Plan, Ready, Settled};
use shared::error::{Context, Result};
use shared::names::POSTGRESQL_LOG;

use crate::{logs, replicas, roles};

/// After it answers ready, the target has everything that is set at the end: the log exports of the source and no others, its
/// protection against deletion, a managed master password where the source has one, its roles and its replicas.
///
/// # Errors
/// `RestoreFailed`, `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn settle(aws: &Aws, plan: &Plan, settled: &mut Settled) -> Result<Ready> {
    let kind = plan.source.kind;
    let Some(source) = find_of_kind(aws, kind, &plan.source.resource_id).await? else { return settle_without_source(aws, plan, settled).await };
    let target = find_of_kind(aws, kind, &plan.target).await?.ok_or_else(|| target::gone(&plan.target))?;
    if let Some(last) = Last::of(&source, &target) {
        return last.give(aws, &target).await.context(&format!("finish {}", plan.target));
    }
    if !source.exports().iter().any(|export| export == POSTGRESQL_LOG) {
        drop_log_group(aws, plan).await?;
    }
    let ready = new_ready(&plan.kms_key_arn, &plan.target, Some(target.status()))?;
    if !ready.ready {
        return Ok(ready);
    }
    // Refused requests are repeated: the last call reports the current state.
    let mut not_made = roles::ensure(aws, &source, &target).await?;
    not_made.extend(logs::ensure_retention(aws, plan, source.exports()).await?);
    *settled = Settled { replicas: Vec::new(), not_made };
    match source {
        Database::Instance(source) => Box::pin(replicas::ensure(aws, plan, *source, settled)).await,
        // Its members came with it.
        Database::Cluster(..) => Ok(Ready::yes("settled")),
    }
}

/// A source that this run has deleted was settled by an earlier call. One that somebody else deleted took its settings along.
async fn settle_without_source(aws: &Aws, plan: &Plan, settled: &mut Settled) -> Result<Ready> {
    if snapshots::find(aws, plan.source.kind, &plan.names.last).await?.is_none() {
        let what = "deletion protection, managed master password, roles and replicas as the source had them: it was deleted before they were read";
        *settled = Settled { replicas: Vec::new(), not_made: vec![format!("{}: {what}", plan.target)] };
    }
    Ok(Ready::yes("the source is gone"))
}

/// The settings that only the last modification gives the target.
struct Last {
    /// Log exports that the run needed and the source does not have.
    extra_exports: Option<CloudwatchLogsExportConfiguration>,
    protect: Option<bool>,
    /// RDS makes a secret of its own, with a new password: the run has logged in for the last time.
    manage_password: Option<bool>,
    password_key: Option<String>,
}

impl Last {
    /// None where the target has them all.
    fn of(source: &Database, target: &Database) -> Option<Self> {
        let extra: Vec<String> = target.exports().iter().filter(|export| !source.exports().contains(export)).cloned().collect();
        let protect = source.is_protected() && !target.is_protected();
        let managed = source.master_secret().filter(|_| target.master_secret().is_none());
        if extra.is_empty() && !protect && managed.is_none() {
            return None;
        }
        let fewer = |extra| CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(extra)).build();
        Some(Self {
            extra_exports: (!extra.is_empty()).then(|| fewer(extra)),
            protect: protect.then_some(true),
            manage_password: managed.map(|_| true),
            password_key: managed.and_then(|secret| secret.kms_key_id.clone()),
        })
    }

    async fn give(self, aws: &Aws, target: &Database) -> Result<Ready> {
        match target {
            Database::Instance(_) => {
                let request = aws.rds.modify_db_instance().db_instance_identifier(target.identifier()).apply_immediately(true);
                let request = request.set_cloudwatch_logs_export_configuration(self.extra_exports).set_deletion_protection(self.protect);
                let request = request.set_manage_master_user_password(self.manage_password).set_master_user_secret_kms_key_id(self.password_key);
                begun(request.send().await, "modifying")
            }
            Database::Cluster(..) => {
                let request = aws.rds.modify_db_cluster().db_cluster_identifier(target.identifier()).apply_immediately(true);
                let request = request.set_cloudwatch_logs_export_configuration(self.extra_exports).set_deletion_protection(self.protect);
                let request = request.set_manage_master_user_password(self.manage_password).set_master_user_secret_kms_key_id(self.password_key);
                begun(request.send().await, "modifying")
            }
        }
    }
}
