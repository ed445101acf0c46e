//! Options, printed settings, outputs and exit codes. The expected texts are those of 4.4.0, but for
//! the descriptions of options.

use std::process::Command;

use crate::program::{BROKER, Ended, NAMESRV, rocketmq, run};

fn ended(code: i32, out: &str) -> Ended {
    Ended { code: Some(code), out: out.to_owned(), err: String::new() }
}

const BROKER_USAGE: &str = "\
usage: mqbroker [-c <arg>] [-h] [-m] [-n <arg>] [-p]
 -c,--configFile <arg>       Properties file with the settings
 -h,--help                   Print this help
 -m,--printImportantConfig   Print the important settings
 -n,--namesrvAddr <arg>      Name servers, for example 192.168.0.1:9876;192.168.0.2:9876
 -p,--printConfigItem        Print all settings
";

const NAMESRV_USAGE: &str = "\
usage: mqnamesrv [-c <arg>] [-h] [-n <arg>] [-p]
 -c,--configFile <arg>    Properties file with the settings
 -h,--help                Print this help
 -n,--namesrvAddr <arg>   Name servers, for example 192.168.0.1:9876;192.168.0.2:9876; no use here
 -p,--printConfigItem     Print all settings
";

#[test]
fn usage() {
    for words in [["broker", "-h"], [BROKER, "--help"], [BROKER, "-x"], [BROKER, "-c"]] {
        assert_eq!(run(&mut rocketmq(&words)), ended(255, BROKER_USAGE), "{words:?}");
    }
    for words in [["namesrv", "-h"], [NAMESRV, "--what"], [NAMESRV, "-n"]] {
        assert_eq!(run(&mut rocketmq(&words)), ended(255, NAMESRV_USAGE), "{words:?}");
    }
}

/// The captured output of 4.4.0 with the values of this machine in it, without its times.
fn captured(text: &str, home: &str) -> Vec<String> {
    let items = text.lines().map(|line| line.split_once(" - ").expect("a log line").1);
    items
        .map(|item| item.replace("<rocketmqHome>", "/opt/rocketmq").replace("<user.home>", home))
        .collect()
}

/// Checks what stands before the settings and gives the settings.
fn items(printed: &str, shape: &str) -> Vec<String> {
    let mut items = Vec::new();
    for line in printed.lines() {
        let (head, item) = line.split_once(" - ").expect("a log line");
        let head: String = head.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(head, shape);
        items.push(item.to_owned());
    }
    items
}

/// Values that follow the machine: what 4.4.0 printed there says nothing here.
fn is_of_the_machine(item: &str) -> bool {
    let of_address = ["brokerIP1=", "brokerIP2=", "brokerName="];
    let of_cpus = [
        "pullMessageThreadPoolNums=",
        "queryMessageThreadPoolNums=",
        "heartbeatThreadPoolNums=",
        "endTransactionThreadPoolNums=",
        "clientCallbackExecutorThreads=",
    ];
    of_address.iter().chain(&of_cpus).any(|start| item.starts_with(start))
}

fn check_broker(option: &str, golden: &str) {
    let printed = run(&mut rocketmq(&["-Duser.home=/home/a", BROKER, option]));
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    let ours = items(&printed.out, "0000-00-00 00\\:00\\:00 INFO main");
    let theirs = captured(golden, "/home/a");
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        if is_of_the_machine(theirs) {
            let key = |item: &str| item.split_once('=').map(|(key, _)| key.to_owned());
            assert_eq!(key(ours), key(theirs));
        } else {
            assert_eq!(ours, theirs);
        }
    }
}

#[test]
fn printed_settings_of_a_broker() {
    check_broker("-p", include_str!("../../../broker/tests/data/broker-p.txt"));
    check_broker("-m", include_str!("../../../broker/tests/data/broker-m.txt"));
}

#[test]
fn printed_settings_of_a_name_server() {
    let printed = run(&mut rocketmq(&["-Duser.home=/home/a", NAMESRV, "-p"]));
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    let ours = items(&printed.out, "00:00:00.000 [main] INFO  RocketmqNamesrvConsole");
    let golden = include_str!("../../../namesrv/tests/data/namesrv-p.txt");
    assert_eq!(ours, captured(golden, "/home/a"));
}

#[test]
fn without_home() {
    let text = "Please set the ROCKETMQ_HOME variable in your environment to match the location of \
                the RocketMQ installation";
    let without = |words: &[&str]| run(rocketmq(words).env_remove("ROCKETMQ_HOME"));
    assert_eq!(without(&[BROKER, "-p"]), ended(254, text));
    assert_eq!(without(&[NAMESRV]), ended(254, &format!("{text}\n")));
    assert_eq!(without(&["-Drocketmq.home.dir=/opt/rocketmq", BROKER, "-m"]).code, Some(0));
}

#[test]
fn settings_that_cannot_be() {
    let text = "The Name Server Address[nowhere] illegal, please set it as follows, \
                \"127.0.0.1:9876;192.168.0.1:9876\"\n";
    assert_eq!(run(&mut rocketmq(&[BROKER, "-n", "nowhere"])), ended(253, text));
    let mut by_variable = rocketmq(&[BROKER, "-p"]);
    assert_eq!(run(by_variable.env("NAMESRV_ADDR", "nowhere")), ended(253, text));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "brokerRole=SLAVE\n").unwrap();
    let path = file.path().to_str().unwrap();
    let slave = run(&mut rocketmq(&[BROKER, "-c", path]));
    assert_eq!(slave, ended(253, "Slave's brokerId must be > 0"));
}

#[test]
fn files_that_cannot_be_read() {
    for class in [BROKER, NAMESRV] {
        let missing = run(&mut rocketmq(&[class, "-c", "/no/such/file"]));
        assert_eq!((missing.code, missing.out.as_str()), (Some(255), ""));
        assert!(missing.err.contains("/no/such/file"), "{}", missing.err);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a=\\u00zz\n").unwrap();
    let bad = run(&mut rocketmq(&[BROKER, "-c", file.path().to_str().unwrap()]));
    assert_eq!(bad.code, Some(255));
    assert!(bad.err.contains("Malformed \\uxxxx encoding"), "{}", bad.err);
}

#[test]
fn a_file_sets_everything_and_the_command_line_wins() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "namesrvAddr=a:1\nlistenPort=20911\nuseTLS=true\nflushDiskType=SYNC_FLUSH\n",
    )
    .unwrap();
    let path = file.path().to_str().unwrap();
    let printed = run(&mut rocketmq(&[BROKER, "-pc", path, "--namesrvAddr=b:1"])).out;
    for item in [
        "namesrvAddr=b:1",
        "listenPort=20911",
        "haListenPort=20912",
        "useTLS=true",
        "flushDiskType=SYNC_FLUSH",
    ] {
        assert!(printed.contains(&format!(" INFO main - {item}\n")), "{item}");
    }
    let printed = run(&mut rocketmq(&["namesrv", "-c", path, "-p"])).out;
    assert!(printed.starts_with(&format!("load config properties file OK, {path}\n")));
    assert!(printed.contains(&format!(" - configStorePath={path}\n")));
    assert!(printed.contains(" - listenPort=20911\n"));
}

#[test]
fn system_properties_come_as_for_java() {
    let home = |command: &mut Command| {
        let printed = run(command).out;
        let line = printed.lines().next().expect("a line").to_owned();
        line.split_once("rocketmqHome=").expect("the first setting").1.to_owned()
    };
    let jvm = [
        "-server",
        "-Xms8g",
        "--add-opens",
        "java.base/java.nio=ALL-UNNAMED",
        "-Drocketmq.home.dir=/b",
    ];
    let mut words = jvm.to_vec();
    words.extend([BROKER, "-p"]);
    assert_eq!(home(&mut rocketmq(&words)), "/b");
    let by_variable = |name| {
        let mut command = rocketmq(&[BROKER, "-p"]);
        command.env(name, "-Xmx1g -Drocketmq.home.dir=/c -XX:+UseG1GC");
        home(&mut command)
    };
    assert_eq!(by_variable("JAVA_OPT"), "/c");
    assert_eq!(by_variable("JAVA_OPT_EXT"), "/c");
}

#[test]
fn unknown_roles() {
    let nothing = run(&mut rocketmq::<&str>(&[]));
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(1), ""));
    assert!(nothing.err.contains("usage: rocketmq"));
    let unknown = run(&mut rocketmq(&["com.example.Main", "-x"]));
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.starts_with("com.example.Main is neither"), "{}", unknown.err);
    let version = run(&mut rocketmq(&["--version"]));
    assert_eq!(version, ended(0, "rocketmq 4.4.0\n"));
    assert_eq!(run(&mut rocketmq(&["--help"])).code, Some(0));
}
