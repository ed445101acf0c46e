use std::collections::BTreeSet;

use super::*;

/// The commands of 4.4.0, in its order.
const NAMES: &str = "updateTopic deleteTopic updateSubGroup deleteSubGroup updateBrokerConfig \
    updateTopicPerm topicRoute topicStatus topicClusterList brokerStatus queryMsgById \
    queryMsgByKey queryMsgByUniqueKey queryMsgByOffset printMsg printMsgByQueue sendMsgStatus \
    brokerConsumeStats producerConnection consumerConnection consumerProgress consumerStatus \
    cloneGroupOffset clusterList topicList updateKvConfig deleteKvConfig wipeWritePerm \
    resetOffsetByTime updateOrderConf cleanExpiredCQ cleanUnusedTopic startMonitoring statsAll \
    allocateMQ checkMsgSendRT clusterRT getNamesrvConfig updateNamesrvConfig getBrokerConfig \
    queryCq sendMessage consumeMessage";

fn environment(home: Option<&Path>) -> Environment {
    Environment {
        name_servers: String::new(),
        connections: ClientOptions::default(),
        home: home.map(Path::to_owned),
        vip_channel: true,
        terminal: false,
        body_folder: std::env::temp_dir(),
    }
}

fn printed_with(line: &str, environment: &Environment) -> (String, String) {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let code = runtime.block_on(run(&words, environment, &mut out, &mut err));
    assert_eq!(code, 0, "{line}");
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn printed(line: &str) -> (String, String) {
    printed_with(line, &environment(None))
}

#[test]
fn the_list_is_that_of_4_4_0() {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    assert_eq!(names, NAMES.split_whitespace().collect::<Vec<_>>());
    let (out, err) = printed("");
    assert!(
        out.starts_with("The most commonly used mqadmin commands are:\n   updateTopic          ")
    );
    assert!(out.ends_with(
        "\n\nSee 'mqadmin help <command>' for more information on a specific command.\n"
    ));
    assert_eq!((out.lines().count(), err.as_str()), (NAMES.split_whitespace().count() + 3, ""));
}

#[test]
fn commands_are_well_formed() {
    for command in COMMANDS.iter().chain(UNLISTED) {
        let options = command.all_options();
        let letters: BTreeSet<char> = options.iter().map(|option| option.short).collect();
        assert_eq!(letters.len(), options.len(), "{}", command.name);
        assert!(options.iter().all(|option| option.long != JSON && !option.about.is_empty()));
        assert!(!command.about.ends_with('.'), "{}", command.name);
    }
}

#[test]
fn usages() {
    let usage = "usage: mqadmin clusterList [-h] [-i <arg>] [-m] [-n <arg>]\n \
                 -h,--help                Print this help\n \
                 -i,--interval <arg>      Print again every so many seconds\n \
                 -m,--moreStats           Show message totals in place of the load\n \
                 -n,--namesrvAddr <arg>   Name servers, for example \
                 192.168.0.1:9876;192.168.0.2:9876\n";
    for line in [
        "help clusterList",
        "help CLUSTERlist",
        "clusterList -h",
        "clusterlist --help",
        "clusterList -x",
        "clusterList -i",
    ] {
        assert_eq!(printed(line), (usage.to_owned(), String::new()), "{line}");
    }
    let (out, _) = printed("topicRoute");
    assert!(out.starts_with("usage: mqadmin topicRoute [-h] [-n <arg>] -t <arg>\n"), "{out}");
    assert!(printed("updateTopic -t a --json").0.starts_with("usage: "));
}

#[test]
fn unknown_commands() {
    let gone = |name: &str| (format!("The sub command {name} not exist.\n"), String::new());
    assert_eq!(printed("nosuch -h"), gone("nosuch"));
    assert_eq!(printed("help nosuch"), gone("nosuch"));
    assert_eq!(printed("help"), gone("help"));
    assert_eq!(printed("help topicList more"), gone("help"));
}

#[test]
fn failures_are_one_line_on_stderr() {
    let (out, err) = printed("topicList");
    assert_eq!(out, "");
    assert!(err.starts_with("topicList: no name server address"), "{err}");
    let (out, err) = printed("topicList --json -n 127.0.0.1:1");
    assert_eq!(out, "");
    assert!(err.starts_with("topicList: connect to <127.0.0.1:1> failed"), "{err}");
    assert_eq!(err.lines().count(), 1);
    let (_, err) = printed("updateTopic -t a -b 127.0.0.1:1 -r many -n 127.0.0.1:1");
    assert_eq!(err, "updateTopic: -r: \"many\" is no such number\n");
}

#[test]
fn what_tools_yml_says_is_told() {
    let home = tempfile::tempdir().unwrap();
    let environment = environment(Some(home.path()));
    let conf = home.path().join("conf");
    std::fs::create_dir(&conf).unwrap();
    let path = conf.join("tools.yml");
    let check = |content: &str, note: &str, failure: &str| {
        std::fs::write(&path, content).unwrap();
        let (out, err) = printed_with("topicList", &environment);
        assert_eq!(out, note);
        assert!(err.contains(failure), "{err}");
        let (out, err) = printed_with("topicList --json", &environment);
        assert_eq!(out, "");
        assert!(err.contains(note) && err.contains(failure), "{err}");
    };
    let none = "no name server address";
    check("accessKey: a\nsecretKey: b\n", "", none);
    check("accessKey:\n", "AccessKey or secretKey is blank, the acl is not enabled.\n", none);
    let empty = format!(" Cannot find conf file {}, acl is not be enabled.\n", path.display());
    check("", &empty, none);
    check("accessKey: [", "", "tools.yml");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(printed_with("topicList", &environment).0, "");
}

/// A writer that nobody reads from.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut err = Vec::new();
    let args = ["help".to_owned(), "topicList".to_owned()];
    let environment = environment(None);
    assert_eq!(runtime.block_on(run(&args, &environment, &mut Closed, &mut err)), 0);
    assert!(err.is_empty());
}
