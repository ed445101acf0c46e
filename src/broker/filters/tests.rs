//! Filters through the lives of their groups.

use super::*;

fn bloom() -> BloomFilter {
    BloomFilter::new(20, 32).unwrap()
}

fn load(folder: &Path) -> Filters {
    Filters::load(folder, bloom(), 1_000_000).unwrap()
}

fn sql(topic: &str, text: &str, version: i64) -> SubscriptionData {
    SubscriptionData::of(topic, text, Some("SQL92"), version)
}

fn bits(filters: &Filters, topic: &str, properties: &[(&str, &str)]) -> Vec<u8> {
    let mut bits = Vec::new();
    let lookup = |name: &str| properties.iter().find(|p| p.0 == name).map(|p| p.1);
    filters.bit_map(topic, lookup, &mut bits);
    bits
}

/// What a Java broker wrote after its consumer had gone.
const WRITTEN: &str = include_str!("../tests/data/consumerFilter.json");

#[test]
fn the_file_of_a_java_broker_is_read_and_written_alike() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consumerFilter.json");
    std::fs::write(&path, WRITTEN).unwrap();
    let filters = load(dir.path());
    let of = filters.get("CG_sql", "GoldenTopic").unwrap();
    assert_eq!((of.text.as_str(), of.kind.as_str()), ("colour = 'blue' AND n > 40", "SQL92"));
    assert_eq!((of.version, of.born_ms), (1_795_359_073_735, 1_795_359_073_662));
    assert!(of.is_dead());
    assert_eq!(filters.encode(), WRITTEN);
    filters.keep();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), WRITTEN);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("consumerFilter.json.bak")).unwrap(),
        WRITTEN
    );
}

#[test]
fn bit_maps_are_those_of_a_java_broker() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("consumerFilter.json"), WRITTEN).unwrap();
    let filters = load(dir.path());
    let marked = [0, 0, 64, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32];
    assert_eq!(bits(&filters, "GoldenTopic", &[("colour", "blue"), ("n", "42")]), marked);
    assert_eq!(bits(&filters, "GoldenTopic", &[("colour", "blue"), ("n", "x")]), [0; 14]);
    assert_eq!(bits(&filters, "GoldenTopic", &[]), [0; 14]);
    assert!(bits(&filters, "OtherTopic", &[]).is_empty());

    let of = filters.get("CG_sql", "GoldenTopic").unwrap();
    let after = of.born_ms + 1;
    assert!(of.may_match(after, &marked));
    assert!(!of.may_match(after, &[0; 14]));
    // Stored before the expression was there, without a bit map, with one of another size.
    assert!(of.may_match(of.born_ms, &[0; 14]));
    assert!(of.may_match(after, &[]));
    assert!(of.may_match(after, &[0; 15]));
}

#[test]
fn a_live_group_counts_as_gone_when_it_is_loaded() {
    let check = |born: i64, expected: i64| {
        let dir = tempfile::tempdir().unwrap();
        let text = WRITTEN
            .replace("\"bornTime\":1795359073662", &format!("\"bornTime\":{born}"))
            .replace("\"deadTime\":1795359079638", "\"deadTime\":0");
        std::fs::write(dir.path().join("consumerFilter.json"), text).unwrap();
        let of = load(dir.path()).get("CG_sql", "GoldenTopic").unwrap();
        assert_eq!(of.dead_ms, expected);
        assert!(of.is_dead());
    };
    check(500_000, 970_000);
    check(990_000, 990_000);
}

#[test]
fn another_size_of_the_bloom_filter_forgets_everything() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("consumerFilter.json"), WRITTEN).unwrap();
    let filters = Filters::load(dir.path(), BloomFilter::new(20, 64).unwrap(), 0).unwrap();
    assert!(filters.get("CG_sql", "GoldenTopic").is_none());
    assert_eq!(filters.encode(), "{\n\t\"filterDataByTopic\":{}\n}");
}

#[test]
fn what_does_not_compile_is_not_loaded() {
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in [("n > 40", "n >"), ("\"SQL92\"", "\"OTHER\"")] {
        std::fs::write(dir.path().join("consumerFilter.json"), WRITTEN.replace(from, to)).unwrap();
        assert!(load(dir.path()).get("CG_sql", "GoldenTopic").is_none());
    }
}

#[test]
fn lives_of_a_filter() {
    let dir = tempfile::tempdir().unwrap();
    let filters = load(dir.path());
    let get = || filters.get("g", "T");
    let times = || get().map(|f| (f.version, f.born_ms, f.dead_ms));

    filters.registered("g", &[sql("T", "n >", 1)], 10);
    assert_eq!(times(), None, "does not compile");
    filters.registered("g", &[sql("T", "n > 1", 1), sql("U", "TRUE", 1)], 20);
    assert_eq!(times(), Some((1, 20, 0)));
    filters.registered("g", &[sql("T", "n > 2", 1), sql("U", "TRUE", 1)], 30);
    assert_eq!(get().unwrap().text, "n > 1", "the same version with another text");

    filters.registered("g", &[sql("T", "n > 1", 1)], 40);
    assert_eq!(filters.get("g", "U").map(|f| f.dead_ms), Some(40), "no longer subscribed to");
    filters.unregistered("g", 50);
    assert_eq!(times(), Some((1, 20, 50)));
    assert_eq!(filters.get("g", "U").map(|f| f.dead_ms), Some(40), "dead before");
    filters.registered("g", &[sql("T", "n > 1", 0)], 60);
    assert_eq!(times(), Some((1, 20, 50)), "an older version");
    filters.registered("g", &[sql("T", "n > 1", 1)], 60);
    assert_eq!(times(), Some((1, 20, 0)), "back with the same version");

    filters.unregistered("g", 70);
    filters.registered("g", &[sql("T", "n > 1", 2)], 80);
    assert_eq!(times(), Some((2, 20, 0)), "back with a newer version");
    filters.registered("g", &[sql("T", "n > 3", 3)], 90);
    assert_eq!(times(), Some((3, 90, 0)), "another text");
    filters.registered("g", &[sql("T", "n >", 4)], 100);
    assert_eq!(times(), None, "replaced by what does not compile");
}

#[test]
fn tags_do_not_register_and_do_not_bury() {
    let dir = tempfile::tempdir().unwrap();
    let filters = load(dir.path());
    filters.registered("g", &[SubscriptionData::of_tags("T", "a", 1)], 10);
    assert!(!filters.changes().pending());
    filters.registered("g", &[sql("T", "TRUE", 1)], 20);
    // The topic is still subscribed to, if by tags.
    filters.registered("g", &[SubscriptionData::of_tags("T", "a", 2)], 30);
    assert_eq!(filters.get("g", "T").map(|f| f.dead_ms), Some(0));
    filters.registered("g", &[], 40);
    assert_eq!(filters.get("g", "T").map(|f| f.dead_ms), Some(40));
    let number = filters.changes().made();
    filters.registered("h", &[SubscriptionData::of_tags("T", "a", 2)], 50);
    filters.registered("g", &[], 60);
    assert_eq!(filters.changes().made(), number);
}

#[test]
fn the_dead_are_dropped_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let filters = load(dir.path());
    filters.registered("g", &[sql("T", "TRUE", 1)], 10);
    filters.registered("h", &[sql("T", "TRUE", 1)], 10);
    filters.unregistered("g", 100);
    filters.clean(i64::MAX, 0);
    assert!(filters.get("h", "T").is_some(), "alive");
    assert!(filters.get("g", "T").is_none());

    filters.unregistered("h", 200);
    filters.clean(299, 100);
    assert!(filters.get("h", "T").is_some());
    filters.clean(300, 100);
    assert!(filters.get("h", "T").is_none());
    assert!(bits(&filters, "T", &[]).is_empty(), "the topic is gone with its last filter");
}

#[test]
fn groups_share_a_bit_map() {
    let dir = tempfile::tempdir().unwrap();
    let filters = load(dir.path());
    filters.registered("g", &[sql("T", "a = 1", 1)], 10);
    filters.registered("h", &[sql("T", "a < 5", 1)], 10);
    let (g, h) = (filters.get("g", "T").unwrap(), filters.get("h", "T").unwrap());
    let one = bits(&filters, "T", &[("a", "1")]);
    assert!(g.may_match(11, &one) && h.may_match(11, &one));
    let two = bits(&filters, "T", &[("a", "2")]);
    assert!(!g.may_match(11, &two) && h.may_match(11, &two));
    // A dead group is still marked: it may come back.
    filters.unregistered("g", 20);
    assert_eq!(bits(&filters, "T", &[("a", "1")]), one);
}
