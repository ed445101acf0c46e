//! `plain_acl.yml`: white addresses and accounts.
//!
//! The file is read as 4.4.0 reads it: member names in any spelling (`access_key`, `AccessKey`),
//! bare numbers as text, unknown members ignored. `defaultTopicPerm` and `defaultGroupPerm` are
//! among the ignored ones: 4.4.0 reads them and never asks them.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use protocol::json;
use protocol::topic::RETRY_PREFIX;

use crate::address::{AddressError, AddressPattern};
use crate::permission::Perm;
use crate::resource::Resource;
use crate::sign::Key;
use crate::yaml::{self, Value};

/// Keys must be longer than this.
const KEY_LENGTH: usize = 6;

/// Why a file cannot be used. Never shows a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It holds nothing.
    #[error("the file has no data")]
    Empty,
    /// It is no YAML.
    #[error("the file cannot be read as YAML: {0}")]
    Yaml(String),
    /// A member has another shape than it should.
    #[error("{member} should be {expected}")]
    Shape {
        /// The member.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A key is missing or short.
    #[error("The accessKey={0} and its secretKey cannot be null and length should longer than 6")]
    Keys(String),
    /// A permission is not `name=PERMISSION`.
    #[error("Parse resource permission failed for {0}")]
    Permission(String),
    /// An address pattern is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// The rules of one file.
#[derive(Debug, Default)]
pub struct Rules {
    global: Vec<AddressPattern>,
    accounts: HashMap<String, Account>,
}

/// One account.
pub(crate) struct Account {
    pub(crate) key: Key,
    pub(crate) white: AddressPattern,
    pub(crate) admin: bool,
    topics: HashMap<String, Perm>,
    groups: HashMap<String, Perm>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, white, admin, topics, groups } = self;
        f.debug_struct("Account")
            .field("white", white)
            .field("admin", admin)
            .field("topics", topics)
            .field("groups", groups)
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads a file.
    pub fn parse(content: &[u8]) -> Result<Self, LoadError> {
        let document = yaml::parse(content).map_err(|error| LoadError::Yaml(error.to_string()))?;
        let Value::Map(members) = document else {
            return Err(match document {
                Value::Null => LoadError::Empty,
                Value::List(items) if items.is_empty() => LoadError::Empty,
                _ => shape("the file", "a map"),
            });
        };
        if members.is_empty() {
            return Err(LoadError::Empty);
        }
        let mut rules = Self::default();
        for (name, value) in members {
            let Value::Text(name) = name else { return Err(shape("a member's name", "text")) };
            match name.as_str() {
                "globalWhiteRemoteAddresses" => {
                    for pattern in texts(value, "globalWhiteRemoteAddresses")? {
                        let pattern = pattern.unwrap_or_default();
                        rules.global.push(AddressPattern::parse(&pattern)?);
                    }
                }
                "accounts" => rules.accounts = accounts(value)?,
                _ => {}
            }
        }
        Ok(rules)
    }

    /// How many accounts there are.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// Whether requests from an address pass without an account.
    #[must_use]
    pub fn is_white(&self, address: IpAddr) -> bool {
        self.global.iter().any(|pattern| pattern.matches(address))
    }

    pub(crate) fn account(&self, access_key: &str) -> Option<&Account> {
        self.accounts.get(access_key)
    }
}

impl Account {
    /// Whether the account has one of the needed permissions. What is not listed is denied.
    pub(crate) fn may(&self, resource: Resource<'_>, needed: Perm) -> bool {
        let owned = match resource {
            Resource::Topic(topic) => self.topics.get(topic),
            Resource::Group(group) => self.groups.get(group),
        };
        owned.is_some_and(|owned| owned.allows(needed))
    }

    fn grant(&mut self, name: &str, perm: Perm) {
        match Resource::of_topic(name) {
            Resource::Topic(topic) => self.topics.insert(topic.to_owned(), perm),
            Resource::Group(group) => self.groups.insert(group.to_owned(), perm),
        };
    }
}

fn shape(member: &'static str, expected: &'static str) -> LoadError {
    LoadError::Shape { member, expected }
}

fn accounts(value: Value) -> Result<HashMap<String, Account>, LoadError> {
    let items = match value {
        Value::Null => Vec::new(),
        Value::List(items) => items,
        _ => return Err(shape("accounts", "a list")),
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::Map(members) => account(members),
            _ => Err(shape("an account", "a map")),
        })
        .collect()
}

fn account(members: Vec<(Value, Value)>) -> Result<(String, Account), LoadError> {
    let (mut access_key, mut secret_key, mut white) = (None, None, None);
    let (mut admin, mut topics, mut groups) = (false, Vec::new(), Vec::new());
    for (name, value) in members {
        let Value::Text(name) = name else { continue };
        let name: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
        match name.to_ascii_lowercase().as_str() {
            "accesskey" => access_key = text(value, "accessKey")?,
            "secretkey" => secret_key = text(value, "secretKey")?,
            "whiteremoteaddress" => white = text(value, "whiteRemoteAddress")?,
            "admin" | "isadmin" => admin = boolean(&value)?,
            "topicperms" => topics = texts(value, "topicPerms")?,
            "groupperms" => groups = texts(value, "groupPerms")?,
            _ => {}
        }
    }
    let long = |key: &String| key.encode_utf16().count() > KEY_LENGTH;
    let (Some(access_key), Some(secret_key)) = (access_key.clone(), secret_key) else {
        return Err(LoadError::Keys(access_key.unwrap_or_else(|| "null".to_owned())));
    };
    if !long(&access_key) || !long(&secret_key) {
        return Err(LoadError::Keys(access_key));
    }
    let mut account = Account {
        key: Key::new(&secret_key),
        white: AddressPattern::parse(white.as_deref().unwrap_or_default())?,
        admin,
        topics: HashMap::new(),
        groups: HashMap::new(),
    };
    // Topics come second: one named as a retry topic wins over the group.
    for item in groups {
        let (group, perm) = permission(item, "group")?;
        account.grant(&[RETRY_PREFIX, group.as_str()].concat(), perm);
    }
    for item in topics {
        let (topic, perm) = permission(item, "topic")?;
        account.grant(&topic, perm);
    }
    Ok((access_key, account))
}

/// `name=PERMISSION`, with any number of equal signs between them.
fn permission(item: Option<String>, kind: &str) -> Result<(String, Perm), LoadError> {
    let item = item.unwrap_or_default();
    let parts: Vec<&str> = item.split('=').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [name, perm] => Ok((name.trim_matches(|c: char| c <= ' ').to_owned(), Perm::parse(perm))),
        _ => Err(LoadError::Permission(format!("{kind}:{item}"))),
    }
}

fn text(value: Value, member: &'static str) -> Result<Option<String>, LoadError> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(value.to_string())),
        Value::Number(text) | Value::Text(text) => Ok(Some(text)),
        Value::List(_) | Value::Map(_) => Err(shape(member, "text")),
    }
}

/// A list of texts, some of which may be null; also as JSON in a text.
fn texts(value: Value, member: &'static str) -> Result<Vec<Option<String>>, LoadError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::List(items) => items.into_iter().map(|item| text(item, member)).collect(),
        Value::Text(text) if text.is_empty() => Ok(Vec::new()),
        Value::Text(text) => json::from_str(&text).map_err(|_| shape(member, "a list")),
        _ => Err(shape(member, "a list")),
    }
}

fn boolean(value: &Value) -> Result<bool, LoadError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        // Java cuts the fraction off.
        Value::Number(text) => {
            Ok(text.parse::<f64>().is_ok_and(|number| (1.0..2.0).contains(&number)))
        }
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "y" => Ok(true),
            "" | "null" | "false" | "0" | "f" => Ok(false),
            _ if text == "T" => Ok(true),
            _ if text == "N" => Ok(false),
            _ => Err(shape("admin", "true or false")),
        },
        _ => Err(shape("admin", "true or false")),
    }
}
