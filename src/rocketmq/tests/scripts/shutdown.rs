//! `mqshutdown`: its lines and exit codes, and that it stops servers and nothing else.
//!
//! The processes are shells that bear a server's words in their command line and wait for their
//! standard input to end, so that none outlives the test. `ps` is a fake that lists only these.

#![cfg(target_os = "linux")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::home::{Home, Shown, on_path, shells};

const BROKER: &str = "org.apache.rocketmq.broker.BrokerStartup";
const NAMESRV: &str = "org.apache.rocketmq.namesrv.NamesrvStartup";
const SIGTERM: i32 = 15;

/// The installation and the processes that its `ps` shows.
struct Machine {
    home: Home,
    running: Vec<Child>,
    listing: String,
}

impl Machine {
    fn new(shell: &Path) -> Self {
        let home = Home::new(shell);
        home.fake("ps", "path/ps");
        // The waiting shells read these by the name of the class.
        for class in [BROKER, NAMESRV, "broker", "wait"] {
            home.write(&format!("run/{class}"), "read -r line\n");
        }
        let mut machine =
            Self { home, running: Vec::new(), listing: "  PID TTY STAT TIME COMMAND\n".to_owned() };
        machine.list("");
        machine
    }

    /// Starts a process that shows these words, the first of them as its program.
    fn start(&mut self, words: &[&str]) -> u32 {
        let [program, args @ ..] = words else { panic!("a process needs a name") };
        let child = Command::new("/bin/sh")
            .arg0(program)
            .args(args)
            .current_dir(self.home.path("run"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("start a process");
        let pid = child.id();
        self.running.push(child);
        self.list(&format!("{pid:>5} pts/0    Sl     0:10 {}\n", words.join(" ")));
        pid
    }

    fn list(&mut self, line: &str) {
        self.listing.push_str(line);
        self.home.write("ps.txt", &self.listing);
    }

    fn shutdown(&self, role: &[&str]) -> Shown {
        let mut run = self.home.command("mqshutdown", role);
        Shown::of(run.env("FAKE_PS", self.home.path("ps.txt")))
    }

    /// Lets everything end by itself and tells, process by process, whether SIGTERM ended it.
    fn terminated(mut self) -> Vec<bool> {
        let ended = self.running.iter_mut().map(|child| {
            drop(child.stdin.take());
            child.wait().expect("wait for a process").signal() == Some(SIGTERM)
        });
        ended.collect()
    }
}

#[test]
fn usage_is_the_old_one() {
    for shell in shells() {
        let machine = Machine::new(&shell);
        for words in [&[][..], &["Broker"], &["all"], &[""]] {
            let shown = machine.shutdown(words).expect_code(0);
            assert_eq!(shown.out, "Useage: mqshutdown broker | namesrv\n");
        }
    }
}

#[test]
fn nothing_to_stop_is_255_under_every_shell() {
    for shell in shells() {
        let machine = Machine::new(&shell);
        assert_eq!(machine.shutdown(&["broker"]).expect_code(255).out, "No mqbroker running.\n");
        assert_eq!(machine.shutdown(&["namesrv"]).expect_code(255).out, "No mqnamesrv running.\n");
    }
}

#[test]
fn servers_are_stopped_by_role() {
    for shell in shells() {
        let mut machine = Machine::new(&shell);
        let broker = machine.start(&["/opt/rocketmq/lib/rocketmq", BROKER, "-n", "localhost:9876"]);
        let namesrv = machine.start(&["rocketmq", NAMESRV]);
        let shown = machine.shutdown(&["broker"]).expect_code(0);
        let expected = format!(
            "The mqbroker({broker}) is running...\nSend shutdown request to mqbroker({broker}) OK\n"
        );
        assert_eq!(shown.out, expected);
        let shown = machine.shutdown(&["namesrv"]).expect_code(0);
        let expected = format!(
            "The mqnamesrv({namesrv}) is running...\nSend shutdown request to mqnamesrv({namesrv}) OK\n"
        );
        assert_eq!(shown.out, expected);
        assert_eq!(machine.terminated(), [true, true]);
    }
}

#[test]
fn all_brokers_of_the_machine_go_native_and_java() {
    for shell in shells() {
        let mut machine = Machine::new(&shell);
        let native = machine.start(&["/opt/rocketmq/lib/rocketmq", BROKER]);
        // `-u` passes for an option of a JVM as much as of a shell.
        let java = machine.start(&["/usr/lib/my jdk/bin/java", "-u", BROKER, "-c", "b.conf"]);
        machine.start(&["rocketmq", NAMESRV]);
        let shown = machine.shutdown(&["broker"]).expect_code(0);
        let pids = format!("{native}\n{java}");
        let expected = format!(
            "The mqbroker({pids}) is running...\nSend shutdown request to mqbroker({pids}) OK\n"
        );
        assert_eq!(shown.out, expected);
        assert_eq!(machine.terminated(), [true, true, false]);
    }
}

/// The executable also takes a plain word for its role.
#[test]
fn servers_started_by_a_short_name_are_found() {
    for shell in shells() {
        let mut machine = Machine::new(&shell);
        let broker = machine.start(&["/opt/rocketmq/lib/rocketmq", "-u", "broker", "-m"]);
        machine.start(&["/usr/bin/java", "broker"]);
        machine.start(&["sh", "broker", "/opt/rocketmq/lib/rocketmq", "broker"]);
        let shown = machine.shutdown(&["broker"]).expect_code(0);
        assert!(shown.out.starts_with(&format!("The mqbroker({broker}) is running")), "{shown:?}");
        assert_eq!(machine.terminated(), [true, false, false]);
    }
}

#[test]
fn processes_that_only_mention_a_server_live_on() {
    for shell in shells() {
        let mut machine = Machine::new(&shell);
        let text = format!("read -r line; : /opt/lib/rocketmq {BROKER} java {BROKER}");
        machine.start(&["sh", "-c", &text]);
        machine.start(&["sh", "wait", "/opt/java/rocketmq", BROKER]);
        machine.start(&["grep", "wait", "java", BROKER]);
        machine.start(&["vi", "wait", "/usr/bin/java", BROKER]);
        machine.start(&["/opt/lib/rocketmq", "wait", "org.apache.rocketmq.other.Main", BROKER]);
        machine.start(&["/usr/bin/java", "wait", "-x", BROKER]);
        machine.start(&["sh", "wait", "/opt/java/bin/runbroker.sh", BROKER]);
        let shown = machine.shutdown(&["broker"]).expect_code(255);
        assert_eq!(shown.out, "No mqbroker running.\n");
        assert!(machine.terminated().iter().all(|terminated| !terminated));
    }
}

/// Small containers have no `ps`. The search then takes in every process there is, hence the private
/// namespace; where the system grants none, there is nothing to try.
#[test]
fn servers_are_found_without_ps() {
    let Some(unshare) = on_path("unshare") else { return };
    let private = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--"];
    let granted = Command::new(&unshare).args(private).arg("true").stderr(Stdio::null()).status();
    if !granted.is_ok_and(|status| status.success()) {
        return;
    }
    for shell in shells() {
        let home = Home::new(&shell);
        home.write(&format!("run/{BROKER}"), "sleep 60\n");
        // The first process of the namespace: a server, a bystander, and the end of both.
        home.write(
            "run/first",
            "(exec -a /opt/lib/rocketmq sh \"$1\") & server=$!\n\
             sh -c \"sleep 60; : java $1\" & other=$!\n\
             until tr '\\0' ' ' < /proc/$server/cmdline | grep -q '^/opt'; do sleep 0.01; done\n\
             \"$2\" ../bin/mqshutdown broker; echo \"code $?\"\n\
             wait $server; echo \"server $?\"\n\
             kill -0 $other && echo alive\n\
             \"$2\" ../bin/mqshutdown broker; echo \"code $?\"\n",
        );
        let Some(bash) = on_path("bash") else { return };
        let mut run = Command::new(&unshare);
        home.isolate(&mut run);
        run.current_dir(home.path("run"));
        run.args(private).arg(bash).args(["first", BROKER]).arg(&shell);
        let shown = Shown::of(&mut run);
        let lines: Vec<&str> = shown.out.lines().collect();
        assert_eq!(lines.len(), 7, "{shown:?}");
        assert!(lines[0].starts_with("The mqbroker("), "{shown:?}");
        assert!(lines[1].starts_with("Send shutdown request to mqbroker("), "{shown:?}");
        assert_eq!(
            lines[2..],
            ["code 0", "server 143", "alive", "No mqbroker running.", "code 255"]
        );
    }
}
