//! The client of this repository where it meets what brokers may be set to: accounts, encryption,
//! SQL filters. Its common ways are tried beside those of the stock client.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::{Cluster, Node, Spec};
use crate::java::{Client, Program};
use crate::launch::{Launcher, attach};

const PATIENCE: Duration = Duration::from_secs(90);
const RULES: &str = "
accounts:
- accessKey: application
  secretKey: secret-of-application
  topicPerms:
  - Signed=PUB|SUB
  groupPerms:
  - CG_push_Signed=SUB
  - CG_pull_Signed=SUB
";

pub(super) fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for (with, side) in [("ours", right as fn(_) -> _), ("reference", left)] {
        all.push(trial(format!("native_client::signs_{with}"), move || signs(side(pair()?))));
        all.push(trial(format!("native_client::filters_by_sql_{with}"), move || {
            filters_by_sql(side(pair()?))
        }));
        all.push(trial(format!("native_client::encrypts_{with}"), move || encrypts(side(pair()?))));
    }
    all
}

fn left((left, _): (Products, Products)) -> Products {
    left
}

fn right((_, right): (Products, Products)) -> Products {
    right
}

/// Runs commands; the last line of the last one.
fn run(program: &mut Program, commands: &[&str]) -> Result<String> {
    let mut last = String::new();
    for command in commands {
        ensure!(last.is_empty() || last == "DONE", "{last}");
        program.tell(&command.replace(' ', "\t").replace('_', " "))?;
        let lines =
            program.lines_until(PATIENCE, |line| line == "DONE" || line.starts_with("FAILED"))?;
        last = lines.last().cloned().unwrap_or_default();
    }
    Ok(last)
}

fn filters_by_sql(products: Products) -> Result<()> {
    let properties = &[("enablePropertyFilter", "true")];
    let cluster = Cluster::start(&Spec { properties, ..Spec::of(products)? })?;
    let address = cluster.name_server()?.address();
    let filtered = || -> Result<()> {
        let mut program = Client::Native.start("Clients", &[&address])?;
        let commands = [
            "send sync Filtered 12",
            "consume push Filtered sql:number_>_7_AND_TAGS_=_'all' 4",
            "consume pull Filtered all 12",
        ];
        let end = run(&mut program, &commands)?;
        ensure!(end == "DONE", "{end}");
        // The broker is asked whether it can work with an expression before anything is read.
        let refused = run(&mut program, &["consume broadcast Filtered sql:number_> 1"])?;
        ensure!(refused.contains("DESC"), "{refused}");
        Ok(())
    };
    attach(filtered(), || cluster.logs())
}

fn signs(products: Products) -> Result<()> {
    let root = tempfile::Builder::new().prefix("compat-acl-").tempdir()?;
    let launcher = Launcher::from_env()?;
    let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
    names.start(products.name_server)?;
    let home = root.path().join("broker");
    fs::create_dir_all(home.join("conf"))?;
    fs::write(home.join("conf/plain_acl.yml"), RULES)?;
    let properties = &[("aclEnable", "true")];
    let mut broker = Node::broker(home, Some(names.address()), properties, launcher)?;
    broker.start(products.broker)?;
    let address = names.address();
    let tried = || -> Result<()> {
        let account = [&address, "application", "secret-of-application"];
        let mut known = Client::Native.start("Clients", &account)?;
        let commands =
            ["send sync Signed 12", "consume push Signed * 12", "consume pull Signed * 12"];
        // The broker is registered some time after it is up.
        let end = run(&mut known, &commands)?;
        ensure!(end == "DONE", "{end}");
        let denied = run(&mut known, &["send sync Unlisted 1"])?;
        ensure!(denied.contains("No default permission"), "{denied}");
        for account in [&[address.as_str()][..], &[&address, "application", "guessed"]] {
            let mut stranger = Client::Native.start("Clients", account)?;
            let refused = run(&mut stranger, &["send sync Signed 1"])?;
            ensure!(refused.starts_with("FAILED"), "{account:?}: {refused}");
        }
        Ok(())
    };
    attach(tried(), || broker.logs())
}

fn encrypts(products: Products) -> Result<()> {
    let cluster = Cluster::start(&Spec::of(products)?)?;
    let address = cluster.name_server()?.address();
    let tried = || -> Result<()> {
        let mut program = Client::Native.start("Clients", &[&address, "tls"])?;
        let commands = ["send sync Secret 12", "consume push Secret * 12"];
        let end = run(&mut program, &commands)?;
        ensure!(end == "DONE", "{end}");
        Ok(())
    };
    attach(tried(), || cluster.logs())
}
