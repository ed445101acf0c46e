//! The stock quickstart programs: a thousand messages sent, each received once, and still there
//! after a restart.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::pair;
use crate::cluster::{Cluster, Spec};
use crate::java::Program;
use crate::launch::{attach, wait_until};
use crate::wire::Frame;

const TOPIC: &str = "TopicTest";
const GROUP: &str = "please_rename_unique_group_name_4";
const MESSAGES: usize = 1000;
const QUEUES: i64 = 4;
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("quickstart::producer_and_consumer", || {
        let mut cluster = Cluster::start(&Spec::of(pair()?.1)?)?;
        attach(producer_and_consumer(&mut cluster), || cluster.logs())
    })]
}

/// Runs the demo on a cluster, then restarts its broker.
pub(super) fn producer_and_consumer(cluster: &mut Cluster) -> Result<()> {
    let name_server = cluster.name_server()?.address();
    let produced = produce(&name_server)?;
    consume(cluster, &name_server, &produced)?;
    let backend = cluster.backend;
    cluster.broker.stop()?;
    cluster.broker.start(backend)?;
    ensure!(offsets(cluster, 30)? == MESSAGES as i64, "messages are missing after a restart");
    ensure!(committed(cluster)? == MESSAGES as i64, "progress is lost after a restart");
    Ok(())
}

fn produce(name_server: &str) -> Result<HashSet<String>> {
    let class = "org.apache.rocketmq.example.quickstart.Producer";
    let lines = Program::start(class, &[], name_server)?.rest(PATIENCE)?;
    let sent: Vec<_> = lines.iter().filter(|l| l.starts_with("SendResult [")).collect();
    ensure!(sent.len() == MESSAGES, "{} results, the last lines: {:?}", sent.len(), lines.last());
    for line in &sent {
        ensure!(line.contains("sendStatus=SEND_OK"), "{line}");
    }
    let ids: HashSet<_> = sent.iter().filter_map(|l| word_after(l, "offsetMsgId=")).collect();
    ensure!(ids.len() == MESSAGES, "{} different ids", ids.len());
    Ok(ids)
}

fn consume(cluster: &Cluster, name_server: &str, produced: &HashSet<String>) -> Result<()> {
    let class = "org.apache.rocketmq.example.quickstart.Consumer";
    let mut consumer = Program::start(class, &[], name_server)?;
    let mut received = Vec::new();
    while received.len() < MESSAGES {
        let line = consumer.line(PATIENCE)?.context("the consumer ended")?;
        received.extend(message_ids(&line));
    }
    // Its progress is stored some seconds later; what it received twice has come by then.
    wait_until("the consumer's progress", PATIENCE, || Ok(committed(cluster)? == MESSAGES as i64))?;
    while let Ok(Some(line)) = consumer.line(Duration::from_millis(200)) {
        received.extend(message_ids(&line));
    }
    ensure!(received.len() == MESSAGES, "{} messages received", received.len());
    let different: HashSet<_> = received.into_iter().collect();
    ensure!(different == *produced, "other messages were received than sent");
    Ok(())
}

/// Offset ids of the messages in one line of the consumer.
fn message_ids(line: &str) -> Vec<String> {
    if !line.contains("Receive New Messages:") {
        return Vec::new();
    }
    line.split(", msgId=").skip(1).filter_map(|rest| word_after(rest, "")).collect()
}

fn word_after(text: &str, mark: &str) -> Option<String> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let word: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!word.is_empty()).then_some(word)
}

/// Sum over the queues of the answers to this request.
fn offsets(cluster: &Cluster, code: i32) -> Result<i64> {
    let mut conn = cluster.broker.connect()?;
    let mut sum = 0;
    for queue in 0..QUEUES {
        let request = Frame::request(code)
            .with("topic", TOPIC)
            .with("consumerGroup", GROUP)
            .with("queueId", queue);
        sum += conn.ok(request)?.number("offset")?;
    }
    Ok(sum)
}

fn committed(cluster: &Cluster) -> Result<i64> {
    offsets(cluster, 14)
}
