//! Figures: the broker's (28) and single items of the statistics (315).

use protocol::bodies::{BrokerStatsData, ConsumeStats, KvTable};
use protocol::json;
use protocol::requests::{GetBrokerRuntimeInfo, GetConsumeStats, ViewBrokerStatsData};

use super::{filled_topic, text, wait_for};
use crate::harness::*;

/// What `brokerStatus` of 4.4.0 shows, without delay levels.
const KEYS: &str = "EndTransactionQueueSize EndTransactionThreadPoolQueueCapacity bootTimestamp \
    brokerVersion brokerVersionDesc commitLogDirCapacity commitLogDiskRatio commitLogMaxOffset \
    commitLogMinOffset consumeQueueDiskRatio dispatchBehindBytes dispatchMaxBuffer \
    earliestMessageTimeStamp getFoundTps getMessageEntireTimeMax getMissTps getTotalTps \
    getTransferedTps msgGetTotalTodayMorning msgGetTotalTodayNow msgGetTotalYesterdayMorning \
    msgPutTotalTodayMorning msgPutTotalTodayNow msgPutTotalYesterdayMorning \
    pageCacheLockTimeMills pullThreadPoolQueueCapacity pullThreadPoolQueueHeadWaitTimeMills \
    pullThreadPoolQueueSize putMessageAverageSize putMessageDistributeTime \
    putMessageEntireTimeMax putMessageSizeTotal putMessageTimesTotal putTps \
    queryThreadPoolQueueCapacity queryThreadPoolQueueHeadWaitTimeMills queryThreadPoolQueueSize \
    remainHowManyDataToFlush remainTransientStoreBufferNumbs runtime \
    sendThreadPoolQueueCapacity sendThreadPoolQueueHeadWaitTimeMills sendThreadPoolQueueSize \
    startAcceptSendRequestTimeStamp";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runtime_info_is_there_from_the_first_moment() {
    let f = Fixture::new().await;
    let answer = f.request(&GetBrokerRuntimeInfo).await;
    assert_eq!((answer.code, remark(&answer)), (0, ""));
    let info: KvTable = json::from_slice(&answer.body).unwrap();
    let keys: Vec<_> = info.table.keys().map(String::as_str).collect();
    assert_eq!(keys, KEYS.split_whitespace().collect::<Vec<_>>());
    let get = |key: &str| info.table[key].as_str();
    assert_eq!((get("brokerVersion"), get("brokerVersionDesc")), ("293", "V4_4_0"));
    assert_eq!(get("remainHowManyDataToFlush"), "0 B");
    assert_eq!(get("remainTransientStoreBufferNumbs"), "2147483647");
    assert_eq!(get("sendThreadPoolQueueCapacity"), "10000");
    assert_eq!(get("EndTransactionThreadPoolQueueCapacity"), "100000");
    let capacity = get("commitLogDirCapacity");
    assert!(capacity.starts_with("Total : ") && capacity.ends_with("iB."), "{capacity}");
    let ratio: f64 = get("commitLogDiskRatio").parse().unwrap();
    assert!((0.0..=1.0).contains(&ratio));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runtime_info_counts_messages_and_delays() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 3).await;
    f.pull("T", 0).await;
    f.send("T", "late", "DELAY\u{1}1\u{2}").await;
    f.filled("T", 4).await;
    let answer = f.request(&GetBrokerRuntimeInfo).await;
    let info: KvTable = json::from_slice(&answer.body).unwrap();
    let get = |key: &str| info.table[key].as_str();
    assert_eq!(get("msgPutTotalTodayNow"), "5");
    assert_eq!((get("msgGetTotalTodayNow"), get("msgPutTotalTodayMorning")), ("3", "0"));
    assert_eq!(get("scheduleMessageOffset_1"), "1,1");
    assert!(get("earliestMessageTimeStamp").parse::<i64>().unwrap() > 1_700_000_000_000);
    assert_eq!(get("dispatchBehindBytes"), "0");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_the_statistics() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 2).await;
    f.pull("T", 0).await;
    let ask = |name: &str, key: &str| ViewBrokerStatsData {
        stats_name: name.to_owned(),
        stats_key: key.to_owned(),
    };
    let empty = r#"{"avgpt":0.0,"sum":0,"tps":0.0}"#;
    let all = format!(r#"{{"statsDay":{empty},"statsHour":{empty},"statsMinute":{empty}}}"#);
    for (name, key) in [
        ("TOPIC_PUT_NUMS", "T"),
        ("TOPIC_PUT_SIZE", "T"),
        ("GROUP_GET_NUMS", "T@g"),
        ("GROUP_GET_SIZE", "T@g"),
        ("GROUP_GET_LATENCY", "0@T@g"),
        ("BROKER_PUT_NUMS", "DefaultCluster"),
        ("BROKER_GET_NUMS", "DefaultCluster"),
    ] {
        let answer = f.request(&ask(name, key)).await;
        assert_eq!(answer.code, 0, "{name} {key}");
        // Nothing is sampled in the first ten seconds.
        assert_eq!(text(&answer), all, "{name} {key}");
    }
    for (name, key) in [("TOPIC_PUT_NUMS", "zz"), ("SNDBCK_PUT_NUMS", "T@g"), ("NO_SET", "T")] {
        let answer = f.request(&ask(name, key)).await;
        let expected = format!("The stats <{name}> <{key}> not exist");
        assert_eq!((answer.code, remark(&answer)), (1, expected.as_str()));
    }
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_has_figures_after_the_next_sample() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 2).await;
    f.pull("T", 0).await;
    let ask = ViewBrokerStatsData { stats_name: "TOPIC_PUT_NUMS".into(), stats_key: "T".into() };
    let sampled = |answer: &protocol::Command| !text(answer).ends_with("\"sum\":0,\"tps\":0.0}}");
    let answer = wait_for("a sample", || f.request(&ask), sampled).await;
    let data: BrokerStatsData = json::from_slice(&answer.body).unwrap();
    let minute = data.stats_minute.unwrap();
    assert_eq!((minute.sum, minute.avgpt), (2, 1.0));
    assert!((0.1..=0.3).contains(&minute.tps), "{minute:?}");
    assert_eq!(data.stats_day.map(|day| day.sum), Some(0));
    let ask = GetConsumeStats { consumer_group: "g".to_owned(), topic: Some("T".to_owned()) };
    let stats: ConsumeStats = json::from_slice(&f.request(&ask).await.body).unwrap();
    assert!((0.1..=0.3).contains(&stats.consume_tps), "{stats:?}");
    f.stop().await;
}
