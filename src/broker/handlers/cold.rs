//! Pulls of old messages, which may have to be read from the disk: on threads that may block, so
//! that nobody else's requests wait for it.

use std::hint::black_box;
use std::sync::Arc;

use protocol::{Body, Pieces, Refusal, Reply};
use remoting::Answer;

use crate::{Broker, LOG, flow};

/// Answers with what `read` finds, once it is in memory.
pub(super) fn pull(
    broker: &Arc<Broker>,
    read: impl FnOnce(&Arc<Broker>) -> Reply + Send + 'static,
) -> Answer {
    let broker = Arc::clone(broker);
    Answer::Later(Box::pin(async move {
        let turns = Arc::clone(&broker.flow.cold_reads);
        let done = flow::blocking(&turns, move || {
            let reply = read(&broker);
            fetch(&reply.body);
            reply
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(target: LOG, %error, "pull of old messages");
            Refusal::system_error("the broker failed to read these messages").into()
        })
    }))
}

/// Touches every page of what lies in files, which brings it into memory.
fn fetch(body: &Body) {
    const PAGE: usize = 4096;
    let Body::Pieces(all) = body else { return };
    for part in all.iter().flat_map(Pieces::iter) {
        for page in part.chunks(PAGE) {
            black_box(page.first().copied());
        }
        black_box(part.last().copied());
    }
}
