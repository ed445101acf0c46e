//! The scripts around the servers.

use std::path::Path;
use std::process::Command;

use crate::home::{Home, Shown, shells};

#[test]
fn play_starts_both_servers() {
    for shell in shells() {
        let home = Home::new(&shell);
        let shown =
            Shown::of(home.command::<&str>("play.sh", &[]).env("FAKE_BOOT", "1")).expect_code(0);
        let line = shown.out.trim_end();
        let address =
            line.strip_prefix("Start Name Server and Broker Successfully, ").expect("the old line");
        assert!(address.ends_with(":9876"), "{line}");
        let log = |name: &str| std::fs::read_to_string(home.path(name)).expect("a log");
        assert!(log("ns.log").contains("arg=org.apache.rocketmq.namesrv.NamesrvStartup"));
        assert!(log("bk.log").contains(&format!("arg=-n\narg={address}\n")));
    }
}

#[test]
fn play_says_which_server_failed() {
    for shell in shells() {
        let home = Home::new(&shell);
        let shown = home.run::<&str>("play.sh", &[]).expect_code(1);
        assert_eq!((shown.out.as_str(), shown.err.lines().count()), ("", 1), "{shown:?}");
        assert!(shown.err.contains("ns.log"), "{}", shown.err);
    }
}

#[test]
fn the_filter_server_is_explained() {
    for shell in shells() {
        let shown = Home::bare(&shell).run("startfsrv.sh", &["-c", "x"]).expect_code(0);
        assert_eq!(shown.out.lines().count(), 1);
    }
}

#[test]
fn cache_scripts_show_their_usage() {
    for shell in shells() {
        let home = Home::bare(&shell);
        home.fake("sysctl", "path/sysctl");
        let check = |script: &str, words: &[&str], args: &str, example: &str| {
            let shown = home.run(script, words).expect_code(0);
            let name = home.path("bin").join(script);
            let name = name.display();
            assert_eq!(shown.out, format!("Usage: {name} {args}\nExample: {name} {example}\n"));
        };
        for words in [&[][..], &["1", "2"], &["x"], &[""]] {
            check("cleancache.v1.sh", words, "freecache(GB)", "15");
        }
        for words in [&[][..], &["1"], &["1", "x"], &["1", "2", "3"]] {
            check("setcache.sh", words, "extra_free_kbytes(GB) min_free_kbytes(GB)", "3 1");
        }
    }
}

#[test]
fn cache_scripts_set_what_4_4_0_sets() {
    for shell in shells() {
        let home = Home::bare(&shell);
        home.fake("sysctl", "path/sysctl");
        let check = |script: &str, words: &[&str], expected: &[&str]| {
            let shown = home.run(script, words).expect_code(0);
            let expected: Vec<String> =
                expected.iter().map(|set| format!("sysctl -w vm.{set}")).collect();
            assert_eq!(shown.out.lines().collect::<Vec<_>>(), expected);
        };
        check("cleancache.sh", &[], &["drop_caches=3"]);
        let reserve = [
            "extra_free_kbytes=3000000",
            "min_free_kbytes=15000000",
            "extra_free_kbytes=3000000",
            "min_free_kbytes=1000000",
        ];
        check("cleancache.v1.sh", &["15"], &reserve);
        let reserve = ["extra_free_kbytes=3000000", "min_free_kbytes=1000000", "swappiness=0"];
        check("setcache.sh", &["3", "1"], &reserve);
    }
}

/// Only what it would do; the real thing is for root on a machine of its own.
#[test]
fn os_tuning_can_be_looked_at_first() {
    for shell in shells() {
        let home = Home::bare(&shell);
        home.fake("sysctl", "path/sysctl");
        let mut run = Command::new(&shell);
        home.isolate(&mut run);
        let shown = Shown::of(run.arg(home.path("bin/os.sh")).arg("-n")).expect_code(0);
        assert!(
            shown.out.contains("would run: sysctl -w vm.max_map_count=655360\n"),
            "{}",
            shown.out
        );
        assert!(shown.out.contains(&format!("\n{}\n", "-".repeat(63))), "{}", shown.out);
        assert!(shown.out.contains("would run: ln -s /dev/shm"), "{}", shown.out);
        assert!(!shown.out.contains("sysctl -w vm.swappiness=1\nsysctl"), "{}", shown.out);
        assert!(!home.path("tmpfs").exists());
    }
}

/// For real, as root of a machine whose files lie below a folder and whose kernel only listens.
#[test]
fn os_tuning_is_done_once() {
    for shell in shells() {
        let home = Home::bare(&shell);
        home.fake("sysctl", "path/sysctl");
        ["id", "df"].iter().for_each(|program| home.replace(program));
        home.write("root/etc/profile", "umask 022\n");
        home.write("root/etc/security/limits.conf", "* hard nofile 655350\n");
        let scheduler = "root/sys/block/sdb/queue/scheduler";
        let tune = || {
            home.write(scheduler, "[none] mq-deadline kyber\n");
            let mut run = home.command::<&str>("os.sh", &[]);
            Shown::of(run.env("OS_ROOT", home.path("root"))).expect_code(0)
        };
        let read = |name: &str| std::fs::read_to_string(home.path(name)).expect("a file");
        let (first, again) = (tune(), tune());
        for shown in [&first, &again] {
            assert!(shown.out.starts_with("sysctl -w vm.overcommit_memory=1\n"), "{shown:?}");
            assert!(shown.out.contains("\nsysctl -w vm.swappiness=1\n"), "{shown:?}");
            assert!(shown.out.contains("\nsysctl vm.min_free_kbytes\n"), "{shown:?}");
            assert!(!shown.out.contains("would"), "{shown:?}");
            assert_eq!(shown.err, "");
        }
        assert_eq!(read("root/etc/profile"), "umask 022\nulimit -n 655350\n");
        let limits =
            "* hard nofile 655350\n* hard memlock      unlimited\n* soft memlock      unlimited\n";
        assert_eq!(read("root/etc/security/limits.conf"), limits);
        assert_eq!(read(scheduler), "mq-deadline\n");
        let link = std::fs::read_link(home.path("tmpfs")).expect("a link");
        assert_eq!(link, Path::new("/dev/shm"));
        assert!(first.out.ends_with("create tmpfs ok\n"), "{first:?}");
        assert!(again.out.ends_with("tmpfs exist, do nothing.\n"), "{again:?}");
    }
}

/// Who is not root is told so in a line, and nothing is changed.
#[test]
fn os_tuning_is_for_root() {
    for shell in shells() {
        let home = Home::bare(&shell);
        home.fake("sysctl", "path/sysctl");
        home.replace("id");
        let mut run = home.command::<&str>("os.sh", &[]);
        let shown = Shown::of(run.env("FAKE_USER", "1000").env("OS_ROOT", home.path("root")));
        let shown = shown.expect_code(1);
        assert_eq!((shown.out.as_str(), shown.err.lines().count()), ("", 1), "{shown:?}");
        assert!(shown.err.contains("as root"), "{}", shown.err);
        assert!(!home.path("tmpfs").exists());
    }
}

/// One round of the endless loop, on a machine with this many free pages and a high mark of 100.
fn one_round_of_cachedog(shell: &Path, free: &str) -> Shown {
    let home = Home::bare(shell);
    home.fake("sysctl", "path/sysctl");
    ["awk", "sleep"].iter().for_each(|program| home.replace(program));
    Shown::of(home.command::<&str>("cachedog.sh", &[]).env("FAKE_FREE", free))
}

#[test]
fn cachedog_cleans_below_the_high_mark_only() {
    for shell in shells() {
        let idle = one_round_of_cachedog(&shell, "101");
        let line = idle.out.strip_suffix('\n').expect("a line");
        // Date and time are two words.
        let said = line.splitn(3, ' ').nth(2);
        assert_eq!(said, Some("[NOTHING] nr_free_pages=101 high=100"), "{idle:?}");

        let short = one_round_of_cachedog(&shell, "100");
        let lines: Vec<&str> = short.out.lines().collect();
        let clean =
            "[CLEAN] nr_free_pages < high, clean cache. nr_free_pages=100 ====> nr_free_pages=100";
        assert_eq!(lines.len(), 6, "{short:?}");
        assert_eq!(lines[0], "sysctl -w vm.drop_caches=3");
        assert_eq!(lines[1].splitn(3, ' ').nth(2), Some(clean));
        assert_eq!(lines[2..], ["sysctl -w vm.drop_caches=1", "", "", ""]);
    }
}
