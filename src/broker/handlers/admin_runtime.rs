//! Figures of the broker: all at once (28) and one item of the statistics (315).

use protocol::bodies::{BrokerStatsData, KvTable};
use protocol::requests::ViewBrokerStatsData;
use protocol::{Refusal, version};
use remoting::Answer;

use super::admin::{blocking, body};
use super::{Call, Outcome};
use crate::Broker;
use crate::java_text;

/// How it goes: the store's figures and the broker's.
pub(crate) fn runtime_info(call: &Call<'_>) -> Answer {
    blocking(call.broker, |broker| body(&table(broker)))
}

/// All figures. Reads from the disk.
pub(crate) fn table(broker: &Broker) -> KvTable {
    let offsets: Vec<_> = broker.delay.snapshot().offset_table.into_iter().collect();
    let mut table: KvTable = broker.store.runtime_info(&offsets).into_iter().collect();
    let ours = counts(broker).into_iter().chain(queues(broker)).chain(store(broker));
    table.table.extend(ours.map(|(key, value)| (key.to_owned(), value)));
    table
}

type Figure = (&'static str, String);

fn counts(broker: &Broker) -> [Figure; 8] {
    let (days, store) = (broker.stats.days(), broker.store.stats());
    [
        ("brokerVersionDesc", version::name(version::CURRENT)),
        ("brokerVersion", version::CURRENT.to_string()),
        ("msgPutTotalYesterdayMorning", days.put_yesterday.to_string()),
        ("msgPutTotalTodayMorning", days.put_today.to_string()),
        ("msgPutTotalTodayNow", store.put_messages().to_string()),
        ("msgGetTotalYesterdayMorning", days.got_yesterday.to_string()),
        ("msgGetTotalTodayMorning", days.got_today.to_string()),
        ("msgGetTotalTodayNow", store.get_messages().to_string()),
    ]
}

/// The queues in front of 4.4.0's thread pools. Here requests are served as they come; what is
/// counted are those that wait to be answered. The capacities are those of the settings.
fn queues(broker: &Broker) -> [Figure; 12] {
    let config = broker.config.load();
    let none = || "0".to_owned();
    [
        ("sendThreadPoolQueueSize", broker.flow.sends.len().to_string()),
        ("sendThreadPoolQueueCapacity", config.send_thread_pool_queue_capacity.to_string()),
        ("sendThreadPoolQueueHeadWaitTimeMills", none()),
        ("pullThreadPoolQueueSize", none()),
        ("pullThreadPoolQueueCapacity", config.pull_thread_pool_queue_capacity.to_string()),
        ("pullThreadPoolQueueHeadWaitTimeMills", none()),
        ("queryThreadPoolQueueSize", none()),
        ("queryThreadPoolQueueCapacity", config.query_thread_pool_queue_capacity.to_string()),
        ("queryThreadPoolQueueHeadWaitTimeMills", none()),
        ("EndTransactionQueueSize", broker.flow.ends.len().to_string()),
        (
            "EndTransactionThreadPoolQueueCapacity",
            config.end_transaction_pool_queue_capacity.to_string(),
        ),
        (
            "startAcceptSendRequestTimeStamp",
            config.start_accept_send_request_time_stamp.to_string(),
        ),
    ]
}

fn store(broker: &Broker) -> Vec<Figure> {
    let (store, config) = (&broker.store, broker.store_config.load());
    let pool = config.uses_transient_store_pool();
    let buffers = if pool { config.transient_store_pool_size } else { i32::MAX };
    let mut figures = vec![
        ("dispatchBehindBytes", store.dispatch_behind().to_string()),
        ("pageCacheLockTimeMills", store.lock_time_ms().to_string()),
        ("earliestMessageTimeStamp", store.earliest_log_time().to_string()),
        ("remainTransientStoreBufferNumbs", buffers.to_string()),
        ("remainHowManyDataToFlush", java_text::bytes(store.flush_behind())),
    ];
    if config.transient_store_pool_enable {
        figures.push(("remainHowManyDataToCommit", java_text::bytes(0)));
    }
    if let Ok(disk) = rustix::fs::statvfs(config.store_path_root_dir.as_str()) {
        let size = |blocks: u64| {
            let bytes = i64::try_from(blocks.saturating_mul(disk.f_frsize));
            java_text::bytes(bytes.unwrap_or(i64::MAX))
        };
        let (total, free) = (size(disk.f_blocks), size(disk.f_bfree));
        figures.push(("commitLogDirCapacity", format!("Total : {total}, Free : {free}.")));
    }
    figures
}

/// One item of the statistics.
pub(crate) fn stats_item(call: &Call<'_>, header: &ViewBrokerStatsData) -> Outcome {
    let ViewBrokerStatsData { stats_name, stats_key } = header;
    let cluster = &call.broker.identity().cluster;
    let found = call.broker.stats.find(stats_name, stats_key, cluster);
    let [minute, hour, day] = found.ok_or_else(|| {
        let remark = format!("The stats <{stats_name}> <{stats_key}> not exist");
        Refusal::system_error(remark)
    })?;
    body(&BrokerStatsData {
        stats_day: Some(day),
        stats_hour: Some(hour),
        stats_minute: Some(minute),
    })
}
