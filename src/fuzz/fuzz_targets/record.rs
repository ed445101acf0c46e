//! Commit log records and batches from a hostile peer or a damaged disk: never a panic, and what
//! decodes encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::message::{self, Entry};

fuzz_target!(|input: &[u8]| {
    if let Ok(Entry::Message(message)) = message::read(input) {
        let length = message.encoded_len();
        let mut again = Vec::new();
        message.encode(&mut again);
        assert_eq!(again.get(..length), input.get(..length));
    }
    for record in message::records(input).take(1000) {
        if let Ok(record) = record {
            record.properties.iter().count();
            record.properties.keys().count();
        }
    }
    protocol::batch::items(input).take(1000).for_each(drop);
});
