//! What `scripts/dist.sh` makes of our executable: unpacked somewhere else, with nothing of this
//! machine on PATH but small programs; and in an image, used as the Java image is used.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::containers::skip;
use super::trial;
use crate::backend::{our_binary, repository, run};
use crate::container::{self, docker};
use crate::launch::wait_until;

/// What the scripts of an installation call; nothing else is on their PATH, above all no cargo and
/// no Java.
const PROGRAMS: [&str; 27] = [
    "awk", "basename", "cat", "comm", "cut", "date", "dirname", "env", "grep", "head", "hostname",
    "id", "ln", "ls", "mkdir", "mv", "nohup", "readlink", "rm", "sed", "sh", "sleep", "sort",
    "tail", "tr", "uname", "wc",
];
/// What lies at the top of the distribution of 4.4.0.
const TOP: [&str; 7] = ["LICENSE", "NOTICE", "README.md", "benchmark", "bin", "conf", "lib"];
const VERSION: &str = env!("CARGO_PKG_VERSION");
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("dist::unpacks_and_runs", unpacks_and_runs),
        trial("dist::image_serves_like_java's", || {
            if let Err(reason) = container::available() {
                skip(&format!("{reason:#}"));
                return Ok(());
            }
            image_serves()
        }),
    ]
}

/// Makes the archive in this folder, of the executable that the other cases run.
fn pack(folder: &Path) -> Result<PathBuf> {
    let script = repository().join("scripts/dist.sh");
    run(Command::new("sh").arg(script).arg(folder).env("ROCKETMQ_BIN", our_binary()?))?;
    Ok(folder.join(format!("rocketmq-{VERSION}-bin.tar.gz")))
}

/// A machine with nothing on it: a PATH of small programs, and homes have blanks in their names.
struct Elsewhere {
    folder: TempDir,
    home: PathBuf,
}

impl Elsewhere {
    fn unpack() -> Result<Self> {
        let folder = TempDir::new()?;
        let archive = pack(folder.path())?;
        let place = folder.path().join("else where");
        let path = folder.path().join("path");
        fs::create_dir(&place)?;
        fs::create_dir(&path)?;
        run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&place))?;
        for program in PROGRAMS {
            let found = run(Command::new("sh").args(["-c", "command -v \"$0\"", program]))?;
            symlink(found.trim(), path.join(program))?;
        }
        let home = place.join(format!("rocketmq-{VERSION}"));
        Ok(Self { folder, home })
    }

    /// A script of the installation, called from outside of it.
    fn sh(&self, script: &str, words: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.arg(self.home.join(script)).args(words);
        command.env_clear().env("PATH", self.folder.path().join("path"));
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }
}

fn unpacks_and_runs() -> Result<()> {
    let there = Elsewhere::unpack()?;
    for name in TOP {
        ensure!(there.home.join(name).exists(), "no {name} in the archive");
    }
    for entry in fs::read_dir(there.home.join("bin"))? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        let can_run = entry.metadata()?.permissions().mode() & 0o111 == 0o111;
        ensure!(can_run || name.ends_with(".md"), "bin/{name} cannot be run");
    }
    links_lead_somewhere(&there.home)?;
    let needs = fs::read_to_string(there.home.join("lib/BUILD"))?;
    ensure!(needs.contains("needs:   glibc 2.") || needs.contains("no shared lib"), "{needs}");
    let page = there.home.join("share/man/man1/mqadmin-updateTopic.1");
    ensure!(fs::read_to_string(page)?.contains("Create or change a topic"));

    let data = there.folder.path().join("quick start").display().to_string();
    let said = run(&mut there.sh("scripts/quickstart.sh", &["--once", &data]))?;
    ensure!(said.contains("\nsent 1000, received 1000\n"), "{said}");
    ensure!(!said.contains("== Build"), "{said}");
    let said = run(&mut there.sh("bin/mqadmin", &["help", "updateTopic"]))?;
    ensure!(said.starts_with("usage: mqadmin updateTopic"), "{said}");
    benchmark_is_found(&there)
}

/// The load programs start from any folder, natively; without a class name `runclass.sh` says so.
fn benchmark_is_found(there: &Elsewhere) -> Result<()> {
    let output = there.sh("benchmark/runclass.sh", &[]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(1), "{}", output.status);
    ensure!(said.starts_with("USAGE: <") && said.ends_with("> classname opts\n"), "{said}");
    for (script, program) in
        [("producer.sh", "benchmarkProducer"), ("consumer.sh", "benchmarkConsumer")]
    {
        // In the background: the output ends when the program does.
        let output = there.sh(&format!("benchmark/{script}"), &["-h"]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(said.starts_with(&format!("usage: {program} ")), "{script}: {said}");
    }
    let class = "org.apache.rocketmq.example.NoSuchThing";
    let output = there.sh("benchmark/runclass.sh", &[class]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(said.contains(&format!("{class} is not built in")), "{said}");
    Ok(())
}

/// The archive leaves the sources out: no page of it may point to them.
fn links_lead_somewhere(home: &Path) -> Result<()> {
    for folder in ["", "bin", "docs"] {
        for entry in fs::read_dir(home.join(folder))? {
            let path = entry?.path();
            if path.extension().is_none_or(|kind| kind != "md") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for link in links.filter(|link| !link.contains("://")) {
                let target = link.split('#').next().unwrap_or_default();
                let found = target.is_empty() || home.join(folder).join(target).exists();
                ensure!(found, "{}: {link} leads nowhere", path.display());
            }
        }
    }
    Ok(())
}

/// Containers that are removed when the case is over, however it ends.
struct Containers(Vec<String>);

impl Containers {
    fn start(&mut self, words: &[&str]) -> Result<String> {
        let id = docker(&[&["run", "-d"], words].concat())?;
        self.0.push(id.clone());
        Ok(id)
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        for id in &self.0 {
            // What is left over must not hide the case's own failure.
            let _ = docker(&["rm", "-f", id]);
        }
    }
}

fn build_image(folder: &Path) -> Result<String> {
    let (base, image) = ("rocketmq-compat-base:4.4.0", "rocketmq-compat-dist:4.4.0");
    let scripts = repository().join("scripts");
    let make = scripts.join("compat-image.sh");
    run(Command::new("sh").arg(make).args(["base", base]).arg(our_binary()?))?;
    pack(folder)?;
    let file = scripts.join("docker/Dockerfile");
    let mut build = Command::new("docker");
    build.args(["build", "-q", "-t", image, "--build-arg", &format!("BASE={base}"), "-f"]);
    // The older builder, which is part of every engine.
    run(build.arg(file).arg(folder).env("DOCKER_BUILDKIT", "0"))?;
    Ok(image.to_owned())
}

/// The lines that start the Java image start ours: the same words, mounts and variables.
fn image_serves() -> Result<()> {
    let folder = TempDir::new()?;
    let image = build_image(folder.path())?;
    let data = folder.path().join("data");
    for name in ["logs", "store"] {
        let place = data.join(name);
        fs::create_dir_all(&place)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777))?;
    }
    // Readable for the user of the image.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let conf = data.join("broker.conf");
    let settings = "brokerName=mounted\nbrokerIP1=127.0.0.1\nmapedFileSizeCommitLog=16777216\n";
    fs::write(&conf, settings)?;

    let mut containers = Containers(Vec::new());
    // A network of their own, with nothing but the loopback interface.
    let namesrv = containers.start(&["--network", "none", &image, "sh", "mqnamesrv"])?;
    let network = format!("container:{namesrv}");
    let volume = |from: &Path, to: &str| format!("{}:{to}", from.display());
    let broker = containers.start(&[
        "--network",
        &network,
        "-e",
        "NAMESRV_ADDR=127.0.0.1:9876",
        "-v",
        &volume(&data.join("logs"), "/home/rocketmq/logs"),
        "-v",
        &volume(&data.join("store"), "/home/rocketmq/store"),
        "-v",
        &volume(&conf, &format!("/opt/rocketmq-{VERSION}/conf/broker.conf")),
        &image,
        "sh",
        "mqbroker",
        "-c",
        "../conf/broker.conf",
    ])?;
    let registered = || {
        let list = docker(&["exec", &broker, "sh", "mqadmin", "clusterList"]);
        Ok(list.is_ok_and(|list| list.contains("mounted") && list.contains(":10911")))
    };
    wait_until("the broker in the list", PATIENCE, registered)
        .with_context(|| docker(&["logs", &broker]).unwrap_or_default())?;
    ensure!(docker(&["exec", &broker, "id", "-u"])? == "3000");
    let home = docker(&["exec", &broker, "sh", "-c", "echo $ROCKETMQ_HOME; pwd"])?;
    let expected = format!("/home/rocketmq/rocketmq-{VERSION}");
    ensure!(home == format!("{expected}\n{expected}/bin"), "{home}");
    ensure!(data.join("store/commitlog").is_dir() && data.join("store/abort").exists());
    ensure!(data.join("logs/rocketmqlogs/broker.log").exists());

    // SIGTERM to the container is a stop in good order.
    docker(&["stop", "-t", "60", &broker])?;
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &broker])?;
    ensure!(code == "143", "the broker ended with {code}");
    ensure!(!data.join("store/abort").exists(), "the broker did not end in good order");
    docker(&["stop", "-t", "60", &namesrv])?;
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &namesrv])?;
    ensure!(code == "143", "the name server ended with {code}");
    Ok(())
}
