//! Rules for the commands, their helpers and the sample configuration.

use std::collections::BTreeMap;
use std::process::Command;

use crate::tree::{File, files, none, root};

/// The files of `bin/` in RocketMQ 4.4.0 that this project has as well.
const COMMANDS: &[&str] = &[
    "cachedog.sh",
    "cleancache.sh",
    "cleancache.v1.sh",
    "mqadmin",
    "mqadmin.cmd",
    "mqbroker",
    "mqbroker.cmd",
    "mqbroker.numanode0",
    "mqbroker.numanode1",
    "mqbroker.numanode2",
    "mqbroker.numanode3",
    "mqnamesrv",
    "mqnamesrv.cmd",
    "mqshutdown",
    "mqshutdown.cmd",
    "os.sh",
    "play.cmd",
    "play.sh",
    "runbroker.cmd",
    "runbroker.sh",
    "runserver.cmd",
    "runserver.sh",
    "setcache.sh",
    "startfsrv.sh",
    "tools.cmd",
    "tools.sh",
];

/// The other files that 4.4.0 has there; `bin/README.md` says why they are missing.
const LEFT_OUT: &[&str] = &["mqadmin.xml", "mqbroker.xml", "mqnamesrv.xml"];

/// The broker files of 4.4.0 with the keys in which they differ: name, id, role.
const BROKERS: &[(&str, &str, &str, &str)] = &[
    ("conf/broker.conf", "broker-a", "0", "ASYNC_MASTER"),
    ("conf/2m-2s-async/broker-a.properties", "broker-a", "0", "ASYNC_MASTER"),
    ("conf/2m-2s-async/broker-a-s.properties", "broker-a", "1", "SLAVE"),
    ("conf/2m-2s-async/broker-b.properties", "broker-b", "0", "ASYNC_MASTER"),
    ("conf/2m-2s-async/broker-b-s.properties", "broker-b", "1", "SLAVE"),
    ("conf/2m-2s-sync/broker-a.properties", "broker-a", "0", "SYNC_MASTER"),
    ("conf/2m-2s-sync/broker-a-s.properties", "broker-a", "1", "SLAVE"),
    ("conf/2m-2s-sync/broker-b.properties", "broker-b", "0", "SYNC_MASTER"),
    ("conf/2m-2s-sync/broker-b-s.properties", "broker-b", "1", "SLAVE"),
    ("conf/2m-noslave/broker-a.properties", "broker-a", "0", "ASYNC_MASTER"),
    ("conf/2m-noslave/broker-b.properties", "broker-b", "0", "ASYNC_MASTER"),
    ("conf/2m-noslave/broker-trace.properties", "broker-trace", "0", "ASYNC_MASTER"),
];

/// What starts like a script, and what lies in `bin/`, where one file is only read by the others.
fn scripts() -> Vec<File> {
    let is_script = |file: &File| {
        file.text.starts_with("#!/")
            || (file.path.starts_with("bin/")
                && !file.path.ends_with(".md")
                && !is_for_windows(file))
    };
    files().into_iter().filter(is_script).collect()
}

fn is_for_windows(file: &File) -> bool {
    file.path.ends_with(".cmd")
}

#[test]
fn every_command_is_there() {
    let files = files();
    let missing = COMMANDS.iter().map(|name| format!("bin/{name}"));
    let missing = missing.filter(|path| !files.iter().any(|file| file.path == *path));
    none(&missing.collect::<Vec<_>>(), "missing commands");
}

#[test]
fn what_is_left_out_is_explained() {
    let readme = std::fs::read_to_string(root().join("bin/README.md")).expect("a README");
    for name in LEFT_OUT {
        assert!(!root().join("bin").join(name).exists(), "{name}");
        assert!(readme.contains(&format!("`{name}`")), "bin/README.md does not tell of {name}");
    }
}

/// There is no program for Windows; who starts one of these is told so and sees it fail.
#[test]
fn windows_is_told_in_one_line() {
    let files: Vec<File> = files().into_iter().filter(is_for_windows).collect();
    assert_eq!(files.len(), COMMANDS.iter().filter(|name| name.ends_with(".cmd")).count());
    for file in files {
        assert_eq!(file.text.lines().count(), 1, "{}", file.path);
        assert!(file.text.starts_with("@echo There is no Windows program"), "{}", file.path);
        assert!(file.text.ends_with(" 1>&2 & exit /b 1\r\n"), "{}", file.path);
    }
}

#[cfg(unix)]
#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt;

    let mut offences = Vec::new();
    for file in scripts() {
        let mode =
            root().join(&file.path).metadata().expect("look at a script").permissions().mode();
        if mode & 0o111 != 0o111 {
            offences.push(format!("{}: mode {:o}", file.path, mode & 0o777));
        }
    }
    none(&offences, "scripts without their run bit");
}

#[test]
fn scripts_parse_under_every_shell() {
    let mut offences = Vec::new();
    for shell in ["sh", "dash", "bash"] {
        if Command::new(shell).args(["-c", ":"]).output().is_err() {
            continue;
        }
        for file in scripts() {
            let first = file.text.lines().next().unwrap_or_default();
            let own = first.rsplit(['/', ' ']).next().unwrap_or_default();
            if own == "python3" || (own == "bash" && shell != "bash") {
                continue;
            }
            let parsed = Command::new(shell).arg("-n").arg(root().join(&file.path)).output();
            let parsed = parsed.expect("run a shell");
            if !parsed.status.success() {
                let said = String::from_utf8_lossy(&parsed.stderr).into_owned();
                offences.push(format!("{} under {shell}: {}", file.path, said.trim()));
            }
        }
    }
    none(&offences, "scripts with errors");
}

/// `key = value` lines, as far as these files go.
fn properties(text: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| format!("no key in {line:?}"))?;
        if found.insert(key.trim(), value.trim()).is_some() {
            return Err(format!("{key} twice"));
        }
    }
    Ok(found)
}

#[test]
fn broker_files_hold_what_those_of_4_4_0_hold() {
    let files = files();
    let mut offences = Vec::new();
    for (path, name, id, role) in BROKERS {
        let expected = BTreeMap::from([
            ("brokerClusterName", "DefaultCluster"),
            ("brokerName", *name),
            ("brokerId", *id),
            ("deleteWhen", "04"),
            ("fileReservedTime", "48"),
            ("brokerRole", *role),
            ("flushDiskType", "ASYNC_FLUSH"),
        ]);
        match files.iter().find(|file| file.path == *path) {
            None => offences.push(format!("{path}: missing")),
            Some(file) if properties(&file.text).as_ref() != Ok(&expected) => {
                offences.push(format!("{path}: {:?}", properties(&file.text)));
            }
            Some(_) => {}
        }
    }
    none(&offences, "broker files");
}

#[test]
fn account_files_hold_what_those_of_4_4_0_hold() {
    let plain = |path: &str| {
        let text = std::fs::read_to_string(root().join(path)).expect("read an account file");
        let lines =
            text.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(plain("conf/tools.yml"), ["accessKey: rocketmq", "secretKey: 12345678"]);
    let expected = [
        "globalWhiteRemoteAddresses:",
        "accounts:",
        "- accessKey: RocketMQ",
        "  secretKey: 12345678",
        "  whiteRemoteAddress:",
        "  admin: false",
        "  defaultTopicPerm: DENY",
        "  defaultGroupPerm: SUB",
        "  topicPerms:",
        "  - topicA=DENY",
        "  - topicB=PUB|SUB",
        "  - topicC=SUB",
        "  groupPerms:",
        "  - groupA=DENY",
        "  - groupB=PUB|SUB",
        "  - groupC=SUB",
        "- accessKey: rocketmq2",
        "  secretKey: 12345678",
        "  whiteRemoteAddress: 192.168.1.*",
        "  admin: true",
    ];
    assert_eq!(plain("conf/plain_acl.yml"), expected);
}
