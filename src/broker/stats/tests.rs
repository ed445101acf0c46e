use super::*;

fn got<'a>(group: &'a str, topic: &'a str, messages: u64) -> Got<'a> {
    Got { group, topic, queue_id: 3, messages, bytes: messages * 100, took_ms: 2 }
}

fn minute(stats: &Stats, set: &str, key: &str) -> Option<i64> {
    stats.find(set, key, "C").map(|[minute, ..]| minute.sum)
}

#[test]
fn everything_is_found_by_its_set_and_key() {
    let stats = Stats::default();
    stats.sample(Span::Minute, 1_000);
    stats.put("T", 3, 300);
    stats.got(&got("g", "T", 2));
    stats.sent_back("g", "T");
    assert_eq!(minute(&stats, "TOPIC_PUT_NUMS", "T"), Some(0), "not sampled yet");
    stats.sample(Span::Minute, 11_000);
    for (set, key, sum) in [
        ("TOPIC_PUT_NUMS", "T", Some(3)),
        ("TOPIC_PUT_SIZE", "T", Some(300)),
        ("GROUP_GET_NUMS", "T@g", Some(2)),
        ("GROUP_GET_SIZE", "T@g", Some(200)),
        ("GROUP_GET_LATENCY", "3@T@g", Some(2)),
        ("SNDBCK_PUT_NUMS", "T@g", Some(1)),
        ("BROKER_PUT_NUMS", "C", Some(3)),
        ("BROKER_GET_NUMS", "C", Some(2)),
        ("BROKER_PUT_NUMS", "T", None),
        ("TOPIC_PUT_NUMS", "zz", None),
        ("TOPIC_PUT_NUMS", "", None),
        ("GROUP_GET_NUMS", "T", None),
        ("GROUP_GET_NUMS", "g@T", None),
        ("GROUP_GET_LATENCY", "T@g", None),
        ("GROUP_GET_LATENCY", "2@T@g", None),
        ("GROUP_GET_FROM_DISK_NUMS", "T@g", None),
        ("COMMERCIAL_SEND_TIMES", "T", None),
        ("nonsense", "T", None),
    ] {
        assert_eq!(minute(&stats, set, key), sum, "{set} {key}");
    }
    assert!((stats.got_tps("g", "T") - 0.2).abs() < 1e-9);
    assert!(stats.got_tps("h", "T").abs() < 1e-9);
}

#[test]
fn names_may_hold_the_separator() {
    let stats = Stats::default();
    stats.got(&got("a@b", "%RETRY%a@b", 1));
    assert_eq!(minute(&stats, "GROUP_GET_NUMS", "%RETRY%a@b@a@b"), Some(0));
    assert_eq!(minute(&stats, "GROUP_GET_LATENCY", "3@%RETRY%a@b@a@b"), Some(0));
}

#[test]
fn what_is_deleted_is_forgotten() {
    let stats = Stats::default();
    stats.put("T", 1, 1);
    stats.put("U", 1, 1);
    stats.got(&got("g", "T", 1));
    stats.got(&got("g", "U", 1));
    stats.got(&got("h", "U", 1));
    stats.forget_topic("T");
    let known = |set, key| minute(&stats, set, key).is_some();
    assert!(!known("TOPIC_PUT_NUMS", "T") && known("TOPIC_PUT_NUMS", "U"));
    assert!(!known("GROUP_GET_NUMS", "T@g") && known("GROUP_GET_NUMS", "U@g"));
    stats.forget_group("g");
    assert!(!known("GROUP_GET_LATENCY", "3@U@g") && known("GROUP_GET_LATENCY", "3@U@h"));
}

#[test]
fn lines_are_those_of_4_4_0() {
    let stats = Stats::default();
    assert!(stats.lines(Span::Minute, "C").is_empty());
    stats.sample(Span::Minute, 1_000);
    stats.put("T", 7, 700);
    stats.got(&got("g", "T", 2));
    stats.behind("g", "T", 3, 4096, 17);
    stats.sample(Span::Minute, 61_000);
    assert_eq!(
        stats.lines(Span::Minute, "C"),
        [
            "[BROKER_GET_NUMS] [C] Stats In One Minute, SUM: 2 TPS: 0.03 AVGPT: 0.00",
            "[BROKER_PUT_NUMS] [C] Stats In One Minute, SUM: 7 TPS: 0.12 AVGPT: 0.00",
            "[GROUP_GET_LATENCY] [3@T@g] Stats In One Minute, SUM: 2 TPS: 0.03 AVGPT: 2.00",
            "[GROUP_GET_NUMS] [T@g] Stats In One Minute, SUM: 2 TPS: 0.03 AVGPT: 2.00",
            "[GROUP_GET_SIZE] [T@g] Stats In One Minute, SUM: 200 TPS: 3.33 AVGPT: 200.00",
            "[TOPIC_PUT_NUMS] [T] Stats In One Minute, SUM: 7 TPS: 0.12 AVGPT: 7.00",
            "[TOPIC_PUT_SIZE] [T] Stats In One Minute, SUM: 700 TPS: 11.67 AVGPT: 700.00",
        ]
    );
    assert_eq!(
        stats.moment_lines(),
        [
            "[GROUP_GET_FALL_SIZE] [3@T@g] Stats Every 5 Minutes, Value: 4096",
            "[GROUP_GET_FALL_TIME] [3@T@g] Stats Every 5 Minutes, Value: 17",
        ]
    );
    let hour = &stats.lines(Span::Hour, "C")[0];
    assert_eq!(hour, "[BROKER_GET_NUMS] [C] Stats In One Hour, SUM: 0 TPS: 0.00 AVGPT: 0.00");
}

#[test]
fn an_item_counts_from_the_sample_before_it_was_made() {
    let stats = Stats::default();
    stats.sample(Span::Day, 3_600_000);
    stats.sample(Span::Day, 7_200_000);
    stats.put("T", 36, 1);
    stats.sample(Span::Day, 10_800_000);
    let [_, _, day] = stats.find("TOPIC_PUT_NUMS", "T", "C").unwrap();
    assert_eq!((day.sum, day.tps), (36, 0.01));
}

#[test]
fn midnight_takes_the_totals_over() {
    let stats = Stats::default();
    assert_eq!(stats.midnight(10, 4), (10, 4));
    assert_eq!(stats.midnight(15, 4), (5, 0));
    let days = Days { put_yesterday: 10, put_today: 15, got_yesterday: 4, got_today: 4 };
    assert_eq!(stats.days(), days);
}

#[test]
fn groups_that_are_far_behind_are_told() {
    let stats = Stats::default();
    stats.behind("slow", "T", 0, 101, 5);
    stats.behind("ok", "T", 0, 100, 5);
    assert_eq!(stats.far_behind(100), [("slow".to_owned(), 101)]);
    assert!(stats.far_behind(100).is_empty(), "told once");
}

#[test]
fn the_newest_record_tells_its_store_time() {
    let record = |size: i32, time: i64| {
        let mut bytes = vec![0; usize::try_from(size).unwrap()];
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        bytes[at::STORE_TIMESTAMP..at::STORE_TIMESTAMP + 8].copy_from_slice(&time.to_be_bytes());
        bytes
    };
    assert_eq!(newest_store_time(&[record(90, 2), record(120, 3)].concat()), Some(3));
    for bad in [&b""[..], &[0, 0, 0, 0], &[255; 8], &[0, 0, 0, 9, 0]] {
        assert_eq!(newest_store_time(bad), None, "{bad:?}");
    }
}
