//! Accounts from `tools.yml`, against a broker that asks for them.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::compare::{Mask, comparable, same_errors};
use super::session::Session;
use crate::backend::Backend;
use crate::cluster::{BROKER_NAME, Node};
use crate::json::Json;
use crate::launch::{Launcher, attach, wait_until};
use crate::wire::Frame;

const RULES: &str = "accounts:
- accessKey: operator
  secretKey: 12345678
  admin: true
- accessKey: onlyreader
  secretKey: 12345678
  admin: false
  defaultTopicPerm: SUB
  defaultGroupPerm: SUB
";

const LIMIT: Duration = Duration::from_secs(60);

/// What `tools.yml` says, and whether the broker lets one change a topic with it.
const FILES: &[(&str, bool)] = &[
    ("accessKey: operator|secretKey: 12345678", true),
    ("accessKey: operator|secretKey: 87654321", false),
    ("accessKey: onlyreader|secretKey: 12345678", false),
    ("accessKey: nobody|secretKey: 12345678", false),
    ("accessKey: operator|secretKey:", false),
    ("accessKey: ' '|secretKey: 12345678", false),
    ("{}", false),
];

pub(super) fn signs_like_java() -> Result<()> {
    let root = tempfile::Builder::new().prefix("compat-acl-").tempdir()?;
    let launcher = Launcher::from_env()?;
    let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
    names.start(Backend::Java)?;
    let home = root.path().join("broker");
    fs::create_dir_all(home.join("conf"))?;
    fs::write(home.join("conf/plain_acl.yml"), RULES)?;
    let mut broker = Node::broker(home, Some(names.address()), &[("aclEnable", "true")], launcher)?;
    broker.start(Backend::Java)?;
    wait_until("the broker's registration", LIMIT, || {
        let answer = names.connect()?.ok(Frame::request(106))?;
        let info = Json::parse(&String::from_utf8(answer.body)?)?;
        Ok(info.get("brokerAddrTable").is_some_and(|table| table.get(BROKER_NAME).is_some()))
    })?;
    let mut session = Session::start(names.address(), broker.address())?;
    let compared =
        FILES.iter().try_for_each(|(file, allowed)| compare(&mut session, file, *allowed));
    attach(compared, || broker.logs())
}

fn compare(session: &mut Session, file: &str, allowed: bool) -> Result<()> {
    session.set_tools_file(file)?;
    for text in [
        "updateTopic -b {broker} -t AclTopic",
        "getBrokerConfig -b {broker}",
        "consumerProgress",
        "checkMsgSendRT -t AclTopic -s 10 -a 2",
    ] {
        let words = session.words(text);
        let (java, ours) = (session.java(&words, LIMIT)?, session.ours(&words, LIMIT)?);
        let masks = [Mask::Paths, Mask::Numbers, Mask::Order];
        let (l, r) = (comparable(&java.out, &masks), comparable(&ours.out, &masks));
        ensure!(l == r, "{file}: {text}\n-- 4.4.0\n{l}\n-- ours\n{r}");
        let same = same_errors(&java.err, &ours.err, &[]);
        ensure!(same, "{file}: {text}\n-- 4.4.0\n{}\n-- ours\n{}", java.err, ours.err);
        if text.starts_with("updateTopic") {
            ensure!(ours.err.is_empty() == allowed, "{file}: {}{}", ours.out, ours.err);
        }
    }
    Ok(())
}
