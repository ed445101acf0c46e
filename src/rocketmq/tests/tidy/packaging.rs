//! Rules for what runs the servers: systemd units, the image, the compose file.

use std::process::Command;

use crate::tree::{File, files, none, root};

const UNITS: [&str; 2] = ["rocketmq-namesrv.service", "rocketmq-broker@.service"];

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The words after a key, wherever it stands at the start of a line.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(key)).collect()
}

#[test]
fn units_start_and_stop_as_the_servers_do() {
    for unit in UNITS {
        let text = text(&format!("scripts/systemd/{unit}"));
        let start = values(&text, "ExecStart=/opt/rocketmq/");
        let script = start[0].split(' ').next().unwrap_or_default();
        assert!(root().join(script).is_file(), "{unit}: {script}");
        for line in [
            "Type=notify",
            "KillSignal=SIGTERM",
            "SuccessExitStatus=143",
            "Restart=on-failure",
            "LimitNOFILE=655350",
            "NoNewPrivileges=true",
            "ProtectSystem=strict",
        ] {
            assert!(text.lines().any(|found| found == line), "{unit} lacks {line}");
        }
    }
}

/// systemd's own judgement, where it is installed; of copies that point to this checkout.
#[test]
fn systemd_takes_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = root().canonicalize().expect("the root").display().to_string();
    let copies = UNITS.map(|unit| {
        let text = text(&format!("scripts/systemd/{unit}")).replace("/opt/rocketmq", &here);
        let text: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("Documentation=")).collect();
        let copy = folder.path().join(unit);
        std::fs::write(&copy, text.join("\n")).expect("write a unit");
        copy
    });
    let verified = Command::new("systemd-analyze").arg("verify").args(&copies).output();
    let verified = verified.expect("run systemd-analyze");
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<String> = said
        .lines()
        .filter(|line| line.contains("rocketmq-"))
        // A namespace of PIDs or a missing /run is the machine's affair.
        .filter(|line| !line.contains("Failed to"))
        .map(str::to_owned)
        .collect();
    none(&ours, "what systemd-analyze says");
}

/// Every sample of the form has its service, and nothing else has.
#[test]
fn the_compose_file_has_the_brokers_of_its_form() {
    let text = text("scripts/docker/2m-2s-sync.yml");
    let files: Vec<File> = files();
    let samples: Vec<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix("conf/2m-2s-sync/")).collect();
    let mut commands = values(&text, "command: sh mqbroker -c ../conf/2m-2s-sync/");
    commands.sort_unstable();
    assert_eq!(commands, samples);
    assert_eq!(values(&text, "command: sh mqnamesrv").len(), 2);
    for sample in samples {
        let service = format!("\n  {}:\n", sample.trim_end_matches(".properties"));
        assert!(text.contains(&service), "no service{service}");
    }
}

#[test]
fn the_image_is_of_this_version() {
    let image = text("scripts/docker/Dockerfile");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(values(&image, "ARG version="), [version]);
    assert!(text("scripts/docker/2m-2s-sync.yml").contains(&format!("rocketmq:{version}}}")));
    assert_eq!(values(&image, "EXPOSE ").join(" "), "9876 10909 10911 10912");
    assert_eq!(values(&image, "ARG uid="), ["3000"]);
    assert_eq!(values(&image, "ARG gid="), ["3000"]);
    assert_eq!(values(&image, "WORKDIR "), ["${ROCKETMQ_HOME}/bin"]);
}
