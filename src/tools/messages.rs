//! Messages as commands show them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use client::java_order::hash_order;
use client::{MessageTrack, Received, properties_text};
use encoding_rs::Encoding;
use protocol::bodies::ConsumeMessageDirectlyResult;
use protocol::properties::name;
use serde::Serialize;

use crate::context::{Context, say};
use crate::text::time_with_ms;

/// How commands treat the text of bodies.
pub(crate) struct Charset(&'static Encoding);

impl Charset {
    /// The character set of this name; UTF-8 when none is given.
    pub(crate) fn of(name: Option<&str>) -> anyhow::Result<Self> {
        let Some(name) = name else { return Ok(Self(encoding_rs::UTF_8)) };
        let found = Encoding::for_label(name.as_bytes());
        Ok(Self(found.with_context(|| format!("unknown character set {name}"))?))
    }

    fn text(&self, body: &[u8]) -> String {
        self.0.decode_without_bom_handling(body).0.into_owned()
    }
}

/// A message as an object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageRow<'m> {
    message_id: String,
    offset_message_id: String,
    topic: &'m str,
    tags: Option<&'m str>,
    keys: Option<&'m str>,
    broker_name: &'m str,
    queue_id: i32,
    queue_offset: i64,
    commit_log_offset: i64,
    reconsume_times: i32,
    born_timestamp: i64,
    store_timestamp: i64,
    born_host: String,
    store_host: String,
    sys_flag: i32,
    flag: i32,
    properties: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracks: Option<Vec<TrackRow>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TrackRow {
    consumer_group: String,
    track_type: &'static str,
    exception_desc: Option<String>,
}

impl<'m> MessageRow<'m> {
    fn of(message: &'m Received) -> Self {
        let properties = &message.message.properties;
        let items = properties.iter().map(|(name, value)| (name.to_owned(), value.into()));
        Self {
            message_id: message.message_id(),
            offset_message_id: message.offset_message_id(),
            topic: &message.message.topic,
            tags: properties.get(name::TAGS),
            keys: properties.get(name::KEYS),
            broker_name: &message.broker_name,
            queue_id: message.queue_id,
            queue_offset: message.queue_offset,
            commit_log_offset: message.physical_offset,
            reconsume_times: message.reconsume_times,
            born_timestamp: message.born_timestamp,
            store_timestamp: message.store_timestamp,
            born_host: message.born_host.to_string(),
            store_host: message.store_host.to_string(),
            sys_flag: message.sys_flag,
            flag: message.message.flag,
            properties: items.collect(),
            body: None,
            body_path: None,
            tracks: None,
        }
    }
}

/// Prints a message on one line, with or without its body.
pub(crate) fn show_line(
    context: &mut Context<'_>,
    message: &Received,
    body: Option<&Charset>,
) -> anyhow::Result<()> {
    let text = body.map(|charset| charset.text(&message.message.body));
    let row = MessageRow { body: text.clone(), ..MessageRow::of(message) };
    let shown = text.as_deref().unwrap_or("NOT PRINT BODY");
    let id = message.message_id();
    context.row(&row, format_args!("MSGID: {id} {message} BODY: {shown}\n"))
}

/// Prints all about a message, leaves its body in a file, and tells what the groups that consume
/// its topic did with it.
pub(crate) async fn show(
    context: &mut Context<'_>,
    message: &Received,
    with_offset_id: bool,
) -> anyhow::Result<()> {
    let body_path = save_body(context, message)?;
    let mut row = MessageRow::of(message);
    if with_offset_id {
        for _ in 0..2 {
            say!(context, "{:<20} {}\n", "OffsetID:", row.offset_message_id)?;
        }
    }
    for (label, value) in [
        ("Topic:", row.topic.to_owned()),
        ("Tags:", format!("[{}]", row.tags.unwrap_or("null"))),
        ("Keys:", format!("[{}]", row.keys.unwrap_or("null"))),
        ("Queue ID:", row.queue_id.to_string()),
        ("Queue Offset:", row.queue_offset.to_string()),
        ("CommitLog Offset:", row.commit_log_offset.to_string()),
        ("Reconsume Times:", row.reconsume_times.to_string()),
        ("Born Timestamp:", time_with_ms(row.born_timestamp)),
        ("Store Timestamp:", time_with_ms(row.store_timestamp)),
        ("Born Host:", row.born_host.clone()),
        ("Store Host:", row.store_host.clone()),
        ("System Flag:", row.sys_flag.to_string()),
        ("Properties:", properties_text(&message.message.properties)),
        ("Message Body Path:", body_path.display().to_string()),
    ] {
        say!(context, "{label:<20} {value}\n")?;
    }
    match tracks(context, message).await {
        Ok(tracks) if tracks.is_empty() => say!(context, "\n\nWARN: No Consumer")?,
        Ok(tracks) => {
            say!(context, "\n\n")?;
            for track in &tracks {
                say!(context, "{track}")?;
            }
            row.tracks = Some(tracks.into_iter().map(TrackRow::from).collect());
        }
        Err(error) => context.complain(error)?,
    }
    row.body_path = Some(body_path);
    context.row(&row, format_args!(""))
}

impl From<MessageTrack> for TrackRow {
    fn from(track: MessageTrack) -> Self {
        Self {
            consumer_group: track.consumer_group,
            track_type: track.track_type.name(),
            exception_desc: track.exception_desc,
        }
    }
}

async fn tracks(
    context: &mut Context<'_>,
    message: &Received,
) -> anyhow::Result<Vec<MessageTrack>> {
    let admin = context.admin().await?;
    let groups = admin.groups_of_topic(&message.message.topic).await?.unwrap_or_default();
    let mut tracks = Vec::new();
    for group in hash_order(groups) {
        tracks.push(admin.track(message, group).await);
    }
    Ok(tracks)
}

/// Writes the body to a file that is named by the message's id.
fn save_body(context: &Context<'_>, message: &Received) -> anyhow::Result<PathBuf> {
    let folder = context.body_folder();
    let save = || {
        fs::create_dir_all(folder)?;
        let path = folder.join(file_name(message));
        fs::File::create(&path)?.write_all(&message.message.body)?;
        Ok::<_, std::io::Error>(path)
    };
    save().with_context(|| format!("save the body in {}", folder.display()))
}

/// Producers choose the ids of their messages; only one that is a plain word names a file.
fn file_name(message: &Received) -> String {
    let id = message.message_id();
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if plain { id } else { message.offset_message_id() }
}

/// As Java's `ConsumeMessageDirectlyResult.toString` prints it.
pub(crate) fn consumed_text(result: &ConsumeMessageDirectlyResult) -> String {
    let outcome = result.consume_result.map_or_else(|| "null".to_owned(), |it| it.to_string());
    format!(
        "ConsumeMessageDirectlyResult [order={}, autoCommit={}, consumeResult={outcome}, remark={}, \
         spentTimeMills={}]",
        result.order,
        result.auto_commit,
        result.remark.as_deref().unwrap_or("null"),
        result.spent_time_mills
    )
}
