//! What becomes of the source after the application has moved: kept, stopped, or deleted.

use aws::client::Aws;
use aws::rds::database::{Database, find_of_kind};
use aws::rds::requests::{begun, going};
use aws::rds::status::{Standing, standing};
use aws::rds::{clusters, snapshots};
use aws_sdk_rds::types::Tag;
use shared::contract::{Kind, Plan, Ready};
use shared::error::aws::code;
use shared::error::{Context, Result, StepError};
use shared::input::AfterSource;
use shared::names::MOVED_TAG;

/// After it answers ready, the source is kept, stopped, or deleted after a final snapshot.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn settle(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(source) = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await? else { return gone(aws, plan).await };
    if plan.after.source == AfterSource::Delete {
        return delete(aws, plan, &source).await;
    }
    mark_moved(aws, &plan.target, &source).await?;
    if plan.after.source == AfterSource::Stop { stop(aws, &source).await } else { Ok(Ready::yes("kept, fenced")) }
}

/// Deleted by this run after a final snapshot, or by somebody else.
async fn gone(aws: &Aws, plan: &Plan) -> Result<Ready> {
    Ok(match snapshots::find(aws, plan.source.kind, &plan.names.last).await? {
        Some(last) if last.status == "available" => Ready::yes(format!("deleted; its last snapshot is {}", plan.names.last)),
        Some(last) => Ready::not_yet(last.status),
        None => Ready::yes("gone"),
    })
}

/// After it, a tag on the source names the target: neither a fleet nor an AWS Config finding moves it again.
async fn mark_moved(aws: &Aws, target: &str, source: &Database) -> Result<()> {
    let tag = Tag::builder().key(MOVED_TAG).value(target).build();
    match aws.rds.add_tags_to_resource().resource_name(source.arn()).tags(tag).send().await {
        // Somebody has deleted it first.
        Err(error) if code(&error).is_none_or(|code| !code.contains("NotFound")) => {
            Err(StepError::from(error).context(&format!("tag {}", source.identifier())))
        }
        _ => Ok(()),
    }
}

async fn stop(aws: &Aws, source: &Database) -> Result<Ready> {
    let id = source.identifier();
    match source.status() {
        "stopped" => Ok(Ready::yes("stopped; RDS starts it again after seven days")),
        status if standing(status) == Standing::Usable => {
            let stopped = match source {
                Database::Instance(_) => begun(aws.rds.stop_db_instance().db_instance_identifier(id).send().await, "stopping"),
                Database::Cluster(..) => begun(aws.rds.stop_db_cluster().db_cluster_identifier(id).send().await, "stopping"),
            };
            stopped.context(&format!("stop {id}"))
        }
        other => Ok(Ready::not_yet(other)),
    }
}

/// The final snapshot is unencrypted if the source is: it is named in the output, for the operator to decide. A cluster's is made with its
/// deletion, which Aurora allows only once all members are gone.
async fn delete(aws: &Aws, plan: &Plan, source: &Database) -> Result<Ready> {
    let (id, last) = (source.identifier(), &plan.names.last);
    if !source.is_available() {
        return Ok(Ready::not_yet(source.status()));
    }
    if source.is_protected() {
        return unprotect(aws, source).await.context(&format!("lift the deletion protection of {id}"));
    }
    let deleted = match source {
        Database::Cluster(cluster, members) if plan.source.kind == Kind::Aurora && !members.is_empty() => {
            return clusters::drop_members(aws, cluster).await;
        }
        Database::Cluster(..) => {
            going(aws.rds.delete_db_cluster().db_cluster_identifier(id).final_db_snapshot_identifier(last).send().await, "deleting")
        }
        Database::Instance(_) => {
            going(aws.rds.delete_db_instance().db_instance_identifier(id).final_db_snapshot_identifier(last).send().await, "deleting")
        }
    };
    deleted.context(&format!("delete {id}"))
}

async fn unprotect(aws: &Aws, source: &Database) -> Result<Ready> {
    let id = source.identifier();
    match source {
        Database::Instance(_) => {
            let request = aws.rds.modify_db_instance().db_instance_identifier(id).deletion_protection(false);
            begun(request.apply_immediately(true).send().await, "modifying")
        }
        Database::Cluster(..) => {
            let request = aws.rds.modify_db_cluster().db_cluster_identifier(id).deletion_protection(false);
            begun(request.apply_immediately(true).send().await, "modifying")
        }
    }
}
