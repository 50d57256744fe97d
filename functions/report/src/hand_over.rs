//! Tasks that are left for a person, with their commands. Values from elsewhere are quoted in them.

use serde_json::json;
use shared::contract::Kind;
use shared::input::AfterSource;
use shared::names::{APPROVE_TAG, APPROVED_BY_TAG};

use crate::answers::Plan;
use crate::report::{Outcome, Report, Target, Task};

/// In the order in which to do them; none where nothing is left.
pub(crate) fn tasks(report: &Report, plan: Option<&Plan>) -> Vec<Task> {
    let is_asked = report.approval.as_ref().is_some_and(|approval| approval.needed && approval.first_seen_at.is_none());
    match (report.outcome, plan) {
        (Outcome::Encrypted, Some(plan)) => {
            let mut tasks = Vec::new();
            if report.leads_application == Some(false) {
                tasks.extend(report.target.as_ref().map(lead_application));
            }
            // The tasks that keep the configuration come before the one that deletes the old database.
            tasks.extend([terraform(plan), cloudformation(plan), old_database(plan)]);
            tasks
        }
        (Outcome::Running, Some(plan)) if is_asked => vec![approval(report, plan)],
        (Outcome::Planned | Outcome::Refused | Outcome::Undone, _) => vec![start_again(report)],
        (Outcome::NeedsYou, _) => vec![undo(report)],
        (Outcome::Stopped, _) => vec![find_undo(report)],
        _ => Vec::new(),
    }
}

fn lead_application(target: &Target) -> Task {
    let address = match (&target.endpoint, target.port) {
        (Some(endpoint), Some(port)) => format!("{endpoint}:{port}"),
        _ => target.identifier.clone(),
    };
    task(
        "Point the application at the new database, now",
        "The input named no secret to switch, and the source has refused writes since the cutover. Users, passwords and databases are the \
         same on the target; only host and port differ.",
        format!("# Host and port for the application's configuration:\n{address}"),
    )
}

fn old_database(plan: &Plan) -> Task {
    let identifier = quoted(&plan.source.identifier);
    let (what, option, snapshot) =
        if plan.source.kind.is_cluster() { ("cluster", "db-cluster", "db-cluster-snapshot") } else { ("instance", "db-instance", "db-snapshot") };
    if plan.after.source == AfterSource::Delete {
        let last = quoted(&plan.names.last);
        return task(
            "Delete the final snapshot of the source",
            "It is under the old key, or unencrypted as the source was. The run does not need it any more.",
            format!("aws rds delete-{snapshot} --{snapshot}-identifier {last}"),
        );
    }
    let members = if plan.source.kind == Kind::Aurora {
        format!(
            "# Delete the members first, one by one:\n\
             aws rds describe-db-clusters --db-cluster-identifier {identifier} \\\n    --query 'DBClusters[0].DBClusterMembers[].DBInstanceIdentifier' --output text\n\
             aws rds delete-db-instance --skip-final-snapshot --db-instance-identifier \"$MEMBER\"\n"
        )
    } else {
        String::new()
    };
    Task {
        title: format!("Delete the source {what} once nobody needs it"),
        why: "Until then it keeps the state at the switch: readable, and fenced against writes. A final snapshot of it would be under the \
              old key, or unencrypted as it is; the command takes none. RDS deletes its automated backups with it, unless \
              --no-delete-automated-backups is given: they are under the old key as well."
            .to_owned(),
        commands: format!("{members}aws rds delete-{option} --skip-final-snapshot --{option}-identifier {identifier}"),
    }
}

/// Source: Terraform language documentation, "Import existing resources", "Remove a resource from state"; AWS provider, `aws_db_instance`
/// and `aws_rds_cluster`, "Import".
fn terraform(plan: &Plan) -> Task {
    let (kind, identifier) =
        if plan.source.kind.is_cluster() { ("aws_rds_cluster", "cluster_identifier") } else { ("aws_db_instance", "identifier") };
    let (target, key) = (hcl(&plan.target), hcl(&plan.kms_key_arn));
    let members = if plan.source.kind == Kind::Aurora {
        format!(
            "\n# Then each member in the list, an aws_rds_cluster_instance. First set its identifier to the listed name, since with another one\n\
             # Terraform replaces it:\n\
             aws rds describe-db-clusters --db-cluster-identifier {} \\\n    --query 'DBClusters[0].DBClusterMembers[].DBInstanceIdentifier' --output text\n\
             terraform state rm \"$MEMBER_ADDRESS\" && terraform import \"$MEMBER_ADDRESS\" \"$MEMBER\"",
            quoted(&plan.target)
        )
    } else {
        String::new()
    };
    task(
        "Terraform: make the resource manage the new database",
        "Do this before the source is deleted: otherwise the next apply creates an empty database in its place, and any apply before that \
         removes the tag that marks it as moved. Edit the resource, move the state, and check that the plan replaces and destroys nothing. \
         It may show attributes that an import does not set (password, skip_final_snapshot) and the run's tags; ignore_tags hides the tags.",
        format!(
            "# In the resource {kind}:\n\
             #   {identifier} = {target}\n\
             #   storage_encrypted = true\n\
             #   kms_key_id = {key}\n\
             # In the provider: ignore_tags {{ key_prefixes = [\"rds-reencrypt:\"] }}\n\
             terraform state list | grep -F {kind}\n\
             ADDRESS={kind}.NAME    # from the list\n\
             terraform state rm \"$ADDRESS\"\n\
             terraform import \"$ADDRESS\" {}{members}\n\
             terraform plan\n\
             \n\
             # Or in the configuration, with a new name for the resource (Terraform 1.7):\n\
             removed {{\n  from = {kind}.OLD\n  lifecycle {{\n    destroy = false\n  }}\n}}\n\
             import {{\n  to = {kind}.NEW\n  id = {target}\n}}",
            quoted(&plan.target)
        ),
    )
}

/// Source: AWS CloudFormation user guide, "Import AWS resources into a CloudFormation stack with a resource import".
fn cloudformation(plan: &Plan) -> Task {
    let (kind, identifier) =
        if plan.source.kind.is_cluster() { ("AWS::RDS::DBCluster", "DBClusterIdentifier") } else { ("AWS::RDS::DBInstance", "DBInstanceIdentifier") };
    let import = json!([{
        "ResourceType": kind,
        "LogicalResourceId": "EncryptedDatabase",
        "ResourceIdentifier": {identifier: plan.target},
    }]);
    let members = if plan.source.kind == Kind::Aurora { " Members, AWS::RDS::DBInstance, are imported with it, in the same list." } else { "" };
    Task {
        title: "CloudFormation: import the new database into the stack".to_owned(),
        why: format!(
            "A stack takes over existing resources by a change set of type IMPORT, and releases those it has to retain.{members} The resource of \
             the target needs its own logical id, DeletionPolicy: Retain, StorageEncrypted: true and the key."
        ),
        commands: format!(
            "# 1. Give the old resource DeletionPolicy: Retain and UpdateReplacePolicy: Retain, and update the stack.\n\
             # 2. Remove the old resource, and each Ref and GetAtt that names it, from the template, and update the stack: it releases\n\
             #    the database, which stays.\n\
             # 3. Add the new resource to the template, as above, and import it. A stack with parameters needs --parameters\n\
             #    ParameterKey=...,UsePreviousValue=true for each, one with roles --capabilities CAPABILITY_NAMED_IAM.\n\
             aws cloudformation create-change-set --stack-name \"$STACK\" --change-set-name encrypted-database \\\n    \
             --change-set-type IMPORT --template-body file://template.yaml \\\n    --resources-to-import {}\n\
             aws cloudformation wait change-set-create-complete --stack-name \"$STACK\" --change-set-name encrypted-database\n\
             aws cloudformation execute-change-set --stack-name \"$STACK\" --change-set-name encrypted-database\n\
             aws cloudformation wait stack-import-complete --stack-name \"$STACK\"\n\
             aws cloudformation detect-stack-drift --stack-name \"$STACK\"",
            quoted(&import.to_string())
        ),
    }
}

fn approval(report: &Report, plan: &Plan) -> Task {
    // The target is in the source's Region and account.
    let arn = plan.source.arn.rsplit_once(':').map_or_else(String::new, |(head, _)| format!("{head}:{}", plan.target));
    task(
        "Approve the cutover",
        "The target follows the source, and its rows are verified. Without the tag the run eventually rolls back.",
        format!(
            "aws rds add-tags-to-resource --resource-name {} --tags \\\n    {} \\\n    {}",
            quoted(&arn),
            quoted(&format!("Key={APPROVE_TAG},Value={}", report.execution.name)),
            quoted(&format!("Key={APPROVED_BY_TAG},Value=YOUR NAME"))
        ),
    )
}

fn start_again(report: &Report) -> Task {
    let mut input = report.execution.input.clone();
    let why = match report.outcome {
        Outcome::Planned => "This was only the plan; nothing was changed.",
        Outcome::Refused => "Nothing was created or changed. Once the refused conditions are fixed:",
        _ => "Everything that the run had made is gone, and the source is as it was. Follow the runbook's paragraph for the error; then:",
    };
    if let Some(input) = input.as_object_mut() {
        input.remove("plan_only");
    }
    task("Start the run", why, start(report, &input.to_string()))
}

fn undo(report: &Report) -> Task {
    let mut input = report.execution.input.clone();
    // The event of a stop already names the execution to undo.
    if let Some(input) = input.as_object_mut().filter(|input| !input.contains_key("detail")) {
        input.entry("undo").or_insert_with(|| json!(report.execution.arn));
    }
    task(
        "Check what is left, and roll it back",
        "The cause names it, and the runbook has a paragraph for the error. Once the obstacle is gone, another execution rolls \
         this one back, or completes it if its source is already fenced.",
        start(report, &input.to_string()),
    )
}

fn find_undo(report: &Report) -> Task {
    task(
        "Check that the execution that undoes this one succeeds",
        "EventBridge has started it. It removes everything that this one had made, or completes it if the source is fenced; its report is under its \
         own name.",
        format!("aws stepfunctions list-executions --max-items 10 --state-machine-arn {}", quoted(&machine_of(&report.execution.arn))),
    )
}

/// An execution's ARN names its state machine.
fn machine_of(arn: &str) -> String {
    let (head, tail) = arn.split_once(":execution:").unwrap_or_default();
    format!("{head}:stateMachine:{}", tail.split(':').next().unwrap_or_default())
}

fn start(report: &Report, input: &str) -> String {
    let machine = quoted(&machine_of(&report.execution.arn));
    format!("aws stepfunctions start-execution --state-machine-arn {machine} \\\n    --input {}", quoted(input))
}

fn task(title: &str, why: &str, commands: String) -> Task {
    Task { title: title.to_owned(), why: why.to_owned(), commands }
}

/// Quotes any text as one word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Quotes text as a string of Terraform's language, in one line.
fn hcl(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\r', r"\r");
    format!("\"{}\"", escaped.replace("${", "$${").replace("%{", "%%{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_to_the_shell_and_one_string_to_terraform() {
        assert_eq!(quoted("orders'; rm -rf $HOME\n"), "'orders'\\''; rm -rf $HOME\n'");
        assert_eq!(hcl("a\"b\\${c}\n%{d}"), r#""a\"b\\$${c}\n%%{d}""#);
    }
}
