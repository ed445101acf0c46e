use protocol::message::{Host, blank, body_crc};
use protocol::properties::Properties;

use super::*;

fn record(physical_offset: i64, body: &[u8]) -> Vec<u8> {
    let message = Message {
        body_crc: body_crc(body),
        queue_id: 0,
        flag: 0,
        queue_offset: 3,
        physical_offset,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: Host::default(),
        store_timestamp: 2,
        store_host: Host::default(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        topic: "Topic",
        properties: Properties::new(b"KEYS\x01k\x02"),
    };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// Three records, then zeroes; with the place of the last record.
fn file() -> (Vec<u8>, usize, usize) {
    let mut file = record(0, b"first");
    file.extend(record(file.len() as i64, b"second"));
    let last = file.len();
    file.extend(record(last as i64, b"third one"));
    let end = file.len();
    file.resize(end + 200, 0);
    (file, last, end)
}

#[test]
fn a_whole_tail_ends_behind_its_last_record() {
    let (file, _, end) = file();
    assert_eq!(walk(&file, 0, file.len(), true), (end, FileEnd::Damage(Damage::Magic(0))));
}

#[test]
fn a_tail_torn_or_zeroed_at_any_byte_ends_before_the_last_record() {
    let (file, last, end) = file();
    for cut in last..end {
        let mut torn = file.clone();
        torn[cut..].fill(0);
        // Zeroes that were zeroes before change nothing: the last bytes may be.
        let expected = if torn == file { end } else { last };
        assert_eq!(walk(&torn, 0, torn.len(), true).0, expected, "zeroed from {cut}");
        assert_eq!(walk(&file[..cut], 0, file.len(), true).0, last, "file ends at {cut}");
    }
}

#[test]
fn garbage_in_any_byte_that_counts_ends_before_the_last_record() {
    let (file, last, end) = file();
    let body = last + message::HEAD_LEN..last + message::HEAD_LEN + 9;
    for at in last..end {
        let mut garbled = file.clone();
        garbled[at] ^= 0x55;
        let found = walk(&garbled, 0, garbled.len(), true).0;
        let field = at - last;
        // Fields that are values only, topic and property text are covered by no check of 4.4.0.
        let covered = field < at::QUEUE_ID
            || (at::BODY_LEN..message::HEAD_LEN).contains(&field)
            || body.contains(&at)
            || at == body.end
            || (at == body.end + 6 || at == body.end + 7);
        assert!(found == last || found == end, "garbled at {field}: {found}");
        if covered {
            assert_eq!(found, last, "garbled at {field}");
        }
    }
}

#[test]
fn garbage_behind_the_end_is_no_record() {
    let (mut file, _, end) = file();
    for (number, byte) in file[end..].iter_mut().enumerate() {
        *byte = (number * 37 + 11) as u8;
    }
    assert_eq!(walk(&file, 0, file.len(), true).0, end);
    assert_eq!(survivor(&file, end, file.len(), 0), None);
}

#[test]
fn without_the_checksum_a_damaged_body_passes() {
    let (mut file, last, end) = file();
    file[last + message::HEAD_LEN] ^= 1;
    assert_eq!(walk(&file, 0, file.len(), true).0, last);
    assert_eq!(walk(&file, 0, file.len(), false).0, end);
}

#[test]
fn a_blank_record_or_no_room_for_one_sends_to_the_next_file() {
    let (mut file, _, end) = file();
    file[end..end + 8].copy_from_slice(&blank(200));
    assert_eq!(walk(&file, 0, file.len(), true), (end, FileEnd::Blank));
    file.truncate(end + 7);
    assert_eq!(walk(&file, 0, file.len(), true), (end, FileEnd::Blank));
}

#[test]
fn damage_in_the_middle_is_told_by_what_survives_it() {
    let (file, last, _) = file();
    let second = record(0, b"first").len();
    for at in second..last {
        let mut damaged = file.clone();
        damaged[at] ^= 0xFF;
        let (end, _) = walk(&damaged, 0, damaged.len(), true);
        if end == second {
            assert_eq!(survivor(&damaged, end, damaged.len(), 0), Some(last), "damaged at {at}");
        }
    }
    let mut torn = file;
    torn[last + 4..].fill(0);
    assert_eq!(survivor(&torn, last, torn.len(), 0), None);
}

#[test]
fn a_record_of_another_place_is_no_survivor() {
    let (file, last, _) = file();
    assert_eq!(survivor(&file, last, last + 1, 0), Some(last));
    assert_eq!(survivor(&file, last, file.len(), 4096), None);
}

#[test]
fn survivors_are_found_between_zeroes_and_garbage_at_any_distance() {
    for gap in (0..300).chain([4090, 4096, 5000, 9000]) {
        let mut file = vec![0; gap];
        file.iter_mut().step_by(7).for_each(|byte| *byte = 0xDA);
        let magic = file.len();
        file.extend(MESSAGE_MAGIC.to_be_bytes());
        file.resize(magic + 4 + gap, 0);
        let place = file.len();
        file.extend(record(place as i64, b"kept"));
        file.extend(vec![0; 50]);
        assert_eq!(survivor(&file, 0, file.len(), 0), Some(place), "gap {gap}");
        assert_eq!(survivor(&file, 0, place, 0), None, "gap {gap}");
        assert_eq!(survivor(&file, place + 1, file.len(), 0), None, "gap {gap}");
    }
}

#[test]
fn zeroes_are_counted() {
    for len in [0, 1, 255, 256, 257, 1000] {
        let mut bytes = vec![0; len];
        assert_eq!(zeroes(&bytes), len);
        bytes.extend([1, 0, 0]);
        assert_eq!(zeroes(&bytes), len);
    }
}
