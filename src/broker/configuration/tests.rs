use config::Env;

use super::*;

struct Fixture {
    dir: tempfile::TempDir,
    configuration: Configuration,
    /// The levels of the logs that were told.
    told: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::empty()
            .with_user_home("/home/u")
            .with_host_name("b")
            .with_local_address("127.0.0.1")
            .with_var("ROCKETMQ_HOME", "/opt/mq");
        let BrokerConfigs { broker, server, client, store, observe } =
            BrokerConfigs::from_env(&env);
        let told = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&told);
        let tables = Tables {
            broker: Arc::new(broker.into()),
            server: Arc::new(server.into()),
            client: Arc::new(client.into()),
            store: Arc::new(store.into()),
            observe: Arc::new(observe.into()),
            on_observe_change: OnChange::new(move |config| {
                notes.lock().push(config.log_level.get().unwrap_or_default().to_owned());
            }),
        };
        let extras = Properties::parse(b"mine=1\nkvConfigPath=/x\nbrokerName=ignored").unwrap();
        let file = dir.path().join("conf/broker.conf");
        Self { configuration: Configuration::new(tables, &extras, file, 7), dir, told }
    }

    fn change(&self, text: &str) -> Result<Changed, Refusal> {
        self.configuration.change(text.as_bytes(), 9)
    }

    fn get(&self, key: &str) -> Option<String> {
        Properties::parse(self.configuration.text().0.as_bytes())
            .unwrap()
            .get(key)
            .map(str::to_owned)
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.dir.path().join("conf").join(name)).ok()
    }
}

#[test]
fn a_change_is_taken_shown_and_written() {
    let f = Fixture::new();
    assert_eq!(f.configuration.text().1, r#"{"counter":0,"timestamp":7}"#);
    let changed = f.change("fileReservedTime=48\nmine=2\nnobody=3\n").unwrap();
    assert!(!changed.permission);
    assert_eq!(f.configuration.store.load().file_reserved_time, 48);
    assert_eq!(f.get("mine").as_deref(), Some("2"));
    assert_eq!(f.get("nobody"), None);
    assert_eq!(f.configuration.text().1, r#"{"counter":1,"timestamp":9}"#);
    assert_eq!(f.file("broker.conf"), Some(f.configuration.text().0));
    assert_eq!(f.file("broker.conf.bak"), None);
    let first = f.file("broker.conf");
    assert!(f.change("brokerPermission=4").unwrap().permission);
    assert_eq!(f.file("broker.conf.bak"), first);
    assert_eq!(f.file("broker.conf.tmp"), None);
}

#[test]
fn one_bad_value_and_nothing_changes() {
    let f = Fixture::new();
    let before = f.configuration.text();
    for (text, why) in [
        ("fileReservedTime=48h", "`48h` is no value of fileReservedTime"),
        ("fileReservedTime=-1", "`-1` is no value of fileReservedTime: it must be 0 at least"),
        ("traceOn=yes", "`yes` is no value of traceOn: it must be true or false"),
        ("brokerRole=slave", "`slave` is no value of brokerRole"),
        ("brokerRole=SLAVE", "a broker whose brokerRole is SLAVE must have a brokerId above 0"),
        ("brokerPermission=7", "`7` is no value of brokerPermission: it must be 2, 4, 6 or 0"),
        ("listenPort=70000", "`70000` is no value of listenPort: it must be 65534 at most"),
        ("brokerName=", "`` is no value of brokerName: it must not be empty"),
        ("brokerIP1=not an address", "`not an address` is no value of brokerIP1: it is no address"),
        ("namesrvAddr=a", "`a` is no value of namesrvAddr: `a` is not host:port"),
        ("deleteWhen=24", "`24` is no value of deleteWhen: `24` is no hour of the day"),
        ("regionId=a\\nb", "regionId is too long or has control characters"),
        ("flushIntervalCommitLog=0", ""),
        ("messageDelayLevel=1x", ""),
        ("x=\\u12", ""),
    ] {
        let both = format!("traceOn=false\n{text}\n");
        let both = if text.starts_with("traceOn") { text.to_owned() } else { both };
        let refusal = f.change(&both).unwrap_err();
        assert_eq!(refusal.code, response::SYSTEM_ERROR, "{text}");
        if !why.is_empty() {
            assert_eq!(refusal.remark, why);
        }
        assert_eq!(f.configuration.text(), before, "{text}");
        assert!(f.configuration.broker.load().trace_on);
    }
    assert_eq!(f.file("broker.conf"), None);
    assert!(f.change(&"x=1\n".repeat(20_000)).is_err());
}

#[test]
fn values_that_make_sense_are_taken() {
    let f = Fixture::new();
    for text in [
        "brokerRole=SLAVE\nbrokerId=1",
        "namesrvAddr=127.0.0.1:9876;localhost:9877",
        "namesrvAddr=",
        "deleteWhen=04;16",
        "traceOn=FALSE",
        "brokerIP1=127.0.0.1",
        "messageDelayLevel=1s 2s",
        "brokerPermission=0",
    ] {
        f.change(text).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
    }
}

#[test]
fn paths_commands_and_classes_do_not_change() {
    let f = Fixture::new();
    let before = f.configuration.text();
    for key in [
        "rocketmqHome",
        "storePathRootDir",
        "storePathCommitLog",
        "storePathAnything",
        "messageStorePlugIn",
        "filterServerNums",
        "kvConfigPath",
        "configStorePath",
        "brokerConfigPath",
    ] {
        let refusal = f.change(&format!("traceOn=false\n{key}=1;touch /tmp/x")).unwrap_err();
        assert_eq!(refusal.code, response::NO_PERMISSION, "{key}");
        assert!(refusal.remark.starts_with(key), "{refusal:?}");
        assert_eq!(f.configuration.text(), before);
    }
    // Naming the value that stands is no change.
    f.change("rocketmqHome=/opt/mq\nfilterServerNums=0\nkvConfigPath=/x").unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_told() {
    let f = Fixture::new();
    std::fs::write(f.dir.path().join("conf"), "a file in the way").unwrap();
    let refusal = f.change("traceOn=false").unwrap_err();
    assert!(refusal.remark.starts_with("changed until the next start, but "), "{refusal:?}");
    assert!(!f.configuration.broker.load().trace_on);
}

#[test]
fn levels_of_the_logs_change_at_once_and_only_ours_are_shown_that_are_used() {
    let f = Fixture::new();
    assert_eq!((f.get("logLevel"), f.get("metricsPort")), (None, None));
    f.change("logLevel=info,RocketmqStore=debug\nmetricsPort=9105").unwrap();
    f.change("fileReservedTime=48").unwrap();
    f.change("logLevel=\nmetricsPort=").unwrap();
    assert_eq!(*f.told.lock(), ["info,RocketmqStore=debug", ""]);
    assert_eq!((f.get("logLevel"), f.get("metricsPort")), (None, None));
    for bad in ["logLevel=loud", "metricsPort=70000", "metricsAddress=here", "logFormat=xml"] {
        let (key, value) = bad.split_once('=').unwrap();
        let remark = f.change(bad).unwrap_err().remark;
        assert_eq!(remark, format!("`{value}` is no value of {key}"));
    }
    assert_eq!(f.told.lock().len(), 2);
}
