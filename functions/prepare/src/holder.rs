//! Who holds the parameter group in which logical replication is turned on: an instance, or a cluster for all its members.

use aws_sdk_rds::types::{DbCluster, DbInstance};
use shared::aws::{Aws, code};
use shared::contract::{Kind, Plan};
use shared::error::{ErrorName, Result, StepError};
use shared::rds::{clusters, find_instance};

use crate::Prepared;

pub(crate) enum Holder {
    Instance(Box<DbInstance>),
    Cluster(Kind, Box<DbCluster>),
}

impl Holder {
    pub(crate) async fn find(aws: &Aws, plan: &Plan) -> Result<Self> {
        let id = &plan.source.identifier;
        let gone = || StepError::new(ErrorName::SourceNotFound, format!("{id} does not exist any more"));
        if plan.source.kind.is_cluster() {
            return Ok(Self::Cluster(plan.source.kind, Box::new(clusters::find_cluster(aws, id).await?.ok_or_else(gone)?)));
        }
        Ok(Self::Instance(Box::new(find_instance(aws, id).await?.ok_or_else(gone)?)))
    }

    pub(crate) fn status(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_instance_status(),
            Self::Cluster(_, cluster) => cluster.status(),
        }
        .unwrap_or_default()
    }

    pub(crate) fn is_available(&self) -> bool {
        self.status() == "available"
    }

    pub(crate) fn group(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()),
            Self::Cluster(_, cluster) => cluster.db_cluster_parameter_group(),
        }
        .unwrap_or_default()
    }

    pub(crate) fn maintenance_window(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.preferred_maintenance_window(),
            Self::Cluster(_, cluster) => cluster.preferred_maintenance_window(),
        }
        .unwrap_or_default()
    }

    /// The instances that have to restart before the group holds, the writer first; none while RDS is still applying it.
    pub(crate) fn waits_for_reboot(&self) -> Option<Vec<String>> {
        let mut waiting: Vec<(bool, Option<&str>, Option<&str>)> = match self {
            Self::Instance(instance) => {
                let groups = instance.db_parameter_groups().iter();
                groups.map(|group| (true, instance.db_instance_identifier(), group.parameter_apply_status())).collect()
            }
            Self::Cluster(_, cluster) => {
                let members = cluster.db_cluster_members().iter();
                let waits = members.map(|member| {
                    (member.is_cluster_writer() == Some(true), member.db_instance_identifier(), member.db_cluster_parameter_group_status())
                });
                waits.collect()
            }
        };
        waiting.sort_by_key(|(is_writer, _, _)| !is_writer);
        let is_settled = waiting.iter().all(|(_, _, status)| matches!(status, Some("in-sync" | "pending-reboot")));
        let pending = waiting.into_iter().filter(|(_, _, status)| *status == Some("pending-reboot"));
        is_settled.then(|| pending.filter_map(|(_, instance, _)| instance.map(str::to_owned)).collect())
    }

    /// After it, the group is on its way.
    pub(crate) async fn attach(&self, aws: &Aws, group: &str) -> Result<Prepared> {
        let sent = match self {
            Self::Instance(instance) => {
                let request = aws.rds.modify_db_instance().set_db_instance_identifier(instance.db_instance_identifier.clone());
                let sent = request.db_parameter_group_name(group).apply_immediately(true).send().await;
                sent.map(drop).map_err(|error| (code(&error) == Some("InvalidDBInstanceState"), StepError::from(error)))
            }
            Self::Cluster(_, cluster) => {
                let request = aws.rds.modify_db_cluster().set_db_cluster_identifier(cluster.db_cluster_identifier.clone());
                let sent = request.db_cluster_parameter_group_name(group).apply_immediately(true).send().await;
                sent.map(drop).map_err(|error| (code(&error) == Some("InvalidDBClusterStateFault"), StepError::from(error)))
            }
        };
        begun(sent, "modifying", &format!("give the source parameter group {group}"))
    }

    /// After it, the next of these instances restarts; a Multi-AZ DB cluster restarts as a whole.
    pub(crate) async fn reboot(&self, aws: &Aws, members: &[String]) -> Result<Prepared> {
        let sent = if let Self::Cluster(Kind::MultiAzCluster, cluster) = self {
            let request = aws.rds.reboot_db_cluster().set_db_cluster_identifier(cluster.db_cluster_identifier.clone());
            let sent = request.send().await;
            sent.map(drop).map_err(|error| (code(&error) == Some("InvalidDBClusterStateFault"), StepError::from(error)))
        } else {
            let request = aws.rds.reboot_db_instance().set_db_instance_identifier(members.first().cloned());
            let sent = request.send().await;
            sent.map(drop).map_err(|error| (code(&error) == Some("InvalidDBInstanceState"), StepError::from(error)))
        };
        begun(sent, "rebooting", "reboot the source")
    }
}

/// RDS does one thing at a time: a source that is busy is asked again.
fn begun(sent: Result<(), (bool, StepError)>, status: &str, what: &str) -> Result<Prepared> {
    match sent {
        Ok(()) => Ok(Prepared::not_yet(status)),
        Err((true, _)) => Ok(Prepared::not_yet("the source is busy")),
        Err((false, error)) => Err(error.while_doing(what)),
    }
}
