//! Frames from a hostile peer: never a panic; what decodes encodes to something that decodes to
//! the same; and its header reads, or is refused, in every group of requests.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use protocol::Command;
use protocol::frame::{MAX_FRAME, decode_frame, encode_command};
use protocol::requests::{BrokerRequest, ClientRequest, NamesrvRequest};

fuzz_target!(|input: &[u8]| {
    let mut wire = BytesMut::from(input);
    let mut command = Command::default();
    while let Ok(true) = decode_frame(&mut wire, MAX_FRAME, &mut command) {
        let _ = BrokerRequest::decode(command.code, &command.ext);
        let _ = NamesrvRequest::decode(command.code, &command.ext);
        let _ = ClientRequest::decode(command.code, &command.ext);
        let mut again = BytesMut::new();
        encode_command(&command, &mut again);
        let mut back = Command::default();
        assert_eq!(decode_frame(&mut again, usize::MAX, &mut back), Ok(true));
        assert!(again.is_empty());
        assert_eq!(back.opaque, command.opaque);
        assert_eq!(back.body, command.body);
    }
});
