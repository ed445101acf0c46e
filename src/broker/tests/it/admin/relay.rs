//! What a broker asks consumers on behalf of operators (223, 307, 309).

use protocol::bodies::{GetConsumerStatusBody, MessageQueue};
use protocol::codes::request::{
    CONSUME_MESSAGE_DIRECTLY, GET_CONSUMER_RUNNING_INFO, GET_CONSUMER_STATUS_FROM_CLIENT,
};
use protocol::requests::{
    ConsumeMessageDirectly, GetConsumerRunningInfo, InvokeBrokerToGetConsumerStatus,
};
use protocol::{Command, Reply, json};

use super::{Consumer, filled_topic, text};
use crate::harness::*;

const LEAK: &str = "not set any response code";

fn running_info(client_id: &str) -> GetConsumerRunningInfo {
    GetConsumerRunningInfo {
        consumer_group: "CG".to_owned(),
        client_id: client_id.to_owned(),
        jstack_enable: true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_is_asked_and_its_answer_passed_on() {
    let f = Fixture::new().await;
    let info = Reply::ok().remark(LEAK).body(r#"{"jstack":"x"}"#.to_owned());
    let consumer = Consumer::new(vec![(GET_CONSUMER_RUNNING_INFO, info)]);
    consumer.join(&f, "c@1", "CG", "T", None).await;
    let mut command = Command::of(&running_info("c@1")).unwrap();
    for (key, value) in [("AccessKey", "k"), ("Signature", "s"), ("SecurityToken", "t")] {
        command.ext.push(key, value);
    }
    let answer = f.call(command).await;
    assert_eq!((answer.code, remark(&answer), answer.ext.present()), (0, LEAK, false));
    assert_eq!(text(&answer), r#"{"jstack":"x"}"#);
    let asked = consumer.asked(GET_CONSUMER_RUNNING_INFO).pop().unwrap();
    assert!(!asked.is_oneway());
    assert_eq!((field(&asked, "clientId"), field(&asked, "jstackEnable")), ("c@1", "true"));
    // How the operator signed the request stays with the broker.
    assert_eq!(asked.ext.len(), 3, "{asked:?}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_cannot_be_asked() {
    let f = Fixture::new().await;
    let answer = f.request(&running_info("x")).await;
    assert_eq!((answer.code, remark(&answer)), (1, "The Consumer <CG> <x> not online"));
    let old = Consumer::new(Vec::new());
    old.join(&f, "old", "CG", "T", Some(61)).await;
    let answer = f.request(&running_info("old")).await;
    let expected = "The Consumer <old> Version <V3_1_7> too low to finish, please upgrade it to V3_1_8_SNAPSHOT";
    assert_eq!((answer.code, remark(&answer)), (1, expected));

    let silent = Consumer::new(Vec::new());
    silent.join(&f, "silent", "CG", "T", None).await;
    let started = tokio::time::Instant::now();
    let answer = f.request(&running_info("silent")).await;
    assert_eq!(answer.code, 207, "{answer:?}");
    let start = "consumer <CG> <silent> Timeout: \
        org.apache.rocketmq.remoting.exception.RemotingTimeoutException: \
        wait response on the channel <127.0.0.1:";
    assert!(remark(&answer).starts_with(start), "{answer:?}");
    assert!(remark(&answer).contains("> timeout, 10000(ms)"), "{answer:?}");
    assert!(started.elapsed() >= std::time::Duration::from_secs(10));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_consumed_on_request() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 1).await;
    let id = field(&f.send("T", "the body", "").await, "msgId").to_owned();
    let result =
        r#"{"autoCommit":true,"consumeResult":"CR_SUCCESS","order":false,"spentTimeMills":1}"#;
    let reply = Reply::ok().remark(LEAK).body(result.to_owned());
    let consumer = Consumer::new(vec![(CONSUME_MESSAGE_DIRECTLY, reply)]);
    consumer.join(&f, "c@1", "CG", "T", None).await;
    let ask = ConsumeMessageDirectly {
        consumer_group: "CG".to_owned(),
        client_id: Some("c@1".to_owned()),
        msg_id: Some(id.clone()),
        broker_name: Some("as if".to_owned()),
    };
    let answer = f.request(&ask).await;
    assert_eq!((answer.code, remark(&answer), text(&answer)), (0, LEAK, result));
    let asked = consumer.asked(CONSUME_MESSAGE_DIRECTLY).pop().unwrap();
    assert_eq!(field(&asked, "brokerName"), "broker-t");
    assert_eq!((field(&asked, "msgId"), asked.ext.len()), (id.as_str(), 4));
    assert_eq!(bodies(&asked), ["the body"]);

    let bad = ConsumeMessageDirectly { msg_id: Some("zz".to_owned()), ..ask.clone() };
    let answer = f.request(&bad).await;
    assert_eq!(answer.code, 1);
    assert!(remark(&answer).starts_with("msgId [zz] is none"), "{answer:?}");
    let gone = format!("{}0000000000FFFFFF", &id[..16]);
    let bad = ConsumeMessageDirectly { msg_id: Some(gone), ..ask.clone() };
    let answer = f.request(&bad).await;
    let expected = "can not find message by the offset, 16777215";
    assert_eq!((answer.code, remark(&answer)), (1, expected));
    let nobody = ConsumeMessageDirectly { client_id: None, ..ask };
    let answer = f.request(&nobody).await;
    assert_eq!((answer.code, remark(&answer)), (1, "The Consumer <CG> <null> not online"));
    f.stop().await;
}

fn status(client: Option<&str>) -> InvokeBrokerToGetConsumerStatus {
    InvokeBrokerToGetConsumerStatus {
        topic: "T".to_owned(),
        group: "CG".to_owned(),
        client_addr: client.map(str::to_owned),
    }
}

fn status_reply(offset: i64) -> Vec<(i32, Reply)> {
    let queue = MessageQueue::new("T", "broker-t", 0);
    let body = GetConsumerStatusBody {
        message_queue_table: [(queue, offset)].into(),
        ..GetConsumerStatusBody::default()
    };
    vec![(GET_CONSUMER_STATUS_FROM_CLIENT, Reply::ok().body(json::to_vec(&body)))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_inside_consumers_are_gathered() {
    let f = Fixture::new().await;
    let answer = f.request(&status(None)).await;
    let expected = "No Any Consumer online in the consumer group: [CG]";
    assert_eq!((answer.code, remark(&answer)), (1, expected));
    let (one, two) = (Consumer::new(status_reply(1)), Consumer::new(status_reply(2)));
    one.join(&f, "one", "CG", "T", None).await;
    two.join(&f, "two", "CG", "T", None).await;
    let broken = (GET_CONSUMER_STATUS_FROM_CLIENT, Reply::ok().body("{".to_owned()));
    let broken = Consumer::new(vec![broken]);
    broken.join(&f, "broken", "CG", "T", None).await;
    let answer = f.request(&status(None)).await;
    assert_eq!((answer.code, remark(&answer)), (0, LEAK));
    let queue = r#"{"brokerName":"broker-t","queueId":0,"topic":"T"}"#;
    let expected = format!(
        r#"{{"consumerTable":{{"one":{{{queue}:1}},"two":{{{queue}:2}}}},"messageQueueTable":{{}}}}"#
    );
    assert_eq!(text(&answer), expected);
    let asked = one.asked(GET_CONSUMER_STATUS_FROM_CLIENT).pop().unwrap();
    assert_eq!((field(&asked, "topic"), field(&asked, "group"), asked.ext.len()), ("T", "CG", 2));

    let answer = f.request(&status(Some("two"))).await;
    let expected =
        format!(r#"{{"consumerTable":{{"two":{{{queue}:2}}}},"messageQueueTable":{{}}}}"#);
    assert_eq!(text(&answer), expected);
    assert_eq!(one.asked(GET_CONSUMER_STATUS_FROM_CLIENT).len(), 1);
    let answer = f.request(&status(Some("nobody"))).await;
    assert_eq!(text(&answer), r#"{"consumerTable":{},"messageQueueTable":{}}"#);

    let old = Consumer::new(Vec::new());
    old.join(&f, "old", "CG", "T", Some(27)).await;
    let answer = f.request(&status(None)).await;
    let expected = "the client does not support this feature. version=V3_0_6";
    assert_eq!((answer.code, remark(&answer)), (1, expected));
    f.stop().await;
}
