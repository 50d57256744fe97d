//! Where a source answers.

use shared::contract::Source;
use shared::error::Result;

use crate::client::Aws;
use crate::rds::database::{self, Database};
use crate::rds::instances::{endpoint, find_instance};
use crate::secrets::document::Address;

/// Every host and port at which the source answers: its own, of a cluster those of its readers, of its members and of its custom
/// endpoints, and those of its replicas. After the fence all of them serve the old database.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn addresses(aws: &Aws, source: &Source) -> Result<Vec<Address>> {
    addresses_of(aws, source, &database::find(aws, &source.resource_id).await?).await
}

/// As [`addresses`], for a source that was already read.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn addresses_of(aws: &Aws, source: &Source, found: &Database) -> Result<Vec<Address>> {
    let mut addresses = vec![(source.host.clone(), source.port)];
    match found {
        Database::Instance(instance) => {
            for replica in instance.read_replica_db_instance_identifiers().iter().filter(|replica| !replica.starts_with("arn:")) {
                addresses.extend(find_instance(aws, replica).await?.as_ref().and_then(endpoint));
            }
        }
        Database::Cluster(cluster, members) => {
            addresses.extend(members.iter().filter_map(endpoint));
            let shared = cluster.reader_endpoint().into_iter().chain(cluster.custom_endpoints().iter().map(String::as_str));
            addresses.extend(shared.map(|host| (host.to_owned(), source.port)));
        }
    }
    Ok(addresses)
}
