//! A database as RDS describes it: an instance, or a cluster with its members, and what both can be asked.

use std::ops::RangeInclusive;

use aws_sdk_rds::types::{DbCluster, DbInstance, DbSubnetGroup, Filter, MasterUserSecret, StorageEncryptionType, Tag};
use shared::contract::{Kind, Network, Ready, Source};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::MOVED_TAG;

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::instances::{endpoint, find_instance, is_resource_id};
use crate::rds::requests::begun;
use crate::rds::status::{Standing, standing};

/// The major versions that are tested.
const MAJORS: RangeInclusive<u32> = 12..=18;

#[derive(Debug)]
pub enum Database {
    Instance(Box<DbInstance>),
    /// With its members.
    Cluster(Box<DbCluster>, Vec<DbInstance>),
}

/// Finds a database by identifier, ARN or resource id. The name of a member stands for its cluster.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn find(aws: &Aws, id: &str) -> Result<Database> {
    if !id.contains(":cluster:")
        && !is_resource_id(id, "cluster-")
        && let Some(instance) = find_instance(aws, id).await?
    {
        return match instance.db_cluster_identifier() {
            None => Ok(Database::Instance(Box::new(instance))),
            Some(cluster) => find_cluster(aws, cluster).await,
        };
    }
    find_cluster(aws, id).await
}

async fn find_cluster(aws: &Aws, id: &str) -> Result<Database> {
    let not_found = || StepError::new(ErrorName::SourceNotFound, format!("no database {id} exists in this Region and account"));
    let cluster = clusters::find_cluster(aws, id).await?.ok_or_else(not_found)?;
    let of_cluster = Filter::builder().name("db-cluster-id").values(cluster.db_cluster_identifier().unwrap_or_default()).build();
    let members = aws.rds.describe_db_instances().filters(of_cluster).send().await?.db_instances.unwrap_or_default();
    for member in &members {
        aws.evidence.saw_instance(member);
    }
    Ok(Database::Cluster(Box::new(cluster), members))
}

/// The database of this kind with this identifier, ARN or resource id; none if there is none.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_of_kind(aws: &Aws, kind: Kind, id: &str) -> Result<Option<Database>> {
    if kind.is_cluster() {
        return find_cluster(aws, id).await.map(Some).or_else(|error| error.ok_if(ErrorName::SourceNotFound).map(|_| None));
    }
    Ok(find_instance(aws, id).await?.map(|instance| Database::Instance(Box::new(instance))))
}

impl Database {
    /// Whether its engine is one that this product moves, in any version.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        is_postgres(match self {
            Self::Instance(instance) => instance.engine(),
            Self::Cluster(cluster, _) => cluster.engine(),
        })
    }

    /// The identifier of the instance or cluster.
    #[must_use]
    pub fn identifier(&self) -> &str {
        let identifier = match self {
            Self::Instance(instance) => instance.db_instance_identifier(),
            Self::Cluster(cluster, _) => cluster.db_cluster_identifier(),
        };
        identifier.unwrap_or_default()
    }

    /// The status that RDS reports.
    #[must_use]
    pub fn status(&self) -> &str {
        let status = match self {
            Self::Instance(instance) => instance.db_instance_status(),
            Self::Cluster(cluster, _) => cluster.status(),
        };
        status.unwrap_or_default()
    }

    #[must_use]
    pub fn resource_id(&self) -> &str {
        let resource_id = match self {
            Self::Instance(instance) => instance.dbi_resource_id(),
            Self::Cluster(cluster, _) => cluster.db_cluster_resource_id(),
        };
        resource_id.unwrap_or_default()
    }

    #[must_use]
    pub fn tags(&self) -> &[Tag] {
        match self {
            Self::Instance(instance) => instance.tag_list(),
            Self::Cluster(cluster, _) => cluster.tag_list(),
        }
    }

    /// The member, if the given name is a member's and its cluster was found.
    #[must_use]
    pub fn member(&self, id: &str) -> Option<&str> {
        let Self::Cluster(_, members) = self else { return None };
        let is_named =
            |member: &&DbInstance| [member.db_instance_identifier(), member.db_instance_arn(), member.dbi_resource_id()].contains(&Some(id));
        members.iter().find(is_named).and_then(|member| member.db_instance_identifier())
    }

    /// # Errors
    /// `AlreadyMoved` if its application has moved to a target.
    pub fn check_not_moved(&self) -> Result<()> {
        let Some(target) = moved_to(self.tags()) else { return Ok(()) };
        let message = format!("the application of {} has moved to {target}; if it moved back, remove the tag {MOVED_TAG}", self.identifier());
        Err(StepError::new(ErrorName::AlreadyMoved, message))
    }

    /// The facts that later steps need.
    ///
    /// # Errors
    /// `SourceUnsupported`; `PreconditionFailed` if it has no endpoint.
    pub fn read(&self) -> Result<Source> {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let kms_key = self.encrypted_with().map(str::to_owned);
        match self {
            Self::Instance(instance) => {
                let identifier = text(instance.db_instance_identifier());
                if instance.engine() != Some("postgres") {
                    return Err(other_engine(&identifier, instance.engine()));
                }
                let (host, port) = endpoint(instance).ok_or_else(|| without_endpoint(&identifier, instance.db_instance_status()))?;
                Ok(Source {
                    kind: Kind::Instance,
                    major: major(&identifier, instance.engine_version())?,
                    arn: text(instance.db_instance_arn()),
                    resource_id: text(instance.dbi_resource_id()),
                    identifier,
                    host,
                    port,
                    is_public: instance.publicly_accessible() == Some(true),
                    kms_key,
                })
            }
            Self::Cluster(cluster, members) => {
                let identifier = text(cluster.db_cluster_identifier());
                let kind = self.kind().ok_or_else(|| other_engine(&identifier, cluster.engine()))?;
                let (host, port) = clusters::endpoint(cluster).ok_or_else(|| without_endpoint(&identifier, cluster.status()))?;
                Ok(Source {
                    kind,
                    major: major(&identifier, cluster.engine_version())?,
                    arn: text(cluster.db_cluster_arn()),
                    resource_id: text(cluster.db_cluster_resource_id()),
                    identifier,
                    host,
                    port,
                    is_public: members.iter().any(|member| member.publicly_accessible() == Some(true)),
                    kms_key,
                })
            }
        }
    }

    /// Its place in its VPC: all members of a cluster have the same security groups.
    #[must_use]
    pub fn network(&self) -> Network {
        let (groups, instance) = match self {
            Self::Instance(instance) => (instance.vpc_security_groups(), Some(&**instance)),
            Self::Cluster(cluster, members) => (cluster.vpc_security_groups(), members.first()),
        };
        let subnets = instance.and_then(DbInstance::db_subnet_group).map(DbSubnetGroup::subnets).unwrap_or_default();
        Network {
            security_groups: groups.iter().filter_map(|group| group.vpc_security_group_id()).map(str::to_owned).collect(),
            subnets: subnets.iter().filter_map(|subnet| subnet.subnet_identifier()).map(str::to_owned).collect(),
        }
    }

    /// # Errors
    /// `AlreadyEncrypted` if it has this key.
    pub fn check_not_encrypted_with(&self, kms_key_arn: Option<&str>) -> Result<()> {
        match self.encrypted_with() {
            Some(key) if Some(key) == kms_key_arn => {
                Err(StepError::new(ErrorName::AlreadyEncrypted, format!("{} is encrypted with {key} already", self.identifier())))
            }
            _ => Ok(()),
        }
    }

    /// Its key, if it is encrypted. Aurora's may be a key that AWS owns, which has no ARN: `StorageEncrypted` is false then, and
    /// `StorageEncryptionType` reports it.
    #[must_use]
    pub fn encrypted_with(&self) -> Option<&str> {
        let (encrypted, how, key) = match self {
            Self::Instance(instance) => (instance.storage_encrypted(), instance.storage_encryption_type(), instance.kms_key_id()),
            Self::Cluster(cluster, _) => (cluster.storage_encrypted(), cluster.storage_encryption_type(), cluster.kms_key_id()),
        };
        (encrypted == Some(true) || how == Some(&StorageEncryptionType::Sse)).then_some(key.unwrap_or("a key of AWS's own"))
    }

    #[must_use]
    pub fn is_available(&self) -> bool {
        standing(self.status()) == Standing::Usable
    }

    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()),
            Self::Cluster(cluster, _) => cluster.db_cluster_parameter_group(),
        }
        .unwrap_or_default()
    }

    #[must_use]
    pub fn maintenance_window(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.preferred_maintenance_window(),
            Self::Cluster(cluster, _) => cluster.preferred_maintenance_window(),
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
            Self::Cluster(cluster, _) => {
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
            Self::Cluster(cluster, _) => {
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
        let rebooted = if let Self::Cluster(cluster, _) = self
            && self.kind() == Some(Kind::MultiAzCluster)
        {
            let request = aws.rds.reboot_db_cluster().set_db_cluster_identifier(cluster.db_cluster_identifier.clone());
            begun(request.send().await, "rebooting")
        } else {
            let request = aws.rds.reboot_db_instance().set_db_instance_identifier(members.first().cloned());
            begun(request.send().await, "rebooting")
        };
        rebooted.context("reboot for a parameter group")
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Instance(_) => Some(Kind::Instance),
            Self::Cluster(cluster, _) => match cluster.engine() {
                Some("postgres") => Some(Kind::MultiAzCluster),
                Some("aurora-postgresql") => Some(Kind::Aurora),
                _ => None,
            },
        }
    }

    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.db_instance_arn(),
            Self::Cluster(cluster, _) => cluster.db_cluster_arn(),
        }
        .unwrap_or_default()
    }

    /// The logs that it exports to CloudWatch Logs.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        match self {
            Self::Instance(instance) => instance.enabled_cloudwatch_logs_exports(),
            Self::Cluster(cluster, _) => cluster.enabled_cloudwatch_logs_exports(),
        }
    }

    #[must_use]
    pub fn is_protected(&self) -> bool {
        match self {
            Self::Instance(instance) => instance.deletion_protection(),
            Self::Cluster(cluster, _) => cluster.deletion_protection(),
        }
        .unwrap_or(false)
    }

    /// The secret in which RDS manages the master password, if it does.
    #[must_use]
    pub fn master_secret(&self) -> Option<&MasterUserSecret> {
        match self {
            Self::Instance(instance) => instance.master_user_secret(),
            Self::Cluster(cluster, _) => cluster.master_user_secret(),
        }
    }

    /// Its ARN.
    #[must_use]
    pub fn managed_secret(&self) -> Option<String> {
        self.master_secret().and_then(|secret| secret.secret_arn()).map(str::to_owned)
    }

    /// Host and port for writes, once RDS has assigned them.
    #[must_use]
    pub fn endpoint(&self) -> Option<(String, u16)> {
        match self {
            Self::Instance(instance) => endpoint(instance),
            Self::Cluster(cluster, _) => clusters::endpoint(cluster),
        }
    }

    /// The value of a tag, if it has it.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags().iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
    }
}

#[must_use]
pub fn is_postgres(engine: Option<&str>) -> bool {
    matches!(engine, Some("postgres" | "aurora-postgresql"))
}

/// The target to which the application of the database with these tags has moved.
#[must_use]
pub fn moved_to(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key() == Some(MOVED_TAG)).and_then(Tag::value)
}

fn major(identifier: &str, version: Option<&str>) -> Result<u32> {
    let version = version.unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse().ok()).filter(|major| MAJORS.contains(major));
    let message = || format!("{identifier} runs PostgreSQL {version}; 12 to 18 are supported");
    major.ok_or_else(|| StepError::new(ErrorName::SourceUnsupported, message()))
}

fn other_engine(identifier: &str, engine: Option<&str>) -> StepError {
    let engine = engine.unwrap_or("an unknown engine");
    StepError::new(ErrorName::SourceUnsupported, format!("{identifier} runs {engine}, neither postgres nor aurora-postgresql"))
}

fn without_endpoint(identifier: &str, status: Option<&str>) -> StepError {
    let status = status.unwrap_or_default();
    StepError::new(ErrorName::PreconditionFailed, format!("{identifier} has no endpoint (status {status})"))
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
