//! `docs/config.md` and `docs/metrics.md` are written from the tables; these tests write them and
//! fail when they were stale.

use std::fmt::Write as _;
use std::path::Path;

use broker::config::BrokerConfigs;
use config::{Env, page};
use namesrv::config::NamesrvConfigs;

const HEAD: &str = "\
# Settings

Written from the tables in `src/*/config.rs` by a test; do not edit.

A server reads its settings from the properties file that `-c` names: one `key=value` a line, `#` for comments. Keys and
defaults are those of 4.4.0. Unknown keys are kept and shown, but mean nothing; a value that does not fit its type is
ignored. Both are noted in the log at start. `mqbroker -p` and `mqnamesrv -p` print what is in force.

`mqadmin updateBrokerConfig` and `updateNamesrvConfig` change settings of a running server and write all of them back into
the file. Marks: **m** printed by `mqbroker -m`; **r** read once at start, so that a change takes effect with the next one;
**o** ours, not a key of 4.4.0: shown only where it is set. `~` stands for Java's `user.home`: from `-Duser.home`, else
from the password database. Defaults that follow the number of CPUs are shown for 2.

";

const PROPERTIES: &[(&str, &str, &str)] = &[
    ("rocketmq.home.dir", "ROCKETMQ_HOME", "Installation folder."),
    ("rocketmq.namesrv.addr", "NAMESRV_ADDR", "Name servers, `host:port` with `;` between."),
    (
        "rocketmq.serialize.type",
        "ROCKETMQ_SERIALIZE_TYPE",
        "`JSON` (default) or `ROCKETMQ`: how frames are written.",
    ),
    ("user.home", "", "Home: default of all paths, and place of the logs."),
    (
        "rocketmq.log.level",
        "ROCKETMQ_LOG",
        "Level of the logs (`error`, `warn`, `info`, `debug`, `trace`), or levels by logger: `info,RocketmqStore=debug`. Ours, as are the next two.",
    ),
    (
        "rocketmq.log.format",
        "ROCKETMQ_LOG_FORMAT",
        "`text` (default) or `json`: how lines of the logs look.",
    ),
    ("rocketmq.listen.address", "", "Address to listen on; by default all of the machine."),
    (
        "rocketmq.namesrv.domain",
        "",
        "Address server, where `fetchNamesrvAddrByAddressServer` is on.",
    ),
    ("rocketmq.namesrv.domain.subgroup", "", "Its list of name servers."),
    (
        "rocketmq.broker.rebalance.lockMaxLiveTime",
        "",
        "Milliseconds after which a queue lock that is not renewed is free.",
    ),
    ("com.rocketmq.remoting.socket.sndbuf.size", "", "Default of the send buffers."),
    ("com.rocketmq.remoting.socket.rcvbuf.size", "", "Default of the receive buffers."),
    (
        "com.rocketmq.remoting.clientAsyncSemaphoreValue",
        "",
        "Default of `clientAsyncSemaphoreValue`.",
    ),
    (
        "com.rocketmq.remoting.clientOnewaySemaphoreValue",
        "",
        "Default of `clientOnewaySemaphoreValue`.",
    ),
    ("tls.*", "", "TLS of servers and clients, as in 4.4.0."),
];

fn generated() -> String {
    let env = Env::empty()
        .with_user_home("~")
        .with_host_name("(host name)")
        .with_local_address("(address of the machine)")
        .with_cpus(2);
    let (broker, namesrv) = (BrokerConfigs::from_env(&env), NamesrvConfigs::from_env(&env));
    let mut text = HEAD.to_owned();
    let sections = [
        page::section("Broker", &broker.broker),
        page::section("Broker: listening sockets", &broker.server),
        page::section("Broker: outgoing connections", &broker.client),
        page::section("Broker: store", &broker.store),
        page::section("Name server", &namesrv.namesrv),
        page::section("Name server: access", &namesrv.access),
    ];
    text.push_str(&sections.join("\n"));
    text.push_str("\nThe sockets of a name server take the same settings as those of a broker.\n");
    text.push('\n');
    text.push_str(&page::section("Both: what operators watch", &broker.observe));
    text.push_str("\n## System properties and variables\n\n");
    text.push_str(
        "`-Dproperty=value` stands before the role, or in `JAVA_OPT` or `JAVA_OPT_EXT`. ",
    );
    text.push_str(
        "It wins over the variable.\n\n| property | variable | meaning |\n|---|---|---|\n",
    );
    for (property, var, about) in PROPERTIES {
        let var = if var.is_empty() { String::new() } else { format!("`{var}`") };
        let _ = writeln!(text, "| `{property}` | {var} | {about} |");
    }
    text
}

fn check(name: &str, new: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    if old != new {
        std::fs::write(&path, new).expect("the page can be written");
        panic!("docs/{name} was out of date and has been written anew: commit it");
    }
}

#[test]
fn the_page_is_up_to_date() {
    check("config.md", &generated());
}

#[test]
fn the_page_of_metrics_is_up_to_date() {
    check("metrics.md", &observe::page());
}
