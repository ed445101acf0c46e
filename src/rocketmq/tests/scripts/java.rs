//! Which classes run natively and which with Java, and how a JVM is started.

use std::process::Command;

use crate::home::{Home, Shown, shells};

const ADMIN: &str = "org.apache.rocketmq.tools.command.MQAdminStartup";
const PRODUCER: &str = "org.apache.rocketmq.example.quickstart.Producer";
const CONSUMER: &str = "org.apache.rocketmq.example.quickstart.Consumer";
const BENCHMARK: &str = "org.apache.rocketmq.example.benchmark.TransactionProducer";
const OTHER: &str = "org.apache.rocketmq.example.simple.PushConsumer";

/// A home with an executable, and a JDK beside it.
fn with_java(shell: &std::path::Path) -> Home {
    let home = Home::new(shell);
    home.fake("java", "jdk 17/bin/java");
    home
}

fn with_jars(shell: &std::path::Path) -> Home {
    let home = with_java(shell);
    home.write("lib/rocketmq-example-4.4.0.jar", "");
    home
}

fn command(home: &Home, script: &str, args: &[&str]) -> Command {
    let mut command = home.command(script, args);
    command.env("JAVA_HOME", home.path("jdk 17"));
    command
}

fn runs_java(shown: &Shown) -> bool {
    let (java, native) = (shown.values("java").len(), shown.values("program").len());
    assert_eq!(java + native, 1, "{shown:?}");
    java == 1
}

#[test]
fn servers_are_native_even_beside_java_and_jars() {
    for shell in shells() {
        let home = with_jars(&shell);
        for name in ["mqnamesrv", "mqbroker"] {
            for wish in ["", "java"] {
                let mut run = command(&home, name, &[]);
                let shown = Shown::of(run.env("ROCKETMQ_TOOLS", wish)).expect_code(0);
                assert!(!runs_java(&shown), "{name}");
            }
        }
    }
}

#[test]
fn mqadmin_is_native_unless_java_is_asked_for() {
    for shell in shells() {
        let home = with_jars(&shell);
        for (wish, java) in [("", false), ("native", false), ("java", true)] {
            let mut run = command(&home, "mqadmin", &["topicList", "-n", "a b"]);
            let shown = Shown::of(run.env("ROCKETMQ_TOOLS", wish)).expect_code(0);
            assert_eq!(runs_java(&shown), java, "ROCKETMQ_TOOLS={wish}");
            assert!(shown.args().ends_with(&[ADMIN, "topicList", "-n", "a b"]), "{shown:?}");
        }
    }
}

#[test]
fn asking_for_java_without_jars_is_refused() {
    for shell in shells() {
        let home = with_java(&shell);
        let mut run = command(&home, "mqadmin", &["topicList"]);
        let shown = Shown::of(run.env("ROCKETMQ_TOOLS", "java")).expect_code(1);
        assert_eq!((shown.out.as_str(), shown.err.lines().count()), ("", 1), "{shown:?}");
        assert!(shown.err.contains("jars"), "{}", shown.err);
    }
}

#[test]
fn examples_run_with_java_where_the_jars_are() {
    for shell in shells() {
        for class in [PRODUCER, CONSUMER, BENCHMARK] {
            let home = with_java(&shell);
            assert!(!runs_java(
                &Shown::of(&mut command(&home, "tools.sh", &[class])).expect_code(0)
            ));
            // A CLASSPATH of other things is no reason for Java.
            home.write("things/other.jar", "");
            let foreign = format!(".:{0}/other.jar:{0}", home.path("things").display());
            let mut run = command(&home, "tools.sh", &[class]);
            assert!(!runs_java(&Shown::of(run.env("CLASSPATH", foreign)).expect_code(0)));

            let home = with_jars(&shell);
            assert!(runs_java(
                &Shown::of(&mut command(&home, "tools.sh", &[class])).expect_code(0)
            ));
            let mut run = command(&home, "tools.sh", &[class]);
            assert!(!runs_java(&Shown::of(run.env("ROCKETMQ_TOOLS", "native")).expect_code(0)));
            // Without a JVM the jars are of no use.
            assert!(!runs_java(&home.run("tools.sh", &[class]).expect_code(0)));
        }
    }
}

#[test]
fn jars_are_also_found_on_the_class_path() {
    for shell in shells() {
        let home = with_java(&shell);
        home.write("jars/rocketmq-client-4.4.0.jar", "");
        home.write("classes/org/apache/rocketmq/example/quickstart/Producer.class", "");
        for entry in ["jars/rocketmq-client-4.4.0.jar", "jars/*", "classes"] {
            let path = format!("/nowhere:{}", home.path(entry).display());
            let mut run = command(&home, "tools.sh", &[PRODUCER, "x"]);
            let shown = Shown::of(run.env("CLASSPATH", &path)).expect_code(0);
            assert!(runs_java(&shown), "{entry}");
            let args = shown.args();
            let given = args.iter().position(|word| *word == "-cp").expect("a class path") + 1;
            assert!(args[given].contains(&path), "{args:?}");
        }
    }
}

#[test]
fn other_classes_need_java() {
    for shell in shells() {
        for script in ["tools.sh", "runserver.sh", "runbroker.sh"] {
            // Neither Java nor jars, one of them, both.
            let shown = Home::new(&shell).run(script, &[OTHER, "a b"]).expect_code(1);
            assert_eq!((shown.out.as_str(), shown.err.lines().count()), ("", 1), "{shown:?}");
            assert!(shown.err.contains(OTHER), "{}", shown.err);

            let home = with_java(&shell);
            Shown::of(&mut command(&home, script, &[OTHER])).expect_code(1);
            let home = with_jars(&shell);
            home.run(script, &[OTHER]).expect_code(1);
            let mut run = command(&home, script, &["-Dx=a b", OTHER, "a b", ""]);
            let shown = Shown::of(run.env("FAKE_EXIT", "7")).expect_code(7);
            assert!(runs_java(&shown));
            assert!(shown.args().ends_with(&["-Dx=a b", OTHER, "a b", ""]), "{shown:?}");
        }
    }
}

#[test]
fn no_class_at_all_is_refused() {
    for shell in shells() {
        let home = with_jars(&shell);
        for words in [&[][..], &["-Xmx1g", "-cp"]] {
            let shown = Shown::of(&mut command(&home, "tools.sh", words)).expect_code(1);
            assert_eq!((shown.out.as_str(), shown.err.lines().count()), ("", 1), "{shown:?}");
        }
    }
}

#[test]
fn java_is_also_taken_from_the_old_places_and_from_path() {
    for shell in shells() {
        for place in ["jdk/java/bin/java", "path/java"] {
            let home = with_jars(&shell);
            home.fake("java", place);
            let mut run = home.command("tools.sh", &[OTHER]);
            run.env("JAVA_HOME", "/no/such/jdk");
            if place.starts_with("path") {
                // A link on PATH stands for the JDK that it points into.
                std::fs::remove_file(home.path(place)).expect("remove the fake");
                home.link(&home.path("jdk 17/bin/java"), place);
            }
            assert!(runs_java(&Shown::of(&mut run).expect_code(0)), "{place}");
        }
    }
}

#[test]
fn options_of_the_environment_come_in_order() {
    for shell in shells() {
        let home = with_jars(&shell);
        for (script, heap) in
            [("runserver.sh", "-Xmx4g"), ("runbroker.sh", "-Xmx8g"), ("tools.sh", "-Xmx1g")]
        {
            let mut run = command(&home, script, &["-Dlast=1", OTHER]);
            run.env("JAVA_OPT", "-Dfirst=1 -Dstar=*").env("JAVA_OPT_EXT", "-Xmx64m");
            let shown = Shown::of(&mut run).expect_code(0);
            let args = shown.args();
            let at = |word: &str| args.iter().position(|arg| *arg == word);
            assert_eq!(at("-Dfirst=1"), Some(0), "{args:?}");
            assert_eq!(at("-Dstar=*"), Some(1), "{args:?}");
            assert!(at(heap) > at("-Dstar=*"), "{args:?}");
            assert!(at("-Dlast=1") > at(heap), "{args:?}");
            if script == "tools.sh" {
                assert_eq!(at("-Xmx64m"), None);
            } else {
                assert!(at("-Xmx64m") > at(heap), "{args:?}");
            }
        }
    }
}

/// Java 8 takes its jars from extension folders, which later ones refuse.
#[test]
fn both_kinds_of_jdk_are_started_their_way() {
    for shell in shells() {
        for (folder, old) in [(None, false), (Some("jre/lib/ext"), true), (Some("lib/ext"), true)] {
            let home = with_jars(&shell);
            if let Some(folder) = folder {
                home.write(&format!("jdk 17/{folder}/x.jar"), "");
            }
            let shown = Shown::of(&mut command(&home, "tools.sh", &[OTHER])).expect_code(0);
            let args = shown.args();
            assert_eq!(args.iter().any(|arg| arg.starts_with("-Djava.ext.dirs=")), old, "{args:?}");
            assert_eq!(args.iter().any(|arg| arg.starts_with("--add-opens=")), !old, "{args:?}");
            let jars = format!("{}/*", home.path("lib").display());
            assert_eq!(args.iter().any(|arg| arg.ends_with(&jars)), !old, "{args:?}");
        }
    }
}

#[test]
fn jars_of_the_given_home_are_used() {
    for shell in shells() {
        let home = with_java(&shell);
        home.write("old java home/lib/rocketmq-tools-4.4.0.jar", "");
        let mut run = command(&home, "mqadmin", &["clusterList"]);
        run.env("ROCKETMQ_HOME", home.path("old java home")).env("ROCKETMQ_TOOLS", "java");
        let shown = Shown::of(&mut run).expect_code(0);
        assert!(runs_java(&shown));
        assert!(shown.out.contains("old java home/lib/*"), "{}", shown.out);
    }
}
