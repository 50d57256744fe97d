//! Whether the target will reach the source: it gets the source's security groups, and a group does not let itself in by default.
//!
//! Network ACLs and routes are not checked.

use std::net::IpAddr;

use ipnet::Ipv4Net;
use postgres::connect::resolve;
use shared::contract::{Network, NetworkRules, Rule, Source};
use shared::error::Result;
use shared::finding::{Findings, list};

const NAME: &str = "NetworkPath";

pub(crate) async fn check(source: &Source, network: &Network, seen: &NetworkRules, findings: &mut Findings) -> Result<()> {
    check_rules(source.port, network, seen, findings);
    if source.is_public {
        check_address(&source.host, resolve(&source.host).await?, findings);
    }
    Ok(())
}

/// Whether rules let a connection through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Open,
    Closed,
    Untold(&'static str),
}

fn check_rules(port: u16, network: &Network, seen: &NetworkRules, findings: &mut Findings) {
    let groups = list(&network.security_groups);
    if let Some(why) = &seen.unread {
        let found = format!("whether security groups {groups} let the target reach the source is not known: {why}");
        return findings.warn(NAME, found, "", "make sure that they let themselves in, on the source's port");
    }
    let Some(group) = network.security_groups.first() else { return };
    let described = [(false, "in", "ingress"), (true, "out", "egress")].map(|(is_egress, way, direction)| {
        let remedy = format!(
            "aws ec2 authorize-security-group-{direction} --group-id {group} --ip-permissions \
             'IpProtocol=tcp,FromPort={port},ToPort={port},UserIdGroupPairs=[{{GroupId={group}}}]'"
        );
        (path(is_egress, network, seen), way, remedy)
    });
    for (path, way, remedy) in &described {
        let found = format!("the target gets security groups {groups}, and none of their rules lets it {way} on port {port}");
        match path {
            Path::Open => {}
            Path::Closed => findings.refuse(NAME, format!("{found}: it could not reach the source"), "", remedy),
            Path::Untold(why) => findings.warn(NAME, format!("{found}, as far as known: {why}"), "", remedy),
        }
    }
    if described.iter().all(|(path, ..)| *path == Path::Open) {
        findings.fine(NAME, format!("security groups {groups} let the target reach the source on port {port}"));
    }
}

/// The target may be placed in any subnet of the source's group.
fn path(is_egress: bool, network: &Network, seen: &NetworkRules) -> Path {
    let rules: Vec<&Rule> = seen.for_port.iter().filter(|rule| rule.is_egress == is_egress).collect();
    let names_a_group = |rule: &&&Rule| rule.peer_group.as_ref().is_some_and(|peer| network.security_groups.contains(peer));
    let networks: Vec<Ipv4Net> = rules.iter().filter_map(|rule| rule.cidr.as_deref()?.parse().ok()).collect();
    let of_ipv6 = |rule: &&Rule| rule.cidr.is_none() && rule.peer_group.is_none() && rule.prefix_list.is_none();
    let subnets = &seen.subnet_cidrs;
    if rules.iter().any(|rule| names_a_group(&rule)) || (!subnets.is_empty() && subnets.iter().all(|subnet| covers(&networks, subnet))) {
        Path::Open
    } else if subnets.iter().any(|subnet| covers(&networks, subnet)) {
        Path::Untold("the rules allow networks that hold some of the subnets, and it may be placed in another one")
    } else if rules.iter().any(of_ipv6) {
        Path::Untold("rules for IPv6 are not read")
    } else if rules.iter().any(|rule| rule.prefix_list.is_some()) {
        Path::Untold("prefix lists are not read")
    } else if !seen.are_all {
        Path::Untold("not all rules were read")
    } else {
        Path::Closed
    }
}

/// Whether the subnet lies in the networks, adjacent ones taken together.
fn covers(networks: &[Ipv4Net], subnet: &str) -> bool {
    let networks = Ipv4Net::aggregate(&networks.to_vec());
    subnet.parse().is_ok_and(|subnet: Ipv4Net| networks.iter().any(|network| network.contains(&subnet)))
}

/// A public endpoint has a private address within the VPC, where the VPC's DNS resolves it; RDS's own hosts were seen to use the public
/// one.
fn check_address(host: &str, address: IpAddr, findings: &mut Findings) {
    let is_private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(_) => false,
    };
    if is_private {
        findings.fine(
            "PublicEndpoint",
            format!("{host} is publicly accessible: the target is given {address}, as the functions resolve it, and tries that first"),
        );
    } else {
        let found = format!("{host} is publicly accessible, and the functions see {address}: security groups that name groups do not let that in");
        let remedy = "put the functions into the VPC of the source with its DNS (enableDnsSupport, enableDnsHostnames), or turn public access off";
        findings.warn("PublicEndpoint", found, "", remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn path_by(rules: Value, are_all: bool) -> [Path; 2] {
        let network = Network { security_groups: vec!["sg-1".to_owned(), "sg-2".to_owned()], subnets: Vec::new() };
        let subnet_cidrs = ["10.0.0.0/24", "10.0.1.0/24"].map(str::to_owned).to_vec();
        let seen = NetworkRules { for_port: serde_json::from_value(rules).unwrap(), are_all, subnet_cidrs, unread: None };
        [false, true].map(|is_egress| path(is_egress, &network, &seen))
    }

    fn ingress(rule: Value) -> Path {
        let mut rules = vec![json!({"is_egress": true, "cidr": "0.0.0.0/0"}), rule];
        rules[1]["is_egress"] = json!(false);
        let [ingress, egress] = path_by(rules.into(), true);
        assert_eq!(egress, Path::Open);
        ingress
    }

    #[test]
    fn a_group_lets_itself_in_only_where_a_rule_says_so() {
        assert_eq!(path_by(json!([]), true), [Path::Closed; 2]);
        assert_eq!(ingress(json!({"peer_group": "sg-2"})), Path::Open);
        assert_eq!(ingress(json!({"peer_group": "sg-of-the-application"})), Path::Closed);
    }

    #[test]
    fn networks_let_in_where_they_cover_every_subnet() {
        assert_eq!(ingress(json!({"cidr": "10.0.0.0/16"})), Path::Open);
        assert_eq!(ingress(json!({"cidr": "10.9.0.0/16"})), Path::Closed);
        let halves = json!([{"is_egress": false, "cidr": "10.0.0.0/24"}, {"is_egress": false, "cidr": "10.0.1.0/24"}]);
        assert_eq!(path_by(halves, true)[0], Path::Open);
    }

    #[test]
    fn what_was_not_read_may_let_it_in() {
        assert!(matches!(ingress(json!({"cidr": "10.0.0.0/24"})), Path::Untold(why) if why.contains("some of the subnets")));
        assert_eq!(ingress(json!({})), Path::Untold("rules for IPv6 are not read"));
        assert_eq!(ingress(json!({"prefix_list": "pl-1"})), Path::Untold("prefix lists are not read"));
        assert_eq!(path_by(json!([]), false), [Path::Untold("not all rules were read"); 2]);
    }

    #[test]
    fn only_what_is_private_can_be_let_in_by_its_group() {
        let described = |address: &str| {
            let mut findings = Findings::default();
            check_address("h", address.parse().unwrap(), &mut findings);
            serde_json::to_value(findings).unwrap()[0]["verdict"].clone()
        };
        assert_eq!(["10.1.2.3", "3.120.0.1", "2a05:d014::1"].map(described), ["fine", "warn", "warn"]);
    }
}
