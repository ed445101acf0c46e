use proptest::prelude::*;

use super::*;
use crate::sysflag;

const LOG: &[u8] = include_bytes!("../tests/golden/commitlog.main.bin");
const DECODED: &str = include_str!("../tests/golden/commitlog.main.jsonl");

fn number(value: &serde_json::Value, key: &str) -> i64 {
    value[key].as_i64().unwrap()
}

fn check(record: &Message<'_>, expected: &serde_json::Value) {
    assert_eq!(i64::try_from(record.encoded_len()).unwrap(), number(expected, "size"));
    assert_eq!(i64::from(record.body_crc), number(expected, "bodyCRC"));
    assert_eq!(i64::from(record.queue_id), number(expected, "queueId"));
    assert_eq!(i64::from(record.flag), number(expected, "flag"));
    assert_eq!(record.queue_offset, number(expected, "queueOffset"));
    assert_eq!(record.physical_offset, number(expected, "physicalOffset"));
    assert_eq!(i64::from(record.sys_flag), number(expected, "sysFlag"));
    assert_eq!(record.born_timestamp, number(expected, "bornTimestamp"));
    assert_eq!(record.born_host.to_string(), expected["bornHost"].as_str().unwrap());
    assert_eq!(record.store_timestamp, number(expected, "storeTimestamp"));
    assert_eq!(record.store_host.to_string(), expected["storeHost"].as_str().unwrap());
    assert_eq!(i64::from(record.reconsume_times), number(expected, "reconsumeTimes"));
    assert_eq!(record.prepared_transaction_offset, number(expected, "preparedTransactionOffset"));
    assert_eq!(i64::try_from(record.body.len()).unwrap(), number(expected, "bodyLen"));
    if !sysflag::message::is_compressed(record.sys_flag) {
        // The listing shows the first characters only; the check sum above covers the rest.
        assert!(record.body.starts_with(expected["body"].as_str().unwrap().as_bytes()));
    }
    assert_eq!(record.topic, expected["topic"].as_str().unwrap());
    let properties = expected["properties"].as_str().unwrap();
    assert_eq!(record.properties.as_bytes(), properties.as_bytes());
}

#[test]
fn javas_records_decode_field_by_field_and_encode_to_the_same_bytes() {
    let mut again = Vec::new();
    let mut lines = DECODED.lines();
    for record in records(LOG) {
        let record = record.unwrap();
        record.check_body().unwrap();
        check(&record, &serde_json::from_str(lines.next().unwrap()).unwrap());
        record.encode(&mut again);
    }
    assert!(lines.next().is_none());
    assert_eq!(again, LOG);
}

fn sample() -> Message<'static> {
    Message {
        body_crc: body_crc(b"hello"),
        queue_id: 3,
        flag: 9,
        queue_offset: 77,
        physical_offset: 1 << 40,
        sys_flag: 0,
        born_timestamp: 1_795_358_558_433,
        born_host: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 65535).into(),
        store_timestamp: 1_795_358_558_577,
        store_host: SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911).into(),
        reconsume_times: 2,
        prepared_transaction_offset: 5,
        body: b"hello",
        topic: "T",
        properties: Properties::new(b"a\x01b\x02"),
    }
}

fn encoded() -> Vec<u8> {
    let mut bytes = Vec::new();
    sample().encode(&mut bytes);
    bytes
}

#[test]
fn every_cut_is_an_error() {
    let bytes = encoded();
    assert_eq!(Message::decode(&bytes), Ok(sample()));
    for cut in 0..bytes.len() {
        assert_eq!(Message::decode(&bytes[..cut]), Err(Damage::Truncated), "cut at {cut}");
    }
}

#[test]
fn each_kind_of_damage_is_told() {
    let spoil = |at: usize, with: &[u8]| {
        let mut bytes = encoded();
        bytes[at..at + with.len()].copy_from_slice(with);
        read(&bytes).map(|_| ())
    };
    assert_eq!(spoil(at::MAGIC, &[0; 4]), Err(Damage::Magic(0)));
    assert_eq!(spoil(at::TOTAL_SIZE, &[0, 0, 0, 9]), Err(Damage::Size { total: 9 }));
    assert_eq!(spoil(at::TOTAL_SIZE, &[0xFF; 4]), Err(Damage::Size { total: -1 }));
    assert_eq!(spoil(at::BODY_LEN, &[0x7F]), Err(Damage::Truncated));
    assert!(matches!(spoil(at::BODY_LEN, &[0xFF]), Err(Damage::Size { .. })));
    let topic = HEAD_LEN + 5;
    assert!(matches!(spoil(topic, &[0x80]), Err(Damage::Size { .. })));
    assert_eq!(spoil(topic + 1, &[0xFF]), Err(Damage::Topic));
    assert!(matches!(spoil(topic + 2, &[0xFF]), Err(Damage::Size { .. })));
    let mut bytes = encoded();
    bytes[HEAD_LEN] ^= 1;
    assert!(matches!(Message::decode(&bytes).unwrap().check_body(), Err(Damage::Crc { .. })));
}

#[test]
fn a_blank_record_is_told_apart() {
    assert_eq!(read(&blank(139)), Ok(Entry::Blank(139)));
    assert_eq!(Message::decode(&blank(139)), Err(Damage::Magic(BLANK_MAGIC)));
    assert_eq!(blank(139), [0, 0, 0, 139, 0xCB, 0xD4, 0x31, 0x94]);
}

#[test]
fn records_end_at_the_first_damage() {
    let mut bytes = encoded();
    bytes.extend_from_slice(&encoded());
    bytes.extend_from_slice(&[1, 2, 3]);
    let read: Vec<_> = records(&bytes).map(|each| each.is_ok()).collect();
    assert_eq!(read, [true, true, false]);
}

#[test]
fn hosts_keep_odd_ports() {
    let host = Host([127, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(host.to_string(), "127.0.0.1:-1");
    let addr = SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 10911);
    assert_eq!(Host::from(addr).to_addr(), addr);
}

proptest! {
    #[test]
    fn records_round_trip(
        numbers in any::<(i32, i32, i64, i64, i32, i64, i64, i32, i64)>(),
        hosts in any::<([u8; 8], [u8; 8])>(),
        body in prop::collection::vec(any::<u8>(), 0..300),
        topic in "[a-zA-Z0-9_%-]{0,127}",
        properties in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let (queue_id, flag, queue_offset, physical_offset, sys_flag, born, stored, times, half) = numbers;
        let message = Message {
            body_crc: body_crc(&body),
            queue_id,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            born_timestamp: born,
            born_host: Host(hosts.0),
            store_timestamp: stored,
            store_host: Host(hosts.1),
            reconsume_times: times,
            prepared_transaction_offset: half,
            body: &body,
            topic: &topic,
            properties: Properties::new(&properties),
        };
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        bytes.push(0);
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
        prop_assert_eq!(message.check_body(), Ok(()));
    }

    #[test]
    fn no_bytes_upset_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        if bytes.len() >= 8 {
            bytes[4..8].copy_from_slice(&MESSAGE_MAGIC.to_be_bytes());
            let _ = read(&bytes);
        }
    }
}
