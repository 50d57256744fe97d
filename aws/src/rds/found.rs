//! A database as RDS describes it: an instance, or a cluster with its members.

use std::ops::RangeInclusive;

use aws_sdk_rds::types::{DbCluster, DbInstance, DbSubnetGroup, Filter, StorageEncryptionType, Tag};
use shared::contract::{Kind, Network, Source};
use shared::error::{ErrorName, Result, StepError};
use shared::names::MOVED_TAG;

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::instances::{endpoint, find_instance, is_resource_id};

/// The major versions that are tested.
const MAJORS: RangeInclusive<u32> = 12..=18;

#[derive(Debug)]
pub enum Found {
    Instance(Box<DbInstance>),
    /// With its members.
    Cluster(Box<DbCluster>, Vec<DbInstance>),
}

/// Finds a database by identifier, ARN or resource id. The name of a member stands for its cluster.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn find(aws: &Aws, id: &str) -> Result<Found> {
    if !id.contains(":cluster:")
        && !is_resource_id(id, "cluster-")
        && let Some(instance) = find_instance(aws, id).await?
    {
        return match instance.db_cluster_identifier() {
            None => Ok(Found::Instance(Box::new(instance))),
            Some(cluster) => find_cluster(aws, cluster).await,
        };
    }
    find_cluster(aws, id).await
}

async fn find_cluster(aws: &Aws, id: &str) -> Result<Found> {
    let not_found = || StepError::new(ErrorName::SourceNotFound, format!("no database {id} exists in this Region and account"));
    let cluster = clusters::find_cluster(aws, id).await?.ok_or_else(not_found)?;
    let of_cluster = Filter::builder().name("db-cluster-id").values(cluster.db_cluster_identifier().unwrap_or_default()).build();
    let members = aws.rds.describe_db_instances().filters(of_cluster).send().await?.db_instances.unwrap_or_default();
    for member in &members {
        aws.evidence.saw_instance(member);
    }
    Ok(Found::Cluster(Box::new(cluster), members))
}

impl Found {
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
                let kind = match cluster.engine() {
                    Some("postgres") => Kind::MultiAzCluster,
                    Some("aurora-postgresql") => Kind::Aurora,
                    engine => return Err(other_engine(&identifier, engine)),
                };
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

    /// The secret in which RDS manages the master password, if it does.
    #[must_use]
    pub fn managed_secret(&self) -> Option<String> {
        let secret = match self {
            Self::Instance(instance) => instance.master_user_secret(),
            Self::Cluster(cluster, _) => cluster.master_user_secret(),
        };
        secret.and_then(|secret| secret.secret_arn()).map(str::to_owned)
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
