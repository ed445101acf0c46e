//! Offsets: resetting (222), correcting (308), copying (314).

use protocol::bodies::{QueryCorrectionOffsetBody, ResetOffsetBody, ResetOffsetBodyForC};
use protocol::codes::request::RESET_CONSUMER_CLIENT_OFFSET;
use protocol::requests::{
    CloneGroupOffset, InvokeBrokerToResetOffset, QueryConsumerOffset, QueryCorrectionOffset,
};
use protocol::{Command, Language, json};

use super::{Consumer, commit, create, filled_topic, text};
use crate::harness::*;

fn reset(topic: &str, timestamp: i64, is_force: bool) -> InvokeBrokerToResetOffset {
    InvokeBrokerToResetOffset {
        topic: topic.to_owned(),
        group: "CG".to_owned(),
        timestamp,
        is_force,
    }
}

async fn offset(f: &Fixture, group: &str, topic: &str, queue_id: i32) -> String {
    let header =
        QueryConsumerOffset { consumer_group: group.to_owned(), topic: topic.to_owned(), queue_id };
    field(&f.request(&header).await, "offset").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reset_is_told() {
    let f = Fixture::new().await;
    let answer = f.request(&reset("NoTopic", -1, true)).await;
    let expected = "[reset-offset] reset offset failed, no topic in this broker. topic=NoTopic";
    assert_eq!((answer.code, remark(&answer)), (1, expected));
    filled_topic(&f, "T", 2).await;
    let answer = f.request(&reset("T", -1, true)).await;
    assert_eq!((answer.code, remark(&answer)), (1, "THe consumer group <CG> not exist"));
    commit(&f, "CG", "T", 0, 1).await;
    let answer = f.request(&reset("T", -1, true)).await;
    let expected = "Consumer not online, so can not reset offset, Group: CG Topic: T Timestamp: -1";
    assert_eq!((answer.code, remark(&answer)), (206, expected));
    let old = Consumer::new(Vec::new());
    old.join(&f, "old", "CG", "T", Some(27)).await;
    let answer = f.request(&reset("T", -1, true)).await;
    let expected = "the client does not support this feature. version=V3_0_6";
    assert_eq!((answer.code, remark(&answer)), (1, expected));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_told_where_to_go_on() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 5).await;
    commit(&f, "CG", "T", 0, 3).await;
    let consumers = [Consumer::new(Vec::new()), Consumer::new(Vec::new())];
    for (consumer, id) in consumers.iter().zip(["a", "b"]) {
        consumer.join(&f, id, "CG", "T", None).await;
    }
    let body = |offset: i64| {
        format!(
            r#"{{"offsetTable":{{{{"brokerName":"broker-t","queueId":0,"topic":"T"}}:{offset}}}}}"#
        )
    };
    // To the end by force; not beyond the present offset otherwise; to the first message.
    for (count, (timestamp, is_force, expected)) in
        [(-1, true, 5), (-1, false, 3), (1, false, 0)].into_iter().enumerate()
    {
        let answer = f.request(&reset("T", timestamp, is_force)).await;
        assert_eq!((answer.code, remark(&answer)), (0, "not set any response code"));
        assert_eq!(text(&answer), body(expected));
        for consumer in &consumers {
            eventually("the push", || consumer.asked(RESET_CONSUMER_CLIENT_OFFSET).len() > count)
                .await;
            let push = consumer.asked(RESET_CONSUMER_CLIENT_OFFSET).pop().unwrap();
            assert!(push.is_oneway());
            assert_eq!(text(&push), body(expected));
            assert_eq!((field(&push, "topic"), field(&push, "group")), ("T", "CG"));
            assert_eq!(field(&push, "timestamp"), timestamp.to_string());
            assert_eq!(field(&push, "isForce"), "false");
        }
    }
    assert_eq!(offset(&f, "CG", "T", 0).await, "3", "our own table does not change");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_from_cpp_pushes_the_list_form() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 2).await;
    commit(&f, "CG", "T", 0, 1).await;
    let consumer = Consumer::new(Vec::new());
    consumer.join(&f, "a", "CG", "T", None).await;
    let mut command = Command::of(&reset("T", -1, true)).unwrap();
    command.language = Language::CPP;
    let answer = f.call(command).await;
    assert_eq!(answer.code, 0);
    let table: ResetOffsetBody = json::from_slice(&answer.body).unwrap();
    assert_eq!(table.offset_table.len(), 1);
    eventually("the push", || !consumer.asked(RESET_CONSUMER_CLIENT_OFFSET).is_empty()).await;
    let push = consumer.asked(RESET_CONSUMER_CLIENT_OFFSET).pop().unwrap();
    let expected =
        r#"{"offsetTable":[{"brokerName":"broker-t","offset":2,"queueId":0,"topic":"T"}]}"#;
    assert_eq!(text(&push), expected);
    let list: ResetOffsetBodyForC = json::from_slice(&push.body).unwrap();
    assert_eq!(list, ResetOffsetBodyForC::from(&table));
    f.stop().await;
}

fn correction(filter: Option<&str>) -> QueryCorrectionOffset {
    QueryCorrectionOffset {
        filter_groups: filter.map(str::to_owned),
        compare_group: "A".to_owned(),
        topic: "T".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correcting_offsets_deletes_none() {
    let f = Fixture::new().await;
    create(&f, "T", 2).await;
    for (group, zero, one) in [("A", 7, 4), ("B", 5, 6), ("C", 9, -3)] {
        commit(&f, group, "T", 0, zero).await;
        commit(&f, group, "T", 1, one).await;
    }
    commit(&f, "A", "U", 0, 1).await;
    let offsets = |answer: &Command| -> Vec<(i32, i64)> {
        let body: QueryCorrectionOffsetBody = json::from_slice(&answer.body).unwrap();
        body.correction_offsets.into_iter().collect()
    };
    let answer = f.request(&correction(None)).await;
    assert_eq!(text(&answer), r#"{"correctionOffsets":{0:5,1:4}}"#);
    let answer = f.request(&correction(Some("B,C"))).await;
    assert_eq!(offsets(&answer), [(0, 7), (1, 4)]);
    let answer = f.request(&correction(Some("A,B,C"))).await;
    assert_eq!(text(&answer), r#"{"correctionOffsets":{}}"#);
    for (group, zero) in [("A", "7"), ("B", "5"), ("C", "9")] {
        assert_eq!(offset(&f, group, "T", 0).await, zero);
    }
    assert_eq!(offset(&f, "A", "U", 0).await, "1");
    f.stop().await;
}

fn clone(topic: Option<&str>, offline: bool) -> CloneGroupOffset {
    CloneGroupOffset {
        src_group: "From".to_owned(),
        dest_group: "To".to_owned(),
        topic: topic.map(str::to_owned),
        offline,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_copied_for_a_topic_that_is_named() {
    let f = Fixture::new().await;
    create(&f, "T", 2).await;
    commit(&f, "From", "T", 0, 7).await;
    commit(&f, "From", "T", 1, 8).await;
    commit(&f, "From", "NoTopic", 0, 9).await;
    for header in [clone(None, true), clone(Some(""), true), clone(Some("NoTopic"), true)] {
        let answer = f.request(&header).await;
        assert_eq!((answer.code, remark(&answer)), (0, ""));
    }
    assert_eq!(offset(&f, "To", "T", 0).await, "0");
    assert_eq!(offset(&f, "To", "NoTopic", 0).await, "0");
    // Online and subscribed to something else: only when asked to copy all the same.
    let consumer = Consumer::new(Vec::new());
    consumer.join(&f, "c", "From", "Other", None).await;
    assert_eq!(f.request(&clone(Some("T"), false)).await.code, 0);
    assert_eq!(offset(&f, "To", "T", 0).await, "0");
    assert_eq!(f.request(&clone(Some("T"), true)).await.code, 0);
    assert_eq!(
        (offset(&f, "To", "T", 0).await, offset(&f, "To", "T", 1).await),
        ("7".into(), "8".into())
    );
    f.stop().await;
}
