//! The owner of the parameter group that turns logical replication on: an instance, or a cluster for all its members.

use aws_sdk_rds::types::{DbCluster, DbInstance};
use shared::contract::{Kind, Ready};
use shared::error::{Context, ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::instances::find_instance;
use crate::rds::requests::begun;
use crate::rds::status::{Standing, standing};

#[derive(Debug)]
pub enum Holder {
    Instance(Box<DbInstance>),
    Cluster(Kind, Box<DbCluster>),
}

impl Holder {
    /// The instance or cluster with this identifier or resource id; none if it is gone.
    ///
    /// # Errors
    /// `AwsUnavailable`, `AwsRefused`.
    pub async fn find(aws: &Aws, kind: Kind, id: &str) -> Result<Option<Self>> {
        if kind.is_cluster() {
            return Ok(clusters::find_cluster(aws, id).await?.map(|cluster| Self::Cluster(kind, Box::new(cluster))));
        }
        Ok(find_instance(aws, id).await?.map(|instance| Self::Instance(Box::new(instance))))
    }

    #[must_use]
    pub fn identifier(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_instance_identifier(),
            Self::Cluster(_, cluster) => cluster.db_cluster_identifier(),
        }
        .unwrap_or_default()
    }

    #[must_use]
    pub fn status(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_instance_status(),
            Self::Cluster(_, cluster) => cluster.status(),
        }
        .unwrap_or_default()
    }

    #[must_use]
    pub fn is_available(&self) -> bool {
        standing(self.status()) == Standing::Usable
    }

    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()),
            Self::Cluster(_, cluster) => cluster.db_cluster_parameter_group(),
        }
        .unwrap_or_default()
    }

    #[must_use]
    pub fn maintenance_window(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.preferred_maintenance_window(),
            Self::Cluster(_, cluster) => cluster.preferred_maintenance_window(),
        }
        .unwrap_or_default()
    }

    /// The instances that must restart before the group takes effect, the writer first; none while RDS is still applying it.
    #[must_use]
    pub fn waits_for_reboot(&self) -> Option<Vec<String>> {
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

    /// Starts attaching the group.
    ///
    /// # Errors
    /// `AwsUnavailable`, `AwsRefused`.
    pub async fn attach(&self, aws: &Aws, group: &str) -> Result<Ready> {
        let attached = match self {
            Self::Instance(instance) => {
                let request = aws.rds.modify_db_instance().set_db_instance_identifier(instance.db_instance_identifier.clone());
                begun(request.db_parameter_group_name(group).apply_immediately(true).send().await, "modifying")
            }
            Self::Cluster(_, cluster) => {
                let request = aws.rds.modify_db_cluster().set_db_cluster_identifier(cluster.db_cluster_identifier.clone());
                begun(request.db_cluster_parameter_group_name(group).apply_immediately(true).send().await, "modifying")
            }
        };
        attached.context(&format!("attach parameter group {group}"))
    }

    /// Restarts the next of these instances; a Multi-AZ DB cluster restarts as a whole.
    ///
    /// # Errors
    /// `AwsUnavailable`, `AwsRefused`.
    pub async fn reboot(&self, aws: &Aws, members: &[String]) -> Result<Ready> {
        let rebooted = if let Self::Cluster(Kind::MultiAzCluster, cluster) = self {
            let request = aws.rds.reboot_db_cluster().set_db_cluster_identifier(cluster.db_cluster_identifier.clone());
            begun(request.send().await, "rebooting")
        } else {
            let request = aws.rds.reboot_db_instance().set_db_instance_identifier(members.first().cloned());
            begun(request.send().await, "rebooting")
        };
        rebooted.context("reboot for a parameter group")
    }
}

/// The instance that takes the writes of an instance's or a cluster's name; none if it is gone.
///
/// # Errors
/// `AwsUnavailable`, also where a cluster has none at the moment; `AwsRefused`.
pub(crate) async fn writer(aws: &Aws, kind: Kind, id: &str) -> Result<Option<DbInstance>> {
    if !kind.is_cluster() {
        return find_instance(aws, id).await;
    }
    let Some(cluster) = clusters::find_cluster(aws, id).await? else { return Ok(None) };
    // A failover takes a moment, and is no reason to undo a run.
    let failing_over = || StepError::new(ErrorName::AwsUnavailable, format!("cluster {id} has no writer at the moment"));
    clusters::find_writer(aws, &cluster).await?.ok_or_else(failing_over).map(Some)
}
