//! Very many queues.

use crate::support::{Place, put, settle_within};
use std::time::Duration;

const TOPICS: usize = 8_000;
const QUEUES: i32 = 8;
const PATIENCE: Duration = Duration::from_secs(300);

#[test]
#[ignore = "makes 64,000 files; takes a minute"]
fn sixty_four_thousand_queues_come_back_after_a_stop_and_after_a_crash() {
    let place = Place::full();
    let mut messages = 0;
    for crash in [false, true, false] {
        let store = place.start();
        for topic in 0..TOPICS {
            let name = format!("Topic{topic}");
            for queue_id in 0..QUEUES {
                assert_eq!(store.max_offset(&name, queue_id), messages, "{name}/{queue_id}");
                put(&store, &name, queue_id, b"x");
            }
        }
        messages += 1;
        settle_within(&store, PATIENCE);
        if !crash {
            store.shutdown().unwrap();
        }
    }
    let store = place.open();
    for topic in 0..TOPICS {
        let read = store.read(&format!("Topic{topic}"), 3, messages - 1, 1, &());
        assert_eq!(read.message_count, 1, "Topic{topic}");
    }
}
