//! Access control of the stock client: the same accounts may do the same on both sides, and are
//! refused with the same words.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, Products, pair};
use crate::cluster::Node;
use crate::java::{Client, Program};
use crate::launch::{Launcher, attach};

const PATIENCE: Duration = Duration::from_secs(60);
const PROPERTIES: &[(&str, &str)] = &[("aclEnable", "true"), ("messageDelayLevel", "1s 2s")];
const RULES: &str = "
accounts:
- accessKey: producer
  secretKey: secret-of-producer
  topicPerms:
  - AclTopic=PUB
  - AclDenied=DENY
- accessKey: consumer
  secretKey: secret-of-consumer
  topicPerms:
  - AclTopic=PUB|SUB
  groupPerms:
  - CG_acl=SUB
- accessKey: operator
  secretKey: secret-of-operator
  admin: true
  topicPerms:
  - AclTopic=PUB|SUB
- accessKey: neighbour
  secretKey: secret-of-neighbour
  whiteRemoteAddress: 127.0.0.*
";
/// Accounts, and what they try.
const TRIED: [(&str, &str); 18] = [
    ("operator", "topic\t$broker\tAclTopic"),
    ("producer", "send\tAclTopic\tfirst"),
    ("producer", "send\tAclDenied"),
    ("producer", "send\tAclUnlisted"),
    ("producer", "topic\t$broker\tAclOther"),
    ("producer", "pull\tCG_acl\tAclTopic"),
    ("consumer", "pull\tCG_other\tAclTopic"),
    ("consumer", "pull\tCG_acl\tAclTopic"),
    ("consumer", "consume\tCG_acl\tAclTopic\t1"),
    ("consumer", "view\tAclTopic\tmine"),
    ("", "send\tAclTopic"),
    ("", "topic\t$broker\tAclOther"),
    ("stranger", "send\tAclTopic"),
    ("neighbour", "send\tAclAnything"),
    ("neighbour", "topic\t$broker\tAclOther"),
    ("operator", "send\tAclUnlisted"),
    ("operator", "send\tAclTopic"),
    ("operator", "batch\tAclTopic"),
];

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("acl::same_on_both", || same_on_both(Client::Java)),
        trial("acl::no_start_without_rules", || {
            let (left, right) = pair()?;
            no_start(left.broker)?;
            no_start(right.broker)
        }),
    ]
}

/// What a client sees is the same on both sides.
pub(super) fn same_on_both(client: Client) -> Result<()> {
    let (left, right) = pair()?;
    let (left, right) = (one_side(client, left)?, one_side(client, right)?);
    ensure!(left == right, "reference:\n{left}\nunder test:\n{right}");
    Ok(())
}

/// A broker's folder with rules in it.
fn write_rules(home: &Path, rules: &str) -> Result<()> {
    fs::create_dir_all(home.join("conf"))?;
    Ok(fs::write(home.join("conf/plain_acl.yml"), rules)?)
}

fn one_side(client: Client, products: Products) -> Result<String> {
    let root = tempfile::Builder::new().prefix("compat-acl-").tempdir()?;
    let launcher = Launcher::from_env()?;
    let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
    names.start(products.name_server)?;
    let home = root.path().join("broker");
    write_rules(&home, RULES)?;
    let mut broker = Node::broker(home, Some(names.address()), PROPERTIES, launcher)?;
    broker.start(products.broker)?;
    attach(everything(client, &names, &broker), || broker.logs())
}

fn everything(client: Client, names: &Node, broker: &Node) -> Result<String> {
    let mut program = client.start("Access", &[&names.address()])?;
    let mut lines = Vec::new();
    for (account, command) in TRIED {
        use_account(&mut program, account)?;
        let command = command.replace("$broker", &broker.address());
        let answer = tell(&mut program, &command)?.join(" ");
        lines.push(format!("{account}: {}: {}", shown(&command, broker), shown(&answer, broker)));
    }
    // The rules follow their file; what cannot be used changes nothing.
    use_account(&mut program, "producer")?;
    let changed = RULES.replace("AclDenied=DENY", "AclDenied=PUB");
    write_rules(&broker.home, &changed)?;
    until(&mut program, "send\tAclDenied", "SENT")?;
    write_rules(&broker.home, "accounts: [")?;
    thread::sleep(Duration::from_millis(1500));
    lines.push(format!("bad rules: {}", tell(&mut program, "send\tAclDenied")?.join(" ")));
    write_rules(&broker.home, RULES)?;
    until(&mut program, "send\tAclDenied", "REFUSED")?;
    Ok(lines.join("\n"))
}

/// Without the frame of Java's stack, and with a name for the port.
fn shown(text: &str, broker: &Node) -> String {
    let text = text.split(", org.apache.rocketmq.acl.plain").next().unwrap_or_default();
    text.replace(&broker.address(), "$broker")
}

fn use_account(program: &mut Program, account: &str) -> Result<()> {
    let line = match account {
        "" => "account".to_owned(),
        account => format!("account\t{account}\tsecret-of-{account}"),
    };
    tell(program, &line).map(drop)
}

fn until(program: &mut Program, line: &str, begins: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = tell(program, line)?.join(" ");
        if answer.starts_with(begins) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{line}: still {answer}, not {begins}");
        }
    }
}

fn no_start(product: Backend) -> Result<()> {
    let root = tempfile::Builder::new().prefix("compat-acl-").tempdir()?;
    let home = root.path().join("broker");
    let mut broker = Node::broker(home, None, PROPERTIES, Launcher::from_env()?)?;
    let Err(error) = broker.start(product) else { bail!("{product:?} starts without rules") };
    let text = format!("{error:#}");
    ensure!(text.contains("255"), "{product:?}: {text}");
    Ok(())
}

fn tell(program: &mut Program, line: &str) -> Result<Vec<String>> {
    const WORDS: [&str; 6] = ["SENT\t", "GOT\t", "PULLED\t", "REFUSED\t", "CREATED", "VIEWED\t"];
    program.tell(line)?;
    let mut lines = program.lines_until(PATIENCE, |l| l == "DONE" || l.starts_with("FAILED"))?;
    let end = lines.pop();
    ensure!(end.as_deref() == Some("DONE"), "{line}: {end:?}");
    // The client's own log comes to the same place.
    lines.retain(|line| WORDS.iter().any(|word| line.starts_with(word)));
    Ok(lines)
}
