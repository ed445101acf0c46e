//! The check a request passes before anything else is done with it.
//!
//! In this order: a white address passes without anything; an account must be named and known;
//! the account's white address passes without a signature; the signature must be right; admin
//! requests need an admin; then every topic and group named in the request needs its permission.

use std::net::IpAddr;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use protocol::properties::{java_hash, java_hash_from};
use protocol::topic::RETRY_PREFIX;
use protocol::{Ext, Refusal};
use sha1::{Digest, Sha1};

use crate::permission::Perm;
use crate::resource::{self, Need, Resource};
use crate::rules::{Account, LoadError, Rules};
use crate::sign::ACCESS_KEY;

/// Why a request is refused, in the words of 4.4.0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// The request names no account.
    #[error("No accessKey is configured")]
    NoAccessKey,
    /// The account is unknown.
    #[error("No acl config for {0}")]
    UnknownAccount(String),
    /// The signature is missing or wrong.
    #[error("Check signature failed for accessKey={0}")]
    Signature(String),
    /// The account is no admin.
    #[error("Need admin permission for request code={code}, but accessKey={access_key} is not")]
    AdminNeeded {
        /// The request code.
        code: i32,
        /// The account.
        access_key: String,
    },
    /// The account lacks a permission on a topic.
    #[error("No default permission for topic:{0}")]
    Topic(String),
    /// The account lacks a permission on a group.
    #[error("No default permission for group:{0}")]
    Group(String),
    /// The body that says which topics and groups are meant cannot be read.
    #[error("the body of the request cannot be read: {0}")]
    Body(String),
}

impl From<AclError> for Refusal {
    /// Code 1, with the class name of the Java exception in front of the text.
    fn from(error: AclError) -> Self {
        Self::system_error(format!("org.apache.rocketmq.acl.common.AclException: {error}"))
    }
}

/// Whose requests are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// A broker's.
    Broker,
    /// A name server's, which 4.4.0 never checks.
    NameServer,
}

/// What became of new content for the rules.
#[derive(Debug, PartialEq, Eq)]
pub enum Reload {
    /// It is what was read last.
    Unchanged,
    /// Its rules are in force.
    Applied,
    /// It cannot be used, the rules before stay in force.
    Kept(LoadError),
}

/// The rules in force for one server.
#[derive(Debug)]
pub struct Acl {
    server: Server,
    rules: ArcSwap<Rules>,
    /// Digest of the content read last, good or bad.
    seen: Mutex<[u8; 20]>,
}

impl Acl {
    /// Rules from the content of `plain_acl.yml`. Without usable rules a server must not start.
    pub fn new(server: Server, content: &[u8]) -> Result<Self, LoadError> {
        let rules = Rules::parse(content)?;
        Ok(Self { server, rules: ArcSwap::from_pointee(rules), seen: Mutex::new(digest(content)) })
    }

    /// Takes the file's content again; to be called whenever it may have changed (4.4.0 looks
    /// every 500 ms). Content that was bad is not tried again until it changes.
    pub fn reload(&self, content: &[u8]) -> Reload {
        let digest = digest(content);
        let mut seen = self.seen.lock();
        if *seen == digest {
            return Reload::Unchanged;
        }
        *seen = digest;
        match Rules::parse(content) {
            Ok(rules) => {
                self.rules.store(rules.into());
                Reload::Applied
            }
            Err(error) => Reload::Kept(error),
        }
    }

    /// Checks a request from `remote`.
    pub fn check(&self, code: i32, ext: &Ext, body: &[u8], remote: IpAddr) -> Result<(), AclError> {
        let rules = self.rules.load();
        let Some((access_key, account)) = identify(&rules, ext, remote)? else { return Ok(()) };
        if !account.key.verify(ext, body) {
            return Err(AclError::Signature(access_key.to_owned()));
        }
        match resource::need(self.server, code) {
            None | Some(Need::Nothing) => Ok(()),
            Some(Need::Admin | Need::ResourcesOrAdmin) if account.admin => Ok(()),
            Some(Need::Admin) => {
                Err(AclError::AdminNeeded { code, access_key: access_key.to_owned() })
            }
            Some(Need::Resources | Need::ResourcesOrAdmin) => {
                check_resources(account, code, ext, body)
            }
        }
    }

    /// Checks a permission that shows only while a request is served: the topic of a message that
    /// was asked for by its offset. The request must have passed [`check`](Self::check); an admin
    /// needs no permission here.
    pub fn check_topic(
        &self,
        ext: &Ext,
        remote: IpAddr,
        topic: &str,
        needed: Perm,
    ) -> Result<(), AclError> {
        let rules = self.rules.load();
        let Some((_, account)) = identify(&rules, ext, remote)? else { return Ok(()) };
        let resource = Resource::of_topic(topic);
        if account.admin || account.may(resource, needed) {
            return Ok(());
        }
        Err(denial(resource))
    }
}

fn digest(content: &[u8]) -> [u8; 20] {
    Sha1::digest(content).into()
}

/// The account of a request; none when it needs none.
fn identify<'r, 'e>(
    rules: &'r Rules,
    ext: &'e Ext,
    remote: IpAddr,
) -> Result<Option<(&'e str, &'r Account)>, AclError> {
    if rules.is_white(remote) {
        return Ok(None);
    }
    let access_key = ext.get(ACCESS_KEY).ok_or(AclError::NoAccessKey)?;
    let account =
        rules.account(access_key).ok_or_else(|| AclError::UnknownAccount(access_key.to_owned()))?;
    Ok((!account.white.matches(remote)).then_some((access_key, account)))
}

fn check_resources(account: &Account, code: i32, ext: &Ext, body: &[u8]) -> Result<(), AclError> {
    let mut allowed = true;
    resource::each(code, ext, body, &mut |resource, needed| {
        allowed &= account.may(resource, needed);
    })?;
    if allowed {
        return Ok(());
    }
    first_denial(account, code, ext, body)?.map_or(Ok(()), Err)
}

/// The denial that 4.4.0 reports: it goes through a hash map of all resources, so that the first
/// one in the order of their buckets counts.
fn first_denial(
    account: &Account,
    code: i32,
    ext: &Ext,
    body: &[u8],
) -> Result<Option<AclError>, AclError> {
    let mut hashes = Vec::new();
    let mut denied = Vec::new();
    resource::each(code, ext, body, &mut |resource, needed| {
        let hash = match resource {
            Resource::Topic(topic) => java_hash(topic),
            Resource::Group(group) => java_hash_from(java_hash(RETRY_PREFIX), group),
        };
        hashes.push(hash);
        if !account.may(resource, needed) {
            denied.push((hash, denial(resource)));
        }
    })?;
    hashes.sort_unstable();
    hashes.dedup();
    let mut buckets = 16_usize;
    while hashes.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    let bucket = |hash: i32| {
        let hash = hash.cast_unsigned();
        (hash ^ hash >> 16) as usize & (buckets - 1)
    };
    Ok(denied.into_iter().min_by_key(|(hash, _)| bucket(*hash)).map(|(_, denial)| denial))
}

fn denial(resource: Resource<'_>) -> AclError {
    match resource {
        Resource::Topic(topic) => AclError::Topic(topic.to_owned()),
        Resource::Group(group) => AclError::Group(group.to_owned()),
    }
}
