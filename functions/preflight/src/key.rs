//! The key of the target.

use aws::client::Aws;
use aws_sdk_kms::types::{KeySpec, KeyState};
use shared::error::aws::{code, said};
use shared::error::{ErrorName, Result, StepError};

/// Resolves id, alias or ARN to the ARN of the key, once: later checks are of that very key. Describing `alias/aws/rds` creates the AWS
/// managed key where it was never used (KMS API reference, `DescribeKey`).
///
/// # Errors
/// `KmsKeyUnusable` where RDS could not encrypt with it.
pub(crate) async fn resolve(aws: &Aws, key: &str) -> Result<String> {
    let unusable = |why: String| StepError::new(ErrorName::KmsKeyUnusable, format!("key {key} {why}"));
    if let Some(region) = region_of(key).filter(|region| *region != aws.region()) {
        return Err(unusable(format!("is in {region}, the database in {}: name a key of that Region", aws.region())));
    }
    let described = match aws_sdk_kms::Client::new(&aws.config).describe_key().key_id(key).send().await {
        Ok(output) => output.key_metadata,
        Err(error) => {
            return Err(match code(&error) {
                Some("NotFoundException" | "InvalidArnException" | "ValidationException") => {
                    unusable(format!("does not exist in this Region and account; {}", said(&error)))
                }
                // A key's policy or one of the organization's may be in the way, and the service names it.
                Some("AccessDeniedException") => {
                    unusable(format!("may not be described: these functions need kms:DescribeKey and kms:CreateGrant; {}", said(&error)))
                }
                _ => StepError::from(error).context(&format!("describe key {key}")),
            });
        }
    };
    let metadata = described.ok_or_else(|| unusable("has no metadata".to_owned()))?;
    let state = metadata.key_state().map_or("in an unknown state", KeyState::as_str);
    if state != KeyState::Enabled.as_str() {
        return Err(unusable(format!("is {state}: enable it")));
    }
    // Keys of this spec are for encryption alone, so the usage is not checked.
    if metadata.key_spec() != Some(&KeySpec::SymmetricDefault) {
        return Err(unusable("is not symmetric: RDS encrypts with SYMMETRIC_DEFAULT keys only".to_owned()));
    }
    let arn = metadata.arn().ok_or_else(|| unusable("has no ARN".to_owned()))?;
    Ok(arn.to_owned())
}

/// The Region in an ARN; none for an id or an alias.
fn region_of(key: &str) -> Option<&str> {
    key.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2))
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn only_an_arn_has_a_region() {
        assert_eq!(region_of("arn:aws:kms:eu-west-1:1:key/x"), Some("eu-west-1"));
        assert_eq!(region_of("alias/orders"), None);
    }
}
