//! Who we are this time: the role that the command line names, and the system properties around it.
//!
//! The scripts start us as they would start Java: JVM options, a main class, its arguments. Of the
//! options only `-Dkey=value` means something here; the rest is passed over. A plain word
//! (`broker`) names the same role as the class.

use config::Env;

/// What this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A broker.
    Broker,
    /// A name server.
    Namesrv,
    /// One `mqadmin` command.
    Admin,
    /// The quickstart producer.
    Producer,
    /// The quickstart consumer.
    Consumer,
    /// The benchmark's producer.
    BenchmarkProducer,
    /// The benchmark's consumer.
    BenchmarkConsumer,
    /// The benchmark's producer of transactions.
    BenchmarkTransactions,
    /// The script that completes a program's words in a shell.
    Completion,
    /// A page of the manual.
    Man,
    /// A look at a store's files.
    Store,
}

/// Roles by short name and by the Java main class that stands for them in scripts and in `ps`.
pub(crate) const ROLES: &[(Role, &str, &str)] = &[
    (Role::Broker, "broker", "org.apache.rocketmq.broker.BrokerStartup"),
    (Role::Namesrv, "namesrv", "org.apache.rocketmq.namesrv.NamesrvStartup"),
    (Role::Admin, "admin", "org.apache.rocketmq.tools.command.MQAdminStartup"),
    (Role::Producer, "producer", "org.apache.rocketmq.example.quickstart.Producer"),
    (Role::Consumer, "consumer", "org.apache.rocketmq.example.quickstart.Consumer"),
    (
        Role::BenchmarkProducer,
        "benchmark-producer",
        "org.apache.rocketmq.example.benchmark.Producer",
    ),
    (
        Role::BenchmarkConsumer,
        "benchmark-consumer",
        "org.apache.rocketmq.example.benchmark.Consumer",
    ),
    (
        Role::BenchmarkTransactions,
        "benchmark-transactions",
        "org.apache.rocketmq.example.benchmark.TransactionProducer",
    ),
];

/// What else a first word can ask for, and what it does.
pub(crate) const PAPERS: &[(Role, &str, &str)] = &[
    (Role::Completion, "completion", "prints what makes bash, zsh or fish complete a command"),
    (Role::Man, "man", "prints a page of the manual; without a name, the names of all pages"),
    (Role::Store, "store", "checks, dumps and repairs the files of a broker"),
];

/// JVM options whose value is the next word.
const JVM_OPTIONS_WITH_VALUE: &[&str] = &[
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-opens",
    "--add-exports",
    "--add-reads",
    "--add-modules",
];

/// Variables whose `-D` words count before those of the command line, the weakest first.
const OPTION_VARS: &[&str] = &["JAVA_TOOL_OPTIONS", "JAVA_OPT", "JAVA_OPT_EXT"];
/// The variable whose `-D` words a JVM lets win over everything.
const LAST_WORD_VAR: &str = "_JAVA_OPTIONS";

/// A command line, taken apart.
#[derive(Debug, PartialEq)]
pub(crate) enum Invocation {
    /// Run this role with these arguments.
    Run(Role, Vec<String>),
    /// Say how to call us.
    Help,
    /// Say which version we are.
    Version,
    /// There is no such role or class; empty when none was named.
    Unknown(String),
}

impl Invocation {
    /// Reads the words after the program name and notes the system properties in `env`.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>, env: &mut Env) -> Self {
        for var in OPTION_VARS {
            take_properties_of_var(var, env);
        }
        let mut words = words.into_iter();
        let mut role = None;
        while let Some(word) = words.next() {
            if let Some(property) = word.strip_prefix("-D") {
                set_property(property, env);
            } else if JVM_OPTIONS_WITH_VALUE.contains(&word.as_str()) {
                words.next();
            } else if matches!(word.as_str(), "-h" | "-help" | "--help" | "-?") {
                return Self::Help;
            } else if matches!(word.as_str(), "-version" | "--version" | "-V") {
                return Self::Version;
            } else if !word.starts_with(['-', '@']) {
                role = Some(word);
                break;
            }
        }
        take_properties_of_var(LAST_WORD_VAR, env);
        let Some(name) = role else { return Self::Unknown(String::new()) };
        let role = ROLES.iter().find(|(_, short, class)| name == *short || name == *class);
        match role.or_else(|| PAPERS.iter().find(|(_, short, _)| name == *short)) {
            Some(&(role, ..)) => Self::Run(role, words.collect()),
            None => Self::Unknown(name),
        }
    }
}

fn take_properties_of_var(var: &str, env: &mut Env) {
    let words: Vec<_> =
        env.var(var).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    for property in words.iter().filter_map(|word| word.strip_prefix("-D")) {
        set_property(property, env);
    }
}

fn set_property(text: &str, env: &mut Env) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    env.set_property(key, value);
}

/// The text of `rocketmq --help`.
pub(crate) fn help() -> String {
    let mut text =
        String::from("usage: rocketmq [-Dproperty=value ...] <role> [arguments]\n\nroles:\n");
    for (_, short, class) in ROLES {
        text.push_str(&format!(" {short:<23}{class}\n"));
    }
    text.push_str(
        "\nA role goes by either name. `rocketmq <role> -h` tells its arguments.\n\nalso:\n",
    );
    for (_, short, about) in PAPERS {
        text.push_str(&format!(" {short:<23}{about}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Invocation) {
        let words = line.split_whitespace().map(str::to_owned);
        assert_eq!(Invocation::parse(words, &mut Env::empty()), expected, "{line}");
    }

    fn run(role: Role, args: &[&str]) -> Invocation {
        Invocation::Run(role, args.iter().map(|&arg| arg.to_owned()).collect())
    }

    #[test]
    fn roles_go_by_word_and_by_class() {
        check("broker -c x", run(Role::Broker, &["-c", "x"]));
        check("org.apache.rocketmq.broker.BrokerStartup -n a:1", run(Role::Broker, &["-n", "a:1"]));
        check("org.apache.rocketmq.namesrv.NamesrvStartup", run(Role::Namesrv, &[]));
        check("admin clusterList -Dx=y", run(Role::Admin, &["clusterList", "-Dx=y"]));
        check("org.apache.rocketmq.example.quickstart.Producer", run(Role::Producer, &[]));
        check("completion bash mqadmin", run(Role::Completion, &["bash", "mqadmin"]));
        check("com.example.Main", Invocation::Unknown("com.example.Main".to_owned()));
        check("", Invocation::Unknown(String::new()));
    }

    #[test]
    fn jvm_options_are_passed_over() {
        check(
            "-server -Xms8g -XX:+UseG1GC --add-opens java.base/java.nio=ALL-UNNAMED @file -cp a:b namesrv -p",
            run(Role::Namesrv, &["-p"]),
        );
        check("--help", Invocation::Help);
        check("-version", Invocation::Version);
    }

    #[test]
    fn properties_come_from_words_and_variables() {
        let mut env = Env::empty()
            .with_var("JAVA_OPT", "-server -Da=1 -Db=1  -Dc")
            .with_var("JAVA_OPT_EXT", "-Db=2")
            .with_var("_JAVA_OPTIONS", "-De=9");
        let words = ["-Dd=x=y", "-De=1", "broker", "-Df=1"].map(str::to_owned);
        Invocation::parse(words, &mut env);
        let value = |key| env.property(key).map(str::to_owned);
        let all = ["a", "b", "c", "d", "e", "f"].map(value);
        assert_eq!(
            all.each_ref().map(Option::as_deref),
            [Some("1"), Some("2"), Some(""), Some("x=y"), Some("9"), None]
        );
    }
}
