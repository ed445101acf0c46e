//! Requests about the name server's own settings.

use std::path::Path;
use std::sync::Arc;

use config::{Properties, Report};
use protocol::codes::response;
use protocol::{Refusal, Reply};
use remoting::{Answer, Peer};

use super::{blocking, now};
use crate::state::State;
use crate::{LOG, files, one_line};

/// Settings that name paths: whoever may change them from afar can have files written anywhere
/// (CVE-2023-37582). And the one that has requests checked. They change in the file only.
const LOCKED: [&str; 4] = ["rocketmqHome", "kvConfigPath", "configStorePath", "aclEnable"];
/// Bytes of one update; a whole configuration has less than one thousand.
const MAX_UPDATE: usize = 64 << 10;

pub(super) fn get(state: &State) -> Reply {
    Reply::ok().body(state.registry.text())
}

pub(super) fn update(state: &State, peer: &Arc<Peer>, body: &[u8]) -> Answer {
    tracing::info!(target: LOG, "updateConfig called by {}", peer.addr());
    if body.is_empty() {
        return Reply::ok().into();
    }
    let changes = match accepted(state, body) {
        Ok(changes) => changes,
        Err(refusal) => {
            tracing::warn!(target: LOG, "updateConfig refused: {}", refusal.remark);
            return now(Err(refusal));
        }
    };
    let report = apply(state, &changes);
    let path = state.config.load().config_store_path.clone();
    let (registry, file) = (Arc::clone(&state.registry), Arc::clone(&state.config_file));
    blocking(state, move || {
        let _one_at_a_time = file.lock();
        match files::replace(Path::new(&path), registry.text().as_bytes()) {
            Ok(()) => Ok(done(&report)),
            Err(error) => {
                tracing::error!(target: LOG, "persist {path}: {error}");
                let remark = format!("changed until the next start, but {path}: {error}");
                Err(Refusal::system_error(remark))
            }
        }
    })
}

/// The changes, if they are properties and touch no locked setting.
fn accepted(state: &State, body: &[u8]) -> Result<Properties, Refusal> {
    if body.len() > MAX_UPDATE {
        return Err(Refusal::system_error(format!("more than {MAX_UPDATE} bytes of settings")));
    }
    let changes = Properties::parse(body)
        .map_err(|error| Refusal::system_error(format!("string2Properties error: {error}")))?;
    let present = state.registry.properties();
    for (key, value) in changes.iter().filter(|(key, _)| LOCKED.contains(key)) {
        if present.get(key) != Some(value) {
            return Err(Refusal::new(
                response::NO_PERMISSION,
                format!(
                    "{key} names a path or guards the server and cannot be changed over the \
                     wire; change it in the configuration file and restart the name server"
                ),
            ));
        }
    }
    Ok(changes)
}

fn apply(state: &State, changes: &Properties) -> Report {
    let before = state.registry.properties();
    let watched = state.watched.config.snapshot();
    let report = state.registry.update(changes);
    let now = state.watched.config.snapshot();
    if watched != now {
        state.watched.on_change.changed(&now);
    }
    let after = state.registry.properties();
    for key in &report.applied {
        let (old, new) = (before.get(key).unwrap_or(""), after.get(key).unwrap_or(""));
        if old != new {
            let (old, new) = (one_line(old), one_line(new));
            tracing::info!(target: LOG, "Replace, key: {key}, value: {old} -> {new}");
        }
    }
    report
}

/// As in 4.4.0 a key that does not exist or a value that does not fit is no error; here the
/// remark tells.
fn done(report: &Report) -> Reply {
    let mut notes = Vec::new();
    if !report.unknown.is_empty() {
        notes.push(format!("unknown, ignored: {}", report.unknown.join(", ")));
    }
    for (key, value) in &report.refused {
        notes.push(format!("not a value of {key}, ignored: {value}"));
    }
    if notes.is_empty() {
        return Reply::ok();
    }
    let notes = notes.join("; ");
    tracing::warn!(target: LOG, "updateConfig: {}", one_line(&notes));
    Reply::ok().remark(notes)
}
