//! Settings at run time (25, 26) and filter servers (301).

use std::sync::Arc;

use protocol::requests::{GetBrokerConfigReply, RegisterFilterServer, RegisterFilterServerReply};
use protocol::{Refusal, Reply};
use remoting::Answer;

use super::admin::blocking;
use super::{Call, Outcome};
use crate::register::Round;
use crate::{LOG, now_ms};

/// Changes settings and writes the file.
pub(crate) fn update(call: &Call<'_>) -> Answer {
    let addr = call.peer.addr();
    tracing::info!(target: LOG, "updateBrokerConfig called by {addr}");
    if call.body.is_empty() {
        return Reply::ok().into();
    }
    let body = call.body.clone();
    blocking(call.broker, move |broker| {
        let text = String::from_utf8_lossy(&body);
        tracing::info!(target: LOG, "updateBrokerConfig, new config: [{}] client: {addr}", text.trim());
        let changed = broker.configuration.change(&body, now_ms()).inspect_err(|refusal| {
            tracing::warn!(target: LOG, "updateBrokerConfig refused: {}", refusal.remark);
        })?;
        if changed.permission {
            broker.topics.touch(now_ms());
            broker.announce(Round::Full);
        }
        Ok(Reply::ok())
    })
}

/// All settings.
pub(crate) fn get(call: &Call<'_>) -> Outcome {
    let (text, version) = call.broker.configuration.text();
    Ok(Reply::with(&GetBrokerConfigReply { version }).body(text))
}

/// A filter server says that it is there.
pub(crate) fn filter_server(call: &Call<'_>, header: &RegisterFilterServer) -> Outcome {
    let broker = call.broker;
    let (id, peer) = (call.peer.id(), Arc::clone(call.peer));
    let changed = broker
        .filter_servers
        .register(id, peer, &header.filter_server_addr, now_ms())
        .map_err(|rejected| Refusal::system_error(rejected.to_string()))?;
    if let Some(addrs) = changed {
        broker.registrar.set_filter_servers(addrs);
    }
    let identity = broker.identity();
    Ok(Reply::with(&RegisterFilterServerReply {
        broker_name: identity.name.clone(),
        broker_id: identity.id,
    }))
}
