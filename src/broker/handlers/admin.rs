//! What the requests of operators share. Those that look at many queues or wait for the disk are
//! answered from threads that may block, a few at a time.

use std::ops::Range;
use std::sync::Arc;

use protocol::codes::response;
use protocol::frame::MAX_FRAME;
use protocol::{Refusal, Reply, json};
use remoting::Answer;
use serde::Serialize;

use super::Outcome;
use crate::limits::QUEUES_MAX;
use crate::{Broker, LOG, flow};

/// Room for the header in the frame of a reply.
const HEADER_BYTES: usize = 4096;

/// The answer to a request code that is not served.
pub(crate) fn not_supported(code: i32) -> Refusal {
    let remark = format!(" request type {code} not supported");
    Refusal::new(response::REQUEST_CODE_NOT_SUPPORTED, remark)
}

/// Answers when `work` is done, which may block. It is done even if the one who asked goes away,
/// and before the broker stops.
pub(super) fn blocking(
    broker: &Arc<Broker>,
    work: impl FnOnce(&Arc<Broker>) -> Outcome + Send + 'static,
) -> Answer {
    let broker = Arc::clone(broker);
    Answer::Later(Box::pin(async move { run(&broker, work).await }))
}

/// The reply that `work` makes, which may block.
pub(super) async fn run(
    broker: &Arc<Broker>,
    work: impl FnOnce(&Arc<Broker>) -> Outcome + Send + 'static,
) -> Reply {
    let owned = Arc::clone(broker);
    let job = broker.tasks.spawn(async move {
        let turns = Arc::clone(&owned.flow.jobs);
        flow::blocking(&turns, move || work(&owned)).await
    });
    match job.await {
        Ok(Ok(outcome)) => Reply::from(outcome),
        Ok(Err(error)) | Err(error) => {
            tracing::error!(target: LOG, %error, "serve a request of an operator");
            Refusal::system_error("the broker failed to work on this request").into()
        }
    }
}

/// A reply with a JSON body. One that no client could read, because its frame is too long, is
/// refused.
pub(super) fn body<T: Serialize>(body: &T) -> Outcome {
    let bytes = json::to_vec(body);
    if bytes.len() > MAX_FRAME - HEADER_BYTES {
        return Err(too_much());
    }
    Ok(Reply::ok().body(bytes))
}

/// The answer does not fit into a frame.
pub(super) fn too_much() -> Refusal {
    let mib = MAX_FRAME / (1024 * 1024);
    Refusal::system_error(format!("the answer is longer than the {mib} MiB that clients read"))
}

/// The queue ids of a topic with so many queues.
pub(super) fn queue_ids(queues: i32) -> Result<Range<i32>, Refusal> {
    if queues > QUEUES_MAX {
        let remark =
            format!("the topic has {queues} queues, more than {QUEUES_MAX} are not listed");
        return Err(Refusal::system_error(remark));
    }
    Ok(0..queues.max(0))
}

/// A topic that is not there.
pub(super) fn no_topic(topic: &str) -> Refusal {
    Refusal::new(response::TOPIC_NOT_EXIST, format!("topic[{topic}] not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_listed_up_to_a_limit() {
        assert_eq!(queue_ids(3), Ok(0..3));
        assert_eq!(queue_ids(-1), Ok(0..0));
        assert_eq!(queue_ids(65_536), Ok(0..65_536));
        assert!(queue_ids(65_537).is_err());
    }

    #[test]
    fn answers_longer_than_a_frame_are_refused() {
        assert!(body(&"x".repeat(1000)).is_ok());
        assert!(body(&"x".repeat(MAX_FRAME)).is_err());
    }
}
