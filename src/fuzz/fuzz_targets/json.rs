//! JSON bodies from a hostile peer: never a panic, never unbounded depth.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::bodies::{
    ConsumeStats, HeartbeatData, LockBatchRequestBody, RegisterBrokerBody, TopicRouteData,
};
use protocol::json;

fuzz_target!(|input: &[u8]| {
    let _ = json::from_slice::<HeartbeatData>(input);
    let _ = json::from_slice::<LockBatchRequestBody>(input);
    let _ = json::from_slice::<RegisterBrokerBody>(input);
    if let Ok(route) = json::from_slice::<TopicRouteData>(input) {
        let again: TopicRouteData =
            json::from_slice(&json::to_vec(&route)).expect("own output reads");
        assert_eq!(again, route);
    }
    if let Ok(stats) = json::from_slice::<ConsumeStats>(input) {
        let _: ConsumeStats = json::from_slice(&json::to_vec(&stats)).expect("own output reads");
    }
});
