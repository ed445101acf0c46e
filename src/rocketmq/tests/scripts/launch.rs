//! From a command to the executable: arguments, environment, where home and executable are found.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::home::{Home, Shown, shells};

const NAMESRV: &str = "org.apache.rocketmq.namesrv.NamesrvStartup";
const BROKER: &str = "org.apache.rocketmq.broker.BrokerStartup";
const ADMIN: &str = "org.apache.rocketmq.tools.command.MQAdminStartup";

/// The commands with the main class that each of them stands for.
const COMMANDS: &[(&str, &str)] = &[
    ("mqnamesrv", NAMESRV),
    ("mqbroker", BROKER),
    ("mqbroker.numanode0", BROKER),
    ("mqbroker.numanode1", BROKER),
    ("mqbroker.numanode2", BROKER),
    ("mqbroker.numanode3", BROKER),
    ("mqadmin", ADMIN),
];

#[test]
fn arguments_arrive_as_they_were_given() {
    let words =
        ["updateKvConfig", "-v", "a b", "", "*", "$HOME", "it's \"so\"", "-Dx=y", "back\\slash"];
    for shell in shells() {
        let home = Home::new(&shell);
        for (command, class) in COMMANDS {
            let shown = home.run(command, &words).expect_code(0);
            let mut expected = vec![*class];
            expected.extend(words);
            assert_eq!(shown.args(), expected, "{command} under {}", shell.display());
        }
    }
}

#[test]
fn a_command_without_arguments_passes_none() {
    for shell in shells() {
        let shown = Home::new(&shell).run::<&str>("mqbroker", &[]).expect_code(0);
        assert_eq!(shown.args(), [BROKER]);
    }
}

#[test]
fn exit_codes_are_those_of_the_executable() {
    for shell in shells() {
        let home = Home::new(&shell);
        for (command, _) in COMMANDS {
            for code in [0, 1, 253, 254, 255] {
                let mut run = home.command(command, &["-h"]);
                Shown::of(run.env("FAKE_EXIT", code.to_string())).expect_code(code);
            }
        }
    }
}

/// A signal to the script reaches the server because the script has become the server.
#[test]
fn the_script_becomes_the_executable() {
    for shell in shells() {
        let home = Home::new(&shell);
        for (command, _) in COMMANDS {
            let mut run = home.command::<&str>(command, &[]);
            let mut child = run.stdout(Stdio::piped()).spawn().expect("start a script");
            let mut out = String::new();
            child.stdout.take().expect("piped").read_to_string(&mut out).expect("read its output");
            let pid = format!("pid={}", child.id());
            assert!(child.wait().expect("wait for it").success());
            assert!(out.lines().any(|line| line == pid), "{command}: no {pid} in {out}");
        }
    }
}

#[test]
fn home_is_the_folder_above_the_script() {
    for shell in shells() {
        let home = Home::new(&shell);
        let expected = home.path("");
        let expected = expected.to_str().expect("UTF-8").trim_end_matches('/');

        let by_path = home.run::<&str>("mqbroker", &[]).expect_code(0);
        assert_eq!(by_path.values("home"), [expected]);

        let mut inside = Command::new(&shell);
        home.isolate(&mut inside);
        let inside = Shown::of(inside.arg("mqbroker").current_dir(home.path("bin"))).expect_code(0);
        assert_eq!(inside.values("home"), [expected]);

        let mut empty = home.command::<&str>("mqbroker", &[]);
        let empty = Shown::of(empty.env("ROCKETMQ_HOME", "")).expect_code(0);
        assert_eq!(empty.values("home"), [expected]);
    }
}

#[test]
fn home_is_found_through_links() {
    for shell in shells() {
        let home = Home::new(&shell);
        let expected = home.path("");
        let expected = expected.to_str().expect("UTF-8").trim_end_matches('/');
        // An absolute link to a relative one to the script, each in a folder of its own.
        home.link(Path::new("../../bin/mqbroker"), "links/near/broker");
        home.link(&home.path("links/near/broker"), "links/far/start");
        for link in ["links/near/broker", "links/far/start"] {
            let mut run = Command::new(&shell);
            home.isolate(&mut run);
            let shown = Shown::of(run.arg(home.path(link)).arg("-m")).expect_code(0);
            assert_eq!(shown.values("home"), [expected], "through {link}");
            assert_eq!(shown.args(), [BROKER, "-m"]);
        }
    }
}

/// CDPATH makes `cd` print and go elsewhere.
#[test]
fn cdpath_does_not_mislead() {
    for shell in shells() {
        let home = Home::new(&shell);
        home.write("elsewhere/bin/launch.sh", "echo wrong\n");
        let mut run = Command::new(&shell);
        home.isolate(&mut run);
        let shown = Shown::of(run.arg("bin/mqbroker").env("CDPATH", home.path("elsewhere")));
        assert_eq!(shown.expect_code(0).args(), [BROKER]);
    }
}

/// A home of its own (`conf/` only) is served by the installation that the command belongs to.
#[test]
fn a_given_home_is_kept() {
    for shell in shells() {
        let home = Home::new(&shell);
        let mut run = home.command::<&str>("mqnamesrv", &[]);
        let shown = Shown::of(run.env("ROCKETMQ_HOME", "/other home")).expect_code(0);
        assert_eq!(shown.values("home"), ["/other home"]);
        let program = home.path("lib/rocketmq");
        assert_eq!(shown.values("program"), [program.to_str().expect("UTF-8")]);
    }
}

/// A command copied away from its folder finds the rest through ROCKETMQ_HOME, as in 4.4.0.
#[test]
fn a_copied_command_goes_by_the_given_home() {
    for shell in shells() {
        let home = Home::new(&shell);
        let text = std::fs::read_to_string(home.path("bin/mqadmin")).expect("read mqadmin");
        home.write("elsewhere/mqadmin", &text);
        let mut run = Command::new(&shell);
        home.isolate(&mut run);
        run.arg(home.path("elsewhere/mqadmin")).arg("help").env("ROCKETMQ_HOME", home.path(""));
        assert_eq!(Shown::of(&mut run).expect_code(0).args(), [ADMIN, "help"]);
    }
}

#[test]
fn the_executable_is_looked_for_in_order() {
    let places = ["path", "target/debug", "target/release", "bin", "lib"];
    for shell in shells() {
        let home = Home::bare(&shell);
        for place in places {
            let at = format!("{place}/rocketmq");
            home.fake("rocketmq", &at);
            let shown = home.run::<&str>("mqbroker", &[]).expect_code(0);
            let expected = home.path(&at);
            assert_eq!(shown.values("program"), [expected.to_str().expect("UTF-8")]);
        }
        // The given home comes before the one of the script.
        home.fake("rocketmq", "other/lib/rocketmq");
        let mut run = home.command::<&str>("mqbroker", &[]);
        let shown = Shown::of(run.env("ROCKETMQ_HOME", home.path("other"))).expect_code(0);
        let expected = home.path("other/lib/rocketmq");
        assert_eq!(shown.values("program"), [expected.to_str().expect("UTF-8")]);
    }
}

#[test]
fn a_missing_executable_is_one_clear_line() {
    for shell in shells() {
        let home = Home::bare(&shell);
        for (command, _) in COMMANDS {
            let shown = home.run::<&str>(command, &[]).expect_code(1);
            assert_eq!(shown.out, "");
            assert_eq!(shown.err.lines().count(), 1, "{}", shown.err);
            assert!(shown.err.contains("cargo build --release"), "{}", shown.err);
        }
    }
}

/// Wrappers put heap sizes and agents before the class; only properties mean something here.
#[test]
fn jvm_options_before_the_class_are_sifted() {
    for shell in shells() {
        let home = Home::new(&shell);
        let words = [
            "-server",
            "-Xmx8g",
            "-cp",
            "a:b",
            "-Duser.home=/data 1",
            "--add-opens",
            "a/b=ALL",
            "-XX:+UseG1GC",
            BROKER,
            "-c",
            "x",
            "-Dlate=1",
            "-Xlate",
        ];
        for script in ["runserver.sh", "runbroker.sh", "tools.sh"] {
            let shown = home.run(script, &words).expect_code(0);
            assert_eq!(
                shown.args(),
                ["-Duser.home=/data 1", BROKER, "-c", "x", "-Dlate=1", "-Xlate"]
            );
        }
    }
}

#[test]
fn java_options_reach_the_executable_through_the_environment() {
    for shell in shells() {
        let home = Home::new(&shell);
        let with_options = |command: &str| {
            let mut run = home.command::<&str>(command, &[]);
            run.env("JAVA_OPT", "-Drocketmq.namesrv.addr=a:1 -Xmx1g *");
            run.env("JAVA_OPT_EXT", "-Duser.home=/x").env("JAVA_HOME", "/no/such/jdk");
            Shown::of(&mut run).expect_code(0)
        };
        for command in ["mqnamesrv", "mqbroker"] {
            let shown = with_options(command);
            assert_eq!(shown.values("opt"), ["-Drocketmq.namesrv.addr=a:1 -Xmx1g *"]);
            assert_eq!(shown.values("ext"), ["-Duser.home=/x"]);
        }
        // 4.4.0's tools.sh does not read JAVA_OPT_EXT.
        let shown = with_options("mqadmin");
        assert_eq!(shown.values("opt"), ["-Drocketmq.namesrv.addr=a:1 -Xmx1g *"]);
        assert_eq!(shown.values("ext"), ["unset"]);
    }
}

#[test]
fn launchers_leave_the_home_alone() {
    for shell in shells() {
        let home = Home::new(&shell);
        for script in ["runserver.sh", "runbroker.sh", "tools.sh"] {
            assert_eq!(home.run(script, &[ADMIN]).expect_code(0).values("home"), ["unset"]);
        }
    }
}

#[test]
fn numa_nodes_are_honoured_where_numactl_works() {
    for shell in shells() {
        let home = Home::new(&shell);
        for node in ["0", "1", "2", "3"] {
            let shown = home.run::<&str>(&format!("mqbroker.numanode{node}"), &[]).expect_code(0);
            assert_eq!(shown.values("numa"), [node]);
            assert!(shown.values("numactl").is_empty());
        }
        home.fake("numactl", "path/numactl");
        for node in ["0", "1", "2", "3"] {
            let shown = home.run(&format!("mqbroker.numanode{node}"), &["a b"]).expect_code(0);
            let expected = [format!("--cpunodebind={node}"), format!("--membind={node}")];
            assert_eq!(shown.values("numactl"), expected);
            assert_eq!(shown.args(), [BROKER, "a b"]);
        }
        let shown = home.run::<&str>("mqbroker", &[]).expect_code(0);
        assert_eq!(shown.values("numactl"), ["--interleave=all"]);
        assert!(home.run::<&str>("mqnamesrv", &[]).expect_code(0).values("numactl").is_empty());
    }
}
