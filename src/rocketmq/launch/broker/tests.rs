use super::*;

fn env() -> Env {
    Env::empty()
        .with_var("ROCKETMQ_HOME", "/opt/rocketmq")
        .with_user_home("/home/a")
        .with_host_name("vm")
        .with_local_address("127.0.0.1")
}

fn prepared(line: &str, mut env: Env) -> Result<Launch, Exit> {
    let words: Vec<_> = line.split('|').filter(|w| !w.is_empty()).map(str::to_owned).collect();
    prepare(&words, &mut env, Timestamp::UNIX_EPOCH)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn with_file(text: &str, more: &str) -> Result<Launch, Exit> {
    let file = file(text);
    prepared(&format!("-c|{}|{more}", file.path().display()), env())
}

#[test]
fn usage_for_help_and_for_what_it_does_not_know() {
    for line in ["-h", "-x", "-c", "-ph"] {
        let exit = prepared(line, env()).unwrap_err();
        assert_eq!(exit.code, 255);
        assert!(exit.out.starts_with("usage: mqbroker [-c <arg>] [-h] [-m] [-n <arg>] [-p]\n"));
        assert_eq!(exit.out.lines().count(), 6);
    }
}

#[test]
fn prints_all_or_the_important_settings() {
    let all = prepared("-p", env()).unwrap_err();
    assert_eq!((all.code, all.out.lines().count()), (0, 157));
    let first = "1970-01-01 08\\:00\\:00 INFO main - rocketmqHome=/opt/rocketmq\n";
    assert!(all.out.starts_with(first), "{}", all.out);
    assert_eq!(prepared("-m", env()).unwrap_err().out.lines().count(), 34);
    assert_eq!(prepared("-mp", env()).unwrap_err().out.lines().count(), 157);
}

#[test]
fn without_home_it_ends() {
    let exit = prepared("-p", Env::empty()).unwrap_err();
    assert_eq!(exit, Exit::saying(254, NO_HOME));
}

/// Each of these was tried on 4.4.0.
#[test]
fn name_server_lists() {
    for good in ["a:1", "a:1;b:2", "a:1;", ";", "a:1:2", " a:1", ":1", "a:+1"] {
        assert!(prepared(&format!("-n|{good}"), env()).is_ok(), "{good}");
    }
    for bad in ["a", "a:1;;b:1", "a:70000", "a:1 ", "a:-1", "-z"] {
        let exit = prepared(&format!("-n|{bad}"), env()).unwrap_err();
        assert_eq!(exit.code, 253);
        assert!(exit.out.starts_with(&format!("The Name Server Address[{bad}] illegal, ")));
        assert!(exit.out.ends_with("\"127.0.0.1:9876;192.168.0.1:9876\"\n"));
    }
    assert_eq!(prepared("", env().with_var("NAMESRV_ADDR", "")).unwrap_err().code, 253);
    assert_eq!(with_file("namesrvAddr=", "").unwrap_err().code, 253);
}

#[test]
fn the_command_line_wins_over_the_file_over_the_environment() {
    let text = "namesrvAddr=b:1\nbrokerName=x\n";
    assert_eq!(with_file(text, "").unwrap().configs.broker.namesrv_addr, "b:1");
    assert_eq!(with_file(text, "-n|c:1").unwrap().configs.broker.namesrv_addr, "c:1");
    let launch = prepared("", env().with_var("NAMESRV_ADDR", "a:1")).unwrap();
    assert_eq!(launch.configs.broker.namesrv_addr, "a:1");
}

#[test]
fn roles_decide_the_id_and_the_port_that_of_replicas() {
    let launch = with_file("brokerId=7\nlistenPort=20911\nhaListenPort=5", "").unwrap();
    assert_eq!(launch.configs.broker.broker_id, 0);
    assert_eq!(launch.configs.store.ha_listen_port, 20912);
    let exit = with_file("brokerRole=SLAVE", "-p").unwrap_err();
    assert_eq!(exit, Exit::saying(253, "Slave's brokerId must be > 0"));
    let launch = with_file("brokerRole=SLAVE\nbrokerId=2", "").unwrap();
    assert_eq!(launch.configs.broker.broker_id, 2);
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let exit = prepared("-c|/no/such/file", env()).unwrap_err();
    assert_eq!((exit.code, exit.out.as_str()), (255, ""));
    assert!(exit.err.contains("/no/such/file: No such file"), "{}", exit.err);
    let exit = with_file("x=1\ny=\\u12", "").unwrap_err();
    assert!(exit.err.contains("Malformed \\uxxxx encoding"), "{}", exit.err);
    assert!(exit.err.contains("line_number = 2"), "{}", exit.err);
}

#[test]
fn the_file_is_remembered_with_what_nobody_knew() {
    let launch = with_file("mine=1\nfileReservedTime=x\nrmqAddressServerDomain=d:80", "").unwrap();
    let file = launch.file.unwrap();
    assert_eq!(file.report.unknown, ["mine", "rmqAddressServerDomain"]);
    assert_eq!(file.properties.get("mine"), Some("1"));
    let mut lines = Vec::new();
    crate::launch::log_file_report(&file, |line| lines.push(line.to_owned()));
    assert_eq!(lines.len(), 3);
    assert!(lines[2].contains("fileReservedTime=x"));
}

#[test]
fn the_address_server_of_the_file_becomes_a_property() {
    let file = file("rmqAddressServerDomain=d:80\nrmqAddressServerSubGroup=g");
    let words = ["-c".to_owned(), file.path().display().to_string()];
    let mut env = env().with_property("rocketmq.namesrv.domain", "old");
    prepare(&words, &mut env, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(env.property("rocketmq.namesrv.domain"), Some("d:80"));
    assert_eq!(env.property("rocketmq.namesrv.domain.subgroup"), Some("g"));
}
