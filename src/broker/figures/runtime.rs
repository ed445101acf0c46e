//! The answer to GET_BROKER_RUNTIME_INFO (28) as rocketmq-exporter shows it: the same texts, taken
//! apart the same way.

use std::collections::HashMap;

use observe::{Metric, Scrape};
use protocol::version;

use super::Who;
use crate::handlers::admin_runtime;
use crate::start::Broker;

/// Figures that are one number.
const NUMBERS: &[(&str, Metric)] = &[
    ("msgPutTotalTodayNow", Metric::MsgPutTotalTodayNow),
    ("msgGetTotalTodayNow", Metric::MsgGetTotalTodayNow),
    ("msgPutTotalTodayMorning", Metric::MsgPutTotalTodayMorning),
    ("msgGetTotalTodayMorning", Metric::MsgGetTotalTodayMorning),
    ("msgPutTotalYesterdayMorning", Metric::MsgPutTotalYesterdayMorning),
    ("msgGetTotalYesterdayMorning", Metric::MsgGetTotalYesterdayMorning),
    ("dispatchBehindBytes", Metric::DispatchBehindBytes),
    ("commitLogMaxOffset", Metric::CommitLogMaxOffset),
    ("commitLogMinOffset", Metric::CommitLogMinOffset),
    ("commitLogDiskRatio", Metric::CommitLogDiskRatio),
    ("consumeQueueDiskRatio", Metric::ConsumeQueueDiskRatio),
    ("earliestMessageTimeStamp", Metric::EarliestMessageTimestamp),
    ("putMessageSizeTotal", Metric::PutMessageSizeTotal),
    ("putMessageAverageSize", Metric::PutMessageAverageSize),
    ("putMessageTimesTotal", Metric::PutMessageTimesTotal),
    ("putMessageEntireTimeMax", Metric::PutMessageEntireTimeMax),
    ("getMessageEntireTimeMax", Metric::GetMessageEntireTimeMax),
    ("pageCacheLockTimeMills", Metric::PageCacheLockTime),
    ("sendThreadPoolQueueSize", Metric::SendQueueSize),
    ("sendThreadPoolQueueCapacity", Metric::SendQueueCapacity),
    ("pullThreadPoolQueueCapacity", Metric::PullQueueCapacity),
    ("startAcceptSendRequestTimeStamp", Metric::StartAcceptSendRequestTime),
];

/// Figures that are three rates, over 10, 60 and 600 seconds; later ones may be missing.
const RATES: &[(&str, [Metric; 3])] = &[
    ("putTps", [Metric::PutTps10, Metric::PutTps60, Metric::PutTps600]),
    ("getFoundTps", [Metric::GetFoundTps10, Metric::GetFoundTps60, Metric::GetFoundTps600]),
    ("getMissTps", [Metric::GetMissTps10, Metric::GetMissTps60, Metric::GetMissTps600]),
    ("getTotalTps", [Metric::GetTotalTps10, Metric::GetTotalTps60, Metric::GetTotalTps600]),
    (
        "getTransferedTps",
        [Metric::GetTransferedTps10, Metric::GetTransferedTps60, Metric::GetTransferedTps600],
    ),
];

/// The classes of put times, in their order.
const PUT_TIMES: [Metric; 13] = [
    Metric::Pmdt0,
    Metric::Pmdt10,
    Metric::Pmdt50,
    Metric::Pmdt100,
    Metric::Pmdt200,
    Metric::Pmdt500,
    Metric::Pmdt1000,
    Metric::Pmdt2000,
    Metric::Pmdt3000,
    Metric::Pmdt4000,
    Metric::Pmdt5000,
    Metric::Pmdt10000,
    Metric::PmdtMore,
];

/// Adds them.
pub(super) fn collect(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let info: HashMap<String, String> = admin_runtime::table(broker).table.into_iter().collect();
    let text = |key: &str| info.get(key).map_or("", String::as_str);
    let number = version::CURRENT.to_string();
    let labels =
        [who.cluster, who.addr, "", text("brokerVersionDesc"), text("bootTimestamp"), &number];
    let mut set = |metric: Metric, value: f64| scrape.set(metric, &labels, value);
    for (key, metric) in NUMBERS {
        if let Ok(value) = text(key).parse() {
            set(*metric, value);
        }
    }
    for (key, metrics) in RATES {
        for (metric, rate) in metrics.iter().zip(text(key).split(' ')) {
            set(*metric, rate.parse().unwrap_or(0.0));
        }
    }
    let counts = text("putMessageDistributeTime").split_ascii_whitespace();
    for (metric, count) in PUT_TIMES.iter().zip(counts) {
        let count = count.rsplit_once(':').and_then(|(_, count)| count.parse().ok());
        set(*metric, count.unwrap_or(0.0));
    }
    set(Metric::RemainToFlush, broker.store.flush_behind() as f64);
    let root = broker.store_config.load().store_path_root_dir.clone();
    if let Ok(disk) = rustix::fs::statvfs(root.as_str()) {
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize) as f64;
        set(Metric::CommitLogDirTotal, bytes(disk.f_blocks));
        set(Metric::CommitLogDirFree, bytes(disk.f_bfree));
    }
}
