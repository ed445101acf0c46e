use proptest::prelude::*;
use protocol::message::{Message, blank, body_crc};
use protocol::properties::Properties;

use super::*;

const FILE: i64 = 1000;

fn rules() -> Rules {
    Rules { file_len: FILE, batch: 300, heartbeat_ms: 50, silence_ms: 200 }
}

fn record(offset: i64, body_len: usize) -> Vec<u8> {
    let body = vec![b'a' + u8::try_from(offset % 26).unwrap(); body_len];
    let mut bytes = Vec::new();
    Message {
        body_crc: body_crc(&body),
        queue_id: 0,
        flag: 0,
        queue_offset: 0,
        physical_offset: offset,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: Default::default(),
        store_timestamp: 2,
        store_host: Default::default(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: &body,
        topic: "T",
        properties: Properties::from(""),
    }
    .encode(&mut bytes);
    bytes
}

/// A log of records with these bodies, its files ended by blanks as 4.4.0 ends them, and where
/// each record begins.
fn log(bodies: &[usize]) -> (Vec<u8>, Vec<i64>) {
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for body in bodies {
        let len = record(0, *body).len() as i64;
        let left = FILE - bytes.len() as i64 % FILE;
        if len + BLANK_LEN as i64 > left {
            let mut rest = vec![7; usize::try_from(left).unwrap()];
            rest[..BLANK_LEN].copy_from_slice(&blank(i32::try_from(left).unwrap()));
            bytes.extend(rest);
        }
        let at = bytes.len() as i64;
        starts.push(at);
        bytes.extend(record(at, *body));
    }
    (bytes, starts)
}

fn frame(offset: i64, bytes: &[u8]) -> Vec<u8> {
    let head = Head { offset, len: i32::try_from(bytes.len()).unwrap() };
    [&head.encode()[..], bytes].concat()
}

/// A slave's log, fed.
struct Slave {
    receiver: Receiver,
    base: i64,
    log: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum End {
    Distrust(Distrust),
    Differs(i64),
}

impl Slave {
    fn new(log: &[u8], ask: i64) -> Self {
        let receiver = Receiver::new(rules(), log.len() as i64, ask, 0);
        Self { receiver, base: 0, log: log.to_vec() }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), End> {
        let fed = self.receiver.received(bytes, 0);
        while let Some(step) = self.receiver.step().map_err(End::Distrust)? {
            let len = match step {
                Step::Compare { offset, bytes } => {
                    let at = usize::try_from(offset - self.base).unwrap();
                    if self.log[at..at + bytes.len()] != *bytes {
                        return Err(End::Differs(offset));
                    }
                    bytes.len()
                }
                Step::Append { offset, bytes } => {
                    if self.log.is_empty() {
                        self.base = offset;
                    }
                    assert_eq!(offset, self.base + self.log.len() as i64);
                    let first = offset / FILE;
                    assert_eq!(first, (offset + bytes.len() as i64 - 1) / FILE, "one file");
                    self.log.extend(bytes);
                    bytes.len()
                }
            };
            self.receiver.done(len);
        }
        fed.map_err(End::Distrust)
    }

    fn report(&mut self) -> Option<i64> {
        self.receiver.report(0).map(i64::from_be_bytes)
    }
}

#[test]
fn an_empty_slave_takes_a_log_from_any_file_on() {
    let (bytes, _) = log(&[50; 20]);
    for from in [0, 1000, 2000] {
        let mut slave = Slave::new(&[], 0);
        assert_eq!(slave.receiver.hello(), [0; 8]);
        slave.feed(&frame(from, &[])).unwrap();
        assert_eq!(slave.report(), None);
        slave.feed(&frame(from, &bytes[usize::try_from(from).unwrap()..])[..]).unwrap_err();
        let mut slave = Slave::new(&[], 0);
        let mut at = from;
        for file in bytes[usize::try_from(from).unwrap()..].chunks(1000) {
            slave.feed(&frame(at, file)).unwrap();
            at += file.len() as i64;
        }
        assert_eq!(slave.base, from);
        assert_eq!(slave.log, bytes[usize::try_from(from).unwrap()..]);
        assert_eq!(slave.report(), Some(bytes.len() as i64));
    }
}

#[test]
fn a_first_file_that_cannot_be_ours_is_refused() {
    let mut slave = Slave::new(&[], 0);
    let refused = slave.feed(&frame(10, &[0; 4]));
    assert_eq!(refused, Err(End::Distrust(Distrust::Unaligned(10))));
}

#[test]
fn an_incomplete_record_is_not_stored_and_not_reported() {
    let (bytes, starts) = log(&[50, 60]);
    let second = usize::try_from(starts[1]).unwrap();
    let mut slave = Slave::new(&[], 0);
    slave.feed(&frame(0, &bytes[..second + 10])).unwrap();
    assert_eq!(slave.report(), Some(starts[1]));
    assert_eq!(slave.log, bytes[..second]);
    slave.feed(&frame(starts[1] + 10, &bytes[second + 10..])).unwrap();
    assert_eq!(slave.report(), Some(bytes.len() as i64));
    assert_eq!(slave.report(), None);
    assert_eq!(slave.log, bytes);
}

#[test]
fn what_the_slave_has_is_compared_before_it_goes_on() {
    let (bytes, starts) = log(&[50, 60, 70]);
    let ask = usize::try_from(starts[1]).unwrap();
    let has = usize::try_from(starts[2]).unwrap();
    let mut slave = Slave::new(&bytes[..has], starts[1]);
    assert_eq!(slave.receiver.hello(), report(starts[1]));
    slave.feed(&frame(starts[1], &bytes[ask..ask + 20])).unwrap();
    assert_eq!(slave.report(), Some(starts[1] + 20), "no more than was sent");
    slave.feed(&frame(starts[1] + 20, &bytes[ask + 20..])).unwrap();
    assert_eq!(slave.log, bytes);

    let (mut other, _) = log(&[50, 60, 70]);
    other[ask + 56] ^= 1;
    let mut slave = Slave::new(&other[..has], starts[1]);
    let differs = slave.feed(&frame(starts[1], &bytes[ask..]));
    assert_eq!(differs, Err(End::Differs(starts[1])));
    assert_eq!(slave.log, other[..has]);
}

#[test]
fn a_master_without_our_newest_record_is_left() {
    let (bytes, starts) = log(&[50, 60]);
    let mut slave = Slave::new(&bytes, starts[1]);
    slave.feed(&frame(starts[1], &[])).unwrap();
    let left = slave.feed(&frame(starts[1], &[]));
    let why = Distrust::MasterBehind { master: starts[1], slave: bytes.len() as i64 };
    assert_eq!(left, Err(End::Distrust(why)));
}

#[test]
fn garbage_is_not_stored() {
    let (bytes, starts) = log(&[50, 60, 70]);
    let third = usize::try_from(starts[2]).unwrap();
    let check = |change: &dyn Fn(&mut Vec<u8>), why: Distrust| {
        let mut garbled = bytes.clone();
        change(&mut garbled);
        let mut slave = Slave::new(&[], 0);
        assert_eq!(slave.feed(&frame(0, &garbled)), Err(End::Distrust(why)));
        assert_eq!(slave.log, bytes[..third], "what came before is good");
        assert_eq!(slave.report(), Some(starts[2]));
    };
    let offset = starts[2];
    let at = |position: usize| third + position;
    let magic = Damage::Magic(0x00A3_20A7);
    check(&|b| b[at(4)] = 0, Distrust::Record { offset, damage: magic });
    let size = Damage::Size { total: 5 };
    check(
        &|b| b[at(0)..at(4)].copy_from_slice(&5_i32.to_be_bytes()),
        Distrust::Record { offset, damage: size },
    );
    check(&|b| b[at(0)..at(4)].copy_from_slice(&900_i32.to_be_bytes()), Distrust::TooLong(offset));
    check(&|b| b[at(35)] ^= 1, Distrust::Elsewhere { offset, says: offset ^ 1 });
    let good = message_crc(&bytes[third..]);
    let mut body = bytes[third + 88..third + 88 + 70].to_vec();
    body[3] ^= 4;
    let crc = Damage::Crc { stored: good, computed: body_crc(&body) };
    check(&|b| b[at(88 + 3)] ^= 4, Distrust::Record { offset, damage: crc });
}

fn message_crc(record: &[u8]) -> i32 {
    i32_at(record, at::BODY_CRC).unwrap()
}

#[test]
fn heads_that_cannot_be_are_refused() {
    let (bytes, _) = log(&[50]);
    let end = bytes.len() as i64;
    let check = |head: Head, why: Distrust| {
        let mut slave = Slave::new(&bytes, end);
        assert_eq!(slave.feed(&head.encode()), Err(End::Distrust(why)), "{head:?}");
    };
    check(Head { offset: end + 1, len: 0 }, Distrust::OutOfStep { expected: end, got: end + 1 });
    check(Head { offset: 0, len: 9 }, Distrust::OutOfStep { expected: end, got: 0 });
    check(Head { offset: end, len: -1 }, Distrust::Length(-1));
    check(Head { offset: end, len: 1001 }, Distrust::Length(1001));
}

#[test]
fn a_slave_reports_now_and_then_and_leaves_a_silent_master() {
    let mut receiver = Receiver::new(rules(), 500, 500, 0);
    assert_eq!(receiver.report(49), None);
    assert_eq!(receiver.report(50), Some(report(500)));
    assert_eq!(receiver.report(60), None);
    receiver.received(&Head { offset: 500, len: 0 }.encode(), 100).unwrap();
    assert_eq!(receiver.check_alive(300), Ok(()));
    assert_eq!(receiver.check_alive(301), Err(Distrust::Silent(201)));
}

proptest! {
    /// However a log is cut into transfers and these into reads, the slave ends up with it.
    #[test]
    fn any_cut_gives_the_same_log(
        bodies in proptest::collection::vec(0_usize..600, 1..30),
        transfers in proptest::collection::vec(1_usize..400, 1..50),
        reads in proptest::collection::vec(1_usize..500, 1..50),
        known in 0_usize..30,
    ) {
        let (bytes, starts) = log(&bodies);
        let known = known.min(starts.len() - 1);
        let end = usize::try_from(starts[known]).unwrap();
        let ask = starts[known.saturating_sub(1)];
        let mut slave = Slave::new(&bytes[..end], if end == 0 { 0 } else { ask });
        let mut stream = Vec::new();
        let mut at = usize::try_from(ask).unwrap();
        for len in transfers.iter().cycle() {
            let left = usize::try_from(FILE).unwrap() - at % usize::try_from(FILE).unwrap();
            let part = &bytes[at..bytes.len().min(at + len.min(&left))];
            if part.is_empty() {
                break;
            }
            stream.extend(frame(at as i64, part));
            at += part.len();
        }
        let (mut rest, mut last) = (&stream[..], 0);
        for cut in reads.iter().cycle() {
            let (part, behind) = rest.split_at(rest.len().min(*cut));
            rest = behind;
            slave.feed(part).unwrap();
            if let Some(reported) = slave.report() {
                prop_assert!(reported > last && reported <= slave.log.len() as i64);
                last = reported;
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(slave.log, bytes);
    }

    /// Whatever is garbled on the way, the slave's log is a prefix of whole records.
    #[test]
    fn no_flip_gets_into_the_log(
        bodies in proptest::collection::vec(1_usize..200, 1..20),
        flip in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let (bytes, _) = log(&bodies);
        let mut stream: Vec<u8> = Vec::new();
        for (number, file) in bytes.chunks(1000).enumerate() {
            stream.extend(frame(number as i64 * FILE, file));
        }
        let at = flip.index(stream.len());
        stream[at] ^= 1 << bit;
        let mut slave = Slave::new(&[], 0);
        let _ = slave.feed(&stream);
        let mut rest = &slave.log[..];
        let mut offset = slave.base;
        while !rest.is_empty() {
            let left = FILE - offset % FILE;
            let len = piece(rest, offset, left);
            prop_assert!(matches!(len, Ok(Some(_))), "{:?}", len);
            let len = len.unwrap().unwrap();
            offset += len as i64;
            rest = &rest[len..];
        }
    }

    /// Any bytes at all: an error or silence, never a panic.
    #[test]
    fn any_bytes_are_survived(
        end in 0_i64..2000,
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..10),
    ) {
        let mut receiver = Receiver::new(rules(), end, end, 0);
        for part in parts {
            if receiver.received(&part, 0).is_err() || receiver.step().is_err() {
                break;
            }
        }
    }
}
