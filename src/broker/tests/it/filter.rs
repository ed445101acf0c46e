//! SQL expressions: registered by heartbeats, used by pulls, kept over restarts.

use std::time::Duration;

use broker::Settings;
use protocol::Command;
use protocol::bodies::{
    ConsumerData, ConsumerFilterWrapper, HeartbeatData, MessageModel, SubscriptionData,
};
use protocol::requests::{ConsumerSendMsgBack, HeartBeat, PullMessage};
use protocol::{json, topic};
use remoting::Client;

use crate::harness::*;

const SQL: Option<&str> = Some("SQL92");

fn allowed(settings: &mut Settings) {
    settings.broker.enable_property_filter = true;
}

/// As `allowed`, with bit maps beside the queue entries.
fn mapped(settings: &mut Settings) {
    allowed(settings);
    settings.broker.enable_calc_filter_bit_map = true;
    settings.store.enable_consume_queue_ext = true;
}

/// A heartbeat of group `g`.
async fn beat(client: &Client, f: &Fixture, subscriptions: &[SubscriptionData]) {
    let heartbeat = HeartbeatData {
        client_id: "c".into(),
        consumer_data_set: vec![ConsumerData {
            group_name: "g".into(),
            message_model: Some(MessageModel::Clustering),
            subscription_data_set: subscriptions.to_vec(),
            ..ConsumerData::default()
        }],
        ..HeartbeatData::default()
    };
    let command = Command::of(&HeartBeat).unwrap().body(json::to_vec(&heartbeat));
    assert_eq!(client.call(&f.addr, command, LONG).await.unwrap().code, 0);
}

fn sql(expression: &str, version: i64) -> SubscriptionData {
    SubscriptionData::of("T", expression, SQL, version)
}

/// A pull that goes by what the heartbeat said.
fn known(topic: &str, version: i64) -> PullMessage<'_> {
    PullMessage { sys_flag: 0, sub_version: version, ..pull_header("g", topic, 0) }
}

async fn numbers(f: &Fixture, of: std::ops::Range<i32>) {
    for n in of {
        f.send("T", &n.to_string(), &format!("n\u{1}{n}\u{2}")).await;
    }
}

fn filters_of(dir: &std::path::Path) -> ConsumerFilterWrapper {
    let file = dir.join("store/config/consumerFilter.json");
    json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_gets_what_its_expression_wants() {
    let f = Fixture::with(allowed).await;
    numbers(&f, 0..6).await;
    f.filled("T", 6).await;
    beat(&f.client, &f, &[sql("n > 3", 5)]).await;
    assert_eq!(bodies(&f.request(&known("T", 5)).await), ["4", "5"]);
    // A newer version takes the place of an older one, not the reverse.
    beat(&f.client, &f, &[sql("n BETWEEN 1 AND 2", 6)]).await;
    beat(&f.client, &f, &[sql("n > 3", 5)]).await;
    assert_eq!(bodies(&f.request(&known("T", 6)).await), ["1", "2"]);
    let none = f.request(&PullMessage { queue_offset: 3, ..known("T", 6) }).await;
    assert_eq!((none.code, remark(&none)), (20, "NO_MATCHED_MESSAGE"));
    assert_eq!(field(&none, "nextBeginOffset"), "6");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_are_told_what_is_wrong_with_their_expression() {
    let f = Fixture::with(allowed).await;
    numbers(&f, 0..1).await;
    let check = async |version: i64, code: i32, text: &str| {
        let answer = f.request(&known("T", version)).await;
        assert_eq!((answer.code, remark(&answer)), (code, text));
    };
    let missing = "The broker's consumer filter data is not exist!Your expression may be wrong!";
    beat(&f.client, &f, &[sql("n >", 1)]).await;
    check(1, 27, missing).await;
    check(2, 25, "the consumer's subscription not latest").await;
    beat(&f.client, &f, &[sql("n > 3", 2)]).await;
    // An empty expression is no filter, so that the one before stays.
    beat(&f.client, &f, &[sql("", 3)]).await;
    check(3, 28, "the consumer's consumer filter data not latest").await;
    beat(&f.client, &f, &[sql("n >", 4)]).await;
    check(4, 27, missing).await;
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expression_in_a_pull_filters_if_it_compiles() {
    let f = Fixture::with(allowed).await;
    numbers(&f, 0..3).await;
    f.filled("T", 3).await;
    let own = |expression| PullMessage {
        subscription: Some(expression),
        expression_type: SQL,
        ..pull_header("g", "T", 0)
    };
    assert_eq!(bodies(&f.request(&own("n = 1")).await), ["1"]);
    assert_eq!(bodies(&f.request(&own("n =")).await), ["0", "1", "2"]);
    let empty = f.request(&own("")).await;
    assert_eq!((empty.code, remark(&empty)), (23, "parse the consumer's subscription failed"));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_pull_waits_for_what_its_expression_wants() {
    for change in [allowed, mapped] {
        let f = Fixture::with(change).await;
        numbers(&f, 0..1).await;
        f.filled("T", 1).await;
        beat(&f.client, &f, &[sql("n > 3", 1)]).await;
        let header = PullMessage {
            sys_flag: HOLD,
            queue_offset: 1,
            suspend_timeout_millis: 15_000,
            ..known("T", 1)
        };
        let sends = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            numbers(&f, 1..6).await;
        };
        let (answer, ()) = tokio::join!(f.request(&header), sends);
        assert_eq!(bodies(&answer)[0], "4");
        f.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bit_maps_change_nothing_that_is_seen() {
    let f = Fixture::with(mapped).await;
    numbers(&f, 0..3).await;
    f.filled("T", 3).await;
    beat(&f.client, &f, &[sql("n >= 2", 1)]).await;
    // Messages of the same millisecond as the filter count as older.
    tokio::time::sleep(Duration::from_millis(5)).await;
    numbers(&f, 0..5).await;
    f.filled("T", 8).await;
    assert_eq!(bodies(&f.request(&known("T", 1)).await), ["2", "2", "3", "4"]);
    // Those who come with another expression later get all of theirs, too.
    beat(&f.client, &f, &[sql("n < 2", 2)]).await;
    assert_eq!(bodies(&f.request(&known("T", 2)).await), ["0", "1", "0", "1"]);
    let dir = f.stop().await;
    let filters = filters_of(dir.path());
    let data = &filters.filter_data_by_topic["T"].group_filter_data["g"];
    assert_eq!((data.expression.as_str(), data.client_version), ("n < 2", 2));
    let bits = data.bloom_filter_data.as_ref().unwrap();
    assert_eq!((bits.bit_num, bits.bit_pos.len()), (112, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_survive_a_restart() {
    let f = Fixture::with(mapped).await;
    beat(&f.client, &f, &[sql("n > 3", 5)]).await;
    let dir = f.stop().await;
    let before = filters_of(dir.path());
    let born = |filters: &ConsumerFilterWrapper| {
        let data = &filters.filter_data_by_topic["T"].group_filter_data["g"];
        (data.born_time, data.dead_time)
    };
    let f = Fixture::open(dir, mapped).await;
    // Nobody of the group is there, but its bits are set.
    numbers(&f, 0..6).await;
    f.filled("T", 6).await;
    beat(&f.client, &f, &[sql("n > 3", 5)]).await;
    assert_eq!(bodies(&f.request(&known("T", 5)).await), ["4", "5"]);
    let dir = f.stop().await;
    let after = filters_of(dir.path());
    assert_eq!(born(&after).0, born(&before).0, "the same filter as before");
    assert_ne!(born(&after).1, 0, "its group went with the broker");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_are_filtered_where_that_is_asked_for() {
    for (filtered, expected) in [(false, &["1", "9"][..]), (true, &["9"][..])] {
        let f = Fixture::with(|s| {
            allowed(s);
            s.broker.filter_support_retry = filtered;
            s.store.message_delay_level = "1s 1s 1s".into();
        })
        .await;
        f.send("T", "1", "n\u{1}1\u{2}").await;
        f.send("T", "9", "n\u{1}9\u{2}").await;
        let retry = topic::retry("g");
        beat(&f.client, &f, &[sql("n > 3", 1), SubscriptionData::of_tags(&retry, "*", 1)]).await;
        for message in f.take("T", 0, 2).await {
            let back = ConsumerSendMsgBack {
                offset: message.physical_offset,
                group: "g".into(),
                delay_level: 1,
                origin_msg_id: None,
                origin_topic: Some("T".into()),
                unit_mode: false,
                max_reconsume_times: Some(16),
            };
            assert_eq!(f.request(&back).await.code, 0);
        }
        f.filled(&retry, 2).await;
        assert_eq!(bodies(&f.request(&known(&retry, 1)).await), expected, "{filtered}");
        assert_eq!(bodies(&f.pull(&retry, 0).await), expected, "{filtered}");
        f.stop().await;
    }
}
