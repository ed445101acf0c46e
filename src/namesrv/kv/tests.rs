use super::*;

fn store(home: &tempfile::TempDir) -> KvStore {
    KvStore::load(home.path().join("namesrv/kvConfig.json")).unwrap()
}

fn file(home: &tempfile::TempDir, name: &str) -> String {
    fs::read_to_string(home.path().join("namesrv").join(name)).unwrap()
}

#[test]
fn the_file_is_as_4_4_0_writes_it() {
    let home = tempfile::tempdir().unwrap();
    let kv = store(&home);
    kv.persist(kv.put("ns1", "a", "b").unwrap()).unwrap();
    assert_eq!(file(&home, "kvConfig.json"), r#"{"configTable":{"ns1":{"a":"b"}}}"#);
    kv.persist(kv.delete("ns1", "a")).unwrap();
    assert_eq!(file(&home, "kvConfig.json"), r#"{"configTable":{"ns1":{}}}"#);
    assert_eq!(file(&home, "kvConfig.json.bak"), r#"{"configTable":{"ns1":{"a":"b"}}}"#);
    assert_eq!(kv.list("ns1").unwrap(), br#"{"table":{}}"#);
    assert_eq!(kv.list("ns2"), None);
}

#[test]
fn values_survive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let kv = store(&home);
    kv.put(ORDER_TOPIC_CONFIG, "T", "broker-a:4").unwrap();
    let last = kv.put("ns", "k", "Grüße \"x\"\n").unwrap();
    kv.persist(last).unwrap();
    let again = store(&home);
    assert_eq!(again.get(ORDER_TOPIC_CONFIG, "T").as_deref(), Some("broker-a:4"));
    assert_eq!(again.get("ns", "k").as_deref(), Some("Grüße \"x\"\n"));
    assert_eq!(again.get("ns", "other"), None);
    let (was, is) = (kv.current.read(), again.current.read());
    assert_eq!(was.table, is.table);
}

#[test]
fn one_write_serves_all_changes_before_it() {
    let home = tempfile::tempdir().unwrap();
    let kv = store(&home);
    let first = kv.put("ns", "a", "1").unwrap();
    let second = kv.put("ns", "a", "2").unwrap();
    kv.persist(second).unwrap();
    fs::remove_file(kv.path()).unwrap();
    kv.persist(first).unwrap();
    assert!(!kv.path().exists(), "the first change was in the file already");
}

#[test]
fn missing_and_empty_files_are_an_empty_table() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(store(&home).list("ns1"), None);
    fs::create_dir(home.path().join("namesrv")).unwrap();
    for text in ["", "\n", "{}", r#"{"configTable":null}"#, r#"{"configTable":{},"more":1}"#] {
        fs::write(home.path().join("namesrv/kvConfig.json"), text).unwrap();
        assert_eq!(store(&home).list("ns1"), None);
    }
}

#[test]
fn a_damaged_file_stops_the_start_with_advice() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kvConfig.json");
    fs::write(&path, r#"{"configTable":{"ns1""#).unwrap();
    let error = KvStore::load(path).unwrap_err().to_string();
    assert!(error.contains("kvConfig.json is damaged"), "{error}");
    assert!(error.contains("kvConfig.json.bak in its place"), "{error}");
}

#[test]
fn the_table_is_bounded_and_counts_right() {
    let mut table = KvTable::default();
    let half = "x".repeat(MAX_BYTES / 2);
    assert_eq!(table.put("ns", "a", &half), Ok(None));
    assert_eq!(table.put("ns", "b", &half), Err(Full));
    assert_eq!(table.put("ns", "a", "small"), Ok(Some(half.clone())));
    assert_eq!(table.put("ns", "b", &half), Ok(None));
    assert_eq!(table.bytes, "nsasmallb".len() + half.len());
    assert_eq!(table.delete("ns", "b"), Some(half));
    assert_eq!(table.delete("ns", "b"), None);
    assert_eq!(table.delete("other", "b"), None);
    assert_eq!(table.bytes, "nsasmall".len());
    assert_eq!(KvTable::parse(&table.to_json()).unwrap(), table);
}
