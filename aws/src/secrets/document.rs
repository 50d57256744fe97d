//! The text of a secret: a JSON object of which a few values are read and replaced. No other byte changes: a round trip
//! through a parser's own numbers and maps would round, sort and merge other people's data.

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A database's address, as secrets have it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub host: &'a str,
    pub port: u16,
    pub identifier: &'a str,
}

/// Host and port of an endpoint.
pub type Address = (String, u16);

/// How deep addresses are searched for.
const DEPTH: usize = 50;
/// The port of a secret without one, as in libpq.
const DEFAULT_PORT: u16 = 5432;
/// The identifiers that secrets for rotation have beside the host.
/// Source: AWS Secrets Manager user guide, "JSON structure of database credential secrets".
const IDENTIFIERS: [&str; 2] = ["dbInstanceIdentifier", "dbClusterIdentifier"];

#[derive(Clone)]
pub struct Document {
    text: String,
    members: Vec<Member>,
}

/// A top-level key, once for each occurrence: parsers differ in which of two they take.
#[derive(Clone)]
struct Member {
    key: String,
    /// The value's text.
    value: String,
    /// The value's position in the text.
    at: Range<usize>,
}

impl Document {
    /// None if the text is not a JSON object.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Members(raw) = serde_json::from_str(text).ok()?;
        let members = raw.into_iter().map(|(key, raw)| {
            let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
            Member { key, value: raw.get().to_owned(), at: start..start + raw.get().len() }
        });
        Some(Self { members: members.collect(), text: text.to_owned() })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The top-level keys.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.key.as_str()).collect()
    }

    /// A value that is a non-empty string.
    #[must_use]
    pub fn string(&self, key: &str) -> Option<String> {
        self.named(key).last().and_then(Member::string).filter(|text| !text.is_empty())
    }

    fn named(&self, key: &str) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.key == key)
    }

    /// Whether `host` and `port` are those of this database.
    #[must_use]
    pub fn points_at(&self, place: &Place<'_>) -> bool {
        let mut hosts = self.named("host").peekable();
        let mut ports = self.named("port");
        hosts.peek().is_some()
            && hosts.all(|member| member.string().is_some_and(|host| same_name(&host, place.host)))
            && ports.all(|member| member.port() == Some(place.port))
            && (self.named("port").next().is_some() || place.port == DEFAULT_PORT)
    }

    /// The same text with one database's address replaced by another's. `port` keeps its type.
    #[must_use]
    pub fn pointed_at(&self, from: &Place<'_>, to: &Place<'_>) -> Self {
        let mut text = self.text.clone();
        // From the end, so that earlier positions stay valid.
        for member in self.members.iter().rev() {
            let value = match member.key.as_str() {
                "host" => Value::from(to.host).to_string(),
                "port" if member.port() == Some(to.port) => continue,
                "port" if member.string().is_some() => Value::from(to.port.to_string()).to_string(),
                "port" => to.port.to_string(),
                _ if member.is_identifier(from) => Value::from(to.identifier).to_string(),
                _ => continue,
            };
            text.replace_range(member.at.clone(), &value);
            if member.key == "host" && to.port != DEFAULT_PORT && self.named("port").next().is_none() {
                let behind = member.at.start + value.len();
                text.insert_str(behind, &format!(",\"port\":{}", to.port));
            }
        }
        Self::parse(&text).unwrap_or_else(|| self.clone())
    }

    /// The paths at which one of these addresses occurs.
    #[must_use]
    pub fn places(&self, addresses: &[Address]) -> Vec<String> {
        let mut found = Vec::new();
        self.members.iter().for_each(|member| find(&member.value, &member.key, addresses, &mut found, DEPTH));
        found
    }

    /// The paths of other occurrences of these addresses, which are not changed to the target's.
    #[must_use]
    pub fn other_places(&self, from: &Place<'_>, addresses: &[Address]) -> Vec<String> {
        let mut found = Vec::new();
        for member in &self.members {
            if !matches!(member.key.as_str(), "host" | "port") && !member.is_identifier(from) {
                find(&member.value, &member.key, addresses, &mut found, DEPTH);
            }
        }
        found
    }
}

impl Member {
    fn string(&self) -> Option<String> {
        serde_json::from_str(&self.value).ok()
    }

    /// People write it as a number or as a string.
    fn port(&self) -> Option<u16> {
        if self.value == "null" {
            return Some(DEFAULT_PORT);
        }
        self.string().unwrap_or_else(|| self.value.clone()).trim().parse().ok()
    }

    fn is_identifier(&self, from: &Place<'_>) -> bool {
        IDENTIFIERS.contains(&self.key.as_str()) && self.string().is_some_and(|identifier| identifier.eq_ignore_ascii_case(from.identifier))
    }
}

/// Host names are case-insensitive, and may end in a dot.
fn same_name(one: &str, other: &str) -> bool {
    one.trim().trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

/// Reads level by level, and no numbers: they can be larger than any of Rust's types.
fn find(value: &str, path: &str, addresses: &[Address], found: &mut Vec<String>, depth: usize) {
    if depth == 0 {
        return;
    }
    if let Ok(text) = serde_json::from_str::<String>(value) {
        if addresses.iter().any(|address| mentions(&text, address)) {
            found.push(path.to_owned());
        }
    } else if let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(value) {
        for (place, value) in values.into_iter().enumerate() {
            find(value.get(), &format!("{path}[{place}]"), addresses, found, depth - 1);
        }
    } else if let Ok(Members(values)) = serde_json::from_str(value) {
        for (key, value) in values {
            find(value.get(), &format!("{path}.{key}"), addresses, found, depth - 1);
        }
    }
}

/// Whether a text has the host as a complete name, not followed by another port.
fn mentions(text: &str, (host, port): &Address) -> bool {
    let (text, host) = (text.to_ascii_lowercase(), host.to_ascii_lowercase());
    let is_of_a_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    text.match_indices(&host).any(|(at, _)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + host.len()..).unwrap_or_default());
        let begins = !before.ends_with(is_of_a_name) || ends_in_an_escape(before);
        let after = after.strip_prefix('.').filter(|rest| !rest.starts_with(is_of_a_name)).unwrap_or(after);
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        let other_port = after.strip_prefix(':').map(digits).is_some_and(|digits| !digits.is_empty() && digits.parse() != Ok(*port));
        begins && !after.starts_with(is_of_a_name) && !other_port
    })
}

/// As in `%2f`: an address in a URL in a URL.
fn ends_in_an_escape(text: &str) -> bool {
    let mut end = text.bytes().rev();
    let escaped = end.next().is_some_and(|byte| byte.is_ascii_hexdigit()) && end.next().is_some_and(|byte| byte.is_ascii_hexdigit());
    escaped && end.next() == Some(b'%')
}

/// All members of an object in order, with the values' texts.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Err(E::custom("no object"))
            }
        }
        deserializer.deserialize_map(Reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Place = Place { host: "orders.abc.eu-central-1.rds.amazonaws.com", port: 5432, identifier: "orders" };
    const NEW: Place = Place { host: "orders-enc.abc.eu-central-1.rds.amazonaws.com", port: 6000, identifier: "orders-enc" };

    fn document(text: &str) -> Document {
        Document::parse(text).unwrap()
    }

    fn pointed_at(text: &str) -> String {
        document(text).pointed_at(&OLD, &NEW).text().to_owned()
    }

    #[test]
    fn only_host_and_port_change() {
        let rest = " \"z\" : 123456789012345678901234, \"a\":1.10,\n\t\"\\u0068ost2\":\"\\/\", \"dup\":1,\"dup\":2, \"big\":[1e400,{\"n\":-1E+999}], \"f\":0.1000000000000000055511151231257827";
        let before = format!("{{{rest}, \"host\" :\t\"{}\",\"port\": \"5432\" ,\"dbInstanceIdentifier\":\"Orders\"}}\n", OLD.host);
        let after = format!("{{{rest}, \"host\" :\t\"{}\",\"port\": \"6000\" ,\"dbInstanceIdentifier\":\"orders-enc\"}}\n", NEW.host);
        assert_eq!(pointed_at(&before), after);
        assert!(document(&after).points_at(&NEW) && document(&before).points_at(&OLD) && !document(&before).points_at(&NEW));
        // And back again.
        assert_eq!(document(&after).pointed_at(&NEW, &OLD).text(), before.replace("Orders", "orders"));
    }

    #[test]
    fn a_port_keeps_its_type_and_is_added_if_needed() {
        let text = |port: &str, host: &str| format!("{{\"host\":\"{host}\"{port},\"x\":1}}");
        for (before, after) in [
            (",\"port\":5432", ",\"port\":6000"),
            (",\"port\":\"5432\"", ",\"port\":\"6000\""),
            ("", ",\"port\":6000"),
            (",\"port\":null", ",\"port\":6000"),
        ] {
            assert!(document(&text(before, OLD.host)).points_at(&OLD), "{before}");
            assert_eq!(pointed_at(&text(before, OLD.host)), text(after, NEW.host));
        }
        let same_port = Place { port: 5432, ..NEW };
        assert_eq!(document(&text("", OLD.host)).pointed_at(&OLD, &same_port).text(), text("", NEW.host));
    }

    #[test]
    fn both_occurrences_of_a_key_count() {
        let twice = format!("{{\"host\":\"{0}\",\"h\\u006fst\":\"{0}\"}}", OLD.host);
        assert!(document(&twice).points_at(&OLD));
        assert_eq!(pointed_at(&twice).matches(NEW.host).count(), 2);
        assert!(!document(&format!("{{\"host\":\"{}\",\"host\":\"elsewhere\"}}", OLD.host)).points_at(&OLD));
    }

    #[test]
    fn host_names_are_case_insensitive() {
        assert!(document(&format!("{{\"host\":\"{}.\"}}", OLD.host.to_uppercase())).points_at(&OLD));
    }

    #[test]
    fn an_address_is_found_at_any_path() {
        let reader = ("orders.cluster-ro-abc.eu-central-1.rds.amazonaws.com".to_owned(), 5432);
        let addresses = [(OLD.host.to_owned(), OLD.port), reader.clone()];
        let text = serde_json::json!({
            "host": OLD.host, "port": 5432, "dbInstanceIdentifier": "orders", "username": "orders", "engine": "postgres",
            "url": format!("postgres://m:p%40@{}:5432/app", OLD.host),
            "jdbc": format!("jdbc:postgresql://{}/app?ssl=true", OLD.host.to_uppercase()),
            "readerHost": reader.0,
            "pools": [{"size": 4}, {"dsn": format!("host={} port=5432", OLD.host)}],
            "next": format!("https://x/?to=postgres%3A%2F%2F{}", OLD.host),
            "cache": format!("{}:6379", OLD.host),
            "other": format!("my-{}", OLD.host),
            "longer": format!("{}.example", OLD.host),
        });
        let found = document(&text.to_string()).other_places(&OLD, &addresses);
        assert_eq!(found, ["jdbc", "next", "pools[1].dsn", "readerHost", "url"]);
        assert_eq!(
            document("{\"host\":\"a\",\"Host\":\"b:1\"}").other_places(&Place { host: "b", port: 1, identifier: "" }, &[("b".to_owned(), 1)]),
            ["Host"]
        );
    }

    #[test]
    fn only_objects_are_parsed() {
        for text in ["", "null", "[]", "\"text\"", "{\"a\":1} x", "{\"a\":}", "{\"a\":1,}"] {
            assert!(Document::parse(text).is_none(), "{text}");
        }
    }
}
