//! Which values make sense, beyond fitting their type.

use std::net::ToSocketAddrs;

use config::Row;
use protocol::topic;
use store::{BrokerRole, DelayLevels};

use crate::config::BrokerConfigs;

/// Numbers that have other bounds than 0 and what their type holds.
const BOUNDS: &[(&str, i64, i64)] = &[
    // The listener for privileged requests is two below, the one for replicas one above.
    ("listenPort", 3, 65_534),
    ("haListenPort", 1, 65_535),
    ("maxMessageSize", 1, i32::MAX as i64),
    ("mapedFileSizeCommitLog", 1024, i32::MAX as i64),
    ("mapedFileSizeConsumeQueue", 20, i32::MAX as i64),
    ("mappedFileSizeConsumeQueueExt", 64, i32::MAX as i64),
    ("maxHashSlotNum", 1, i32::MAX as i64),
    ("maxIndexNum", 2, i32::MAX as i64),
    ("accessMessageInMemoryMaxRatio", 0, 100),
    ("diskMaxUsedSpaceRatio", 0, 100),
    ("maxErrorRateOfBloomFilter", 1, 99),
    ("expectConsumerNumUseFilter", 1, i32::MAX as i64),
    // Periods: 0 would mean without a pause.
    ("cleanResourceInterval", 1, i32::MAX as i64),
    ("commitIntervalCommitLog", 1, i32::MAX as i64),
    ("flushConsumerOffsetInterval", 1, i32::MAX as i64),
    ("flushDelayOffsetInterval", 1, i64::MAX),
    ("flushIntervalCommitLog", 1, i32::MAX as i64),
    ("flushIntervalConsumeQueue", 1, i32::MAX as i64),
    ("haSendHeartbeatInterval", 1, i32::MAX as i64),
    ("registerNameServerPeriod", 1, i32::MAX as i64),
    ("shortPollingTimeMills", 1, i64::MAX),
    ("transactionCheckInterval", 1, i64::MAX),
];

/// Texts that may be empty.
const MAY_BE_EMPTY: [&str; 4] =
    ["namesrvAddr", "rocketmqHome", "messageStorePlugIn", "haMasterAddress"];

/// Whether a value of one key makes sense.
pub(super) fn value(row: &Row, value: &str) -> Result<(), String> {
    if row.marks.ours && value.is_empty() {
        return Ok(());
    }
    match row.ty {
        "boolean" => boolean(value),
        "int" | "long" => number(row.name, value),
        "String" => text(row.name, value),
        _ => Ok(()),
    }
}

/// Java takes whatever is not `true` for false, so that a slip of the finger switches things off.
fn boolean(value: &str) -> Result<(), String> {
    let known = ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word));
    if known { Ok(()) } else { Err("it must be true or false".to_owned()) }
}

fn number(key: &str, value: &str) -> Result<(), String> {
    let Ok(number) = value.parse::<i64>() else { return Err("it must be a number".to_owned()) };
    if key == "brokerPermission" {
        let known = matches!(number, 0 | 2 | 4 | 6);
        return if known { Ok(()) } else { Err("it must be 2, 4, 6 or 0".to_owned()) };
    }
    let bounds = BOUNDS.iter().find(|(name, ..)| *name == key);
    let (least, most) = bounds.map_or((0, i64::MAX), |(_, least, most)| (*least, *most));
    if number < least {
        return Err(format!("it must be {least} at least"));
    }
    if number > most {
        return Err(format!("it must be {most} at most"));
    }
    Ok(())
}

fn text(key: &str, value: &str) -> Result<(), String> {
    if value.trim().is_empty() {
        let empty_is_fine = value.is_empty() && MAY_BE_EMPTY.contains(&key);
        return if empty_is_fine { Ok(()) } else { Err("it must not be empty".to_owned()) };
    }
    match key {
        "brokerName" | "brokerClusterName" | "msgTraceTopicName" => topic::check_name(value)
            .map_err(|_| format!("it is a topic too and must match {}", topic::NAME_PATTERN)),
        "brokerIP1" | "brokerIP2" => address(value),
        "haMasterAddress" => server(value),
        "namesrvAddr" => value.split(';').try_for_each(server),
        "deleteWhen" => value.split(';').try_for_each(hour),
        "messageDelayLevel" => {
            DelayLevels::parse(value).map(|_| ()).map_err(|error| error.to_string())
        }
        _ => Ok(()),
    }
}

fn address(value: &str) -> Result<(), String> {
    let found = (value, 0).to_socket_addrs().is_ok_and(|mut addrs| addrs.next().is_some());
    if found { Ok(()) } else { Err("it is no address".to_owned()) }
}

fn server(value: &str) -> Result<(), String> {
    let parts = value.rsplit_once(':');
    let fits = parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
    });
    if fits { Ok(()) } else { Err(format!("`{value}` is not host:port")) }
}

fn hour(value: &str) -> Result<(), String> {
    let fits = value.parse::<u8>().is_ok_and(|hour| hour < 24);
    if fits { Ok(()) } else { Err(format!("`{value}` is no hour of the day")) }
}

/// Whether the settings make sense together: the broker must start with them.
pub(super) fn together(configs: &BrokerConfigs) -> Result<(), String> {
    let slave = configs.store.broker_role == BrokerRole::Slave;
    if slave && configs.broker.broker_id <= 0 {
        return Err("a broker whose brokerRole is SLAVE must have a brokerId above 0".to_owned());
    }
    Ok(())
}
