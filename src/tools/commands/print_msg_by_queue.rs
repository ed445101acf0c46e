//! `printMsgByQueue`: the messages of one queue, or how many there are of each tag.

use anyhow::Context as _;
use client::PullStatus;
use client::java_order::hash_order;
use protocol::bodies::MessageQueue;
use protocol::properties::name;
use protocol::topic::group::TOOLS_CONSUMER;
use serde::Serialize;

use super::print_msg::{BATCH, span};
use crate::command::{Command, Opt};
use crate::context::Context;
use crate::messages::{Charset, show_line};
use crate::progress::Progress;

pub(super) const COMMAND: Command = Command {
    name: "printMsgByQueue",
    about: "Print the messages of a queue, or count them by tag",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('a', "brokerName ", "Name of the broker"),
        Opt::required('i', "queueId ", "Number of the queue"),
        Opt::value('c', "charsetName ", "Character set of the bodies, UTF-8 unless given"),
        Opt::value('s', "subExpression ", "Tags to print, for example TagA || TagB"),
        Opt::value('b', "beginTimestamp ", "Start, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value('e', "endTimestamp ", "End, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value(
            'p',
            "print msg",
            "Whether to print messages (true or false), false unless given",
        ),
        Opt::value(
            'd',
            "printBody ",
            "Whether to print bodies (true or false), false unless given",
        ),
        Opt::value('f', "calculate", "Whether to count by tag (true or false), false unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
struct Row<'a> {
    tag: &'a str,
    count: u64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let truth = |short| context.truth(short).unwrap_or(false);
    let (prints, counts) = (truth('p'), truth('f'));
    let charset = Charset::of(context.value('c'))?;
    let body = truth('d').then_some(&charset);
    let expression = context.value('s').unwrap_or("*").to_owned();
    let id = context.number('i')?.context("-i is missing")?;
    let queue = MessageQueue::new(context.required('t'), context.required('a'), id);
    let admin = context.admin().await?;
    let span = span(context, &queue).await?;
    let progress = Progress::new(context.is_terminal() && !prints, span.clone());
    let mut tags: Vec<(String, u64)> = Vec::new();
    let mut offset = span.start;
    while offset < span.end {
        let pulled = match admin.pull(TOOLS_CONSUMER, &queue, &expression, offset, BATCH).await {
            Ok(pulled) => pulled,
            Err(error) => {
                context.complain(error)?;
                break;
            }
        };
        if pulled.status != PullStatus::Found {
            break;
        }
        offset = pulled.next_offset;
        progress.at(offset);
        for message in &pulled.messages {
            let tag = message.message.properties.get(name::TAGS);
            if let Some(tag) = tag.filter(|tag| counts && !tag.trim().is_empty()) {
                count(&mut tags, tag);
            }
            if prints {
                show_line(context, message, body)?;
            }
        }
    }
    drop(progress);
    for (tag, count) in most_first(&tags) {
        context.row(&Row { tag, count }, format_args!("Tag: {tag:<30} Count: {count}\n"))?;
    }
    Ok(())
}

fn count(tags: &mut Vec<(String, u64)>, tag: &str) {
    match tags.iter_mut().find(|(known, _)| known == tag) {
        Some((_, count)) => *count += 1,
        None => tags.push((tag.to_owned(), 1)),
    }
}

fn most_first(tags: &[(String, u64)]) -> Vec<(&str, u64)> {
    let names = hash_order(tags.iter().map(|(tag, _)| tag.as_str()));
    let of = |name| tags.iter().find(|(tag, _)| tag == name).map_or(0, |(_, count)| *count);
    let mut all: Vec<_> = names.into_iter().map(|name| (name, of(name))).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all
}
