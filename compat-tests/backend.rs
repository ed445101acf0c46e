//! The two products under test, and how each is started.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result, bail, ensure};

/// A product under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The stock Java release, 4.4.0 unless [`reference`] says otherwise.
    Java,
    /// The product built from this repository.
    Ours,
}

/// Main class of the broker, which our executable takes as its first word too.
pub const BROKER_CLASS: &str = "org.apache.rocketmq.broker.BrokerStartup";
/// Main class of the name server.
pub const NAMESRV_CLASS: &str = "org.apache.rocketmq.namesrv.NamesrvStartup";

impl Backend {
    /// Short name for output and file names.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Java => "java",
            Backend::Ours => "ours",
        }
    }
}

/// The products that make up one side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Products {
    /// Product of the name server.
    pub name_server: Backend,
    /// Product of the broker.
    pub broker: Backend,
}

/// The pair that conversations are replayed to: reference first. `ROCKETMQ_COMPAT_PAIR=java,java`
/// checks the harness itself, `ours,ours` runs without Java; a side `ours+java` is our name
/// server with Java's broker.
pub fn pair() -> Result<(Products, Products)> {
    let text = env::var("ROCKETMQ_COMPAT_PAIR").unwrap_or_else(|_| "java,ours".to_owned());
    let product = |word: &str| match word.trim() {
        "java" => Ok(Backend::Java),
        "ours" => Ok(Backend::Ours),
        other => bail!("ROCKETMQ_COMPAT_PAIR: unknown back end {other:?}"),
    };
    let one = |side: &str| {
        let (name_server, broker) = side.split_once('+').unwrap_or((side, side));
        Ok::<_, anyhow::Error>(Products {
            name_server: product(name_server)?,
            broker: product(broker)?,
        })
    };
    let (left, right) = text.split_once(',').context("ROCKETMQ_COMPAT_PAIR: two names wanted")?;
    Ok((one(left)?, one(right)?))
}

/// Root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where build products of this crate go: `target/compat`.
pub fn work_dir() -> PathBuf {
    repository().join("target/compat")
}

/// The Java jars, fetched when they are missing.
pub fn java_lib() -> Result<PathBuf> {
    static LIB: Made = Made::new();
    once(&LIB, fetch_java)
}

/// What is made once in a run, or why it could not be.
type Made = OnceLock<Result<PathBuf, String>>;

fn once(made: &Made, make: fn() -> Result<PathBuf>) -> Result<PathBuf> {
    let made = made.get_or_init(|| make().map_err(|e| format!("{e:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

/// The release that everything is held against.
pub const RELEASE: &str = "4.4.0";

/// The Java release whose servers ours is compared with: `ROCKETMQ_REFERENCE`, else [`RELEASE`].
/// Clients and tools stay those of [`RELEASE`].
pub fn reference() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| env::var("ROCKETMQ_REFERENCE").unwrap_or_else(|_| RELEASE.to_owned()))
}

/// The jars of the reference's servers, fetched when they are missing.
pub fn server_lib() -> Result<PathBuf> {
    if reference() == RELEASE { java_lib() } else { other_lib("server", reference()) }
}

fn fetch_java() -> Result<PathBuf> {
    let lib =
        env::var_os("ROCKETMQ_COMPAT_LIB").map_or_else(|| work_dir().join("lib"), PathBuf::from);
    let script = repository().join("scripts/fetch-java.sh");
    run(Command::new("sh").arg(script).arg(&lib)).context("fetch the Java jars")?;
    Ok(lib)
}

/// The jars of a newer client, fetched when they are missing.
pub fn client_lib(version: &str) -> Result<PathBuf> {
    other_lib("client", version)
}

/// The jars of another release's client or servers.
fn other_lib(kind: &str, version: &str) -> Result<PathBuf> {
    // Two cases may want the same ones at once.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _fetching = ONE_AT_A_TIME.lock();
    let lib = work_dir().join(format!("{kind}-{version}"));
    let script = repository().join("scripts/fetch-java.sh");
    run(Command::new("sh").arg(script).arg(&lib).args([version, kind]))
        .with_context(|| format!("fetch the Java {kind} {version}"))?;
    Ok(lib)
}

/// Our executable, built when the run begins.
pub fn our_binary() -> Result<PathBuf> {
    static BINARY: Made = Made::new();
    once(&BINARY, build_ours)
}

/// `ROCKETMQ_BIN` names a ready executable; else `ROCKETMQ_PROFILE` (dev or release) is built.
fn build_ours() -> Result<PathBuf> {
    if let Some(path) = env::var_os("ROCKETMQ_BIN") {
        return Ok(PathBuf::from(path));
    }
    let profile = env::var("ROCKETMQ_PROFILE").unwrap_or_else(|_| "dev".to_owned());
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = repository();
    run(Command::new(cargo).current_dir(&root).args([
        "build",
        "-q",
        "-p",
        "rocketmq",
        "--profile",
        &profile,
    ]))
    .context("build our executable")?;
    let folder = if profile == "dev" { "debug" } else { &profile };
    let binary = root.join("target").join(folder).join("rocketmq");
    ensure!(binary.exists(), "{} was not built", binary.display());
    Ok(binary)
}

/// The native client as a program.
pub fn native_client() -> Result<PathBuf> {
    client_example("driver")
}

/// An example of the native client as a program, built with the others when the first one is
/// wanted; `ROCKETMQ_CLIENT_EXAMPLES` names a folder with ready ones.
pub fn client_example(name: &str) -> Result<PathBuf> {
    static EXAMPLES: Made = Made::new();
    Ok(once(&EXAMPLES, build_examples)?.join(name))
}

fn build_examples() -> Result<PathBuf> {
    if let Some(path) = env::var_os("ROCKETMQ_CLIENT_EXAMPLES") {
        return Ok(PathBuf::from(path));
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = repository();
    run(Command::new(cargo).current_dir(&root).args(["build", "-q", "-p", "client", "--examples"]))
        .context("build the client's examples")?;
    Ok(root.join("target/debug/examples"))
}

/// Runs a tool to its end; its output is the error when it fails.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}\n{text}{errors}", output.status);
    }
    Ok(text)
}

/// Flags of every JVM: what 4.4.0 needs on newer Java versions, and bounds for tests; or, in
/// place of the bounds, the words of `ROCKETMQ_JVM_FLAGS`. Old versions ignore what they do not
/// know.
pub fn jvm_flags(home: &Path) -> Vec<String> {
    const OPENED: [&str; 5] = [
        "-XX:+IgnoreUnrecognizedVMOptions",
        "--add-opens=java.base/java.nio=ALL-UNNAMED",
        "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
        "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
        "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
    ];
    const BOUNDS: &str = "-Xms64m -Xmx512m -XX:MaxDirectMemorySize=512m -XX:+UseSerialGC \
                          -XX:TieredStopAtLevel=1 -Xshare:auto";
    let chosen = env::var("ROCKETMQ_JVM_FLAGS").unwrap_or_else(|_| BOUNDS.to_owned());
    let mut flags: Vec<String> = OPENED.map(str::to_owned).to_vec();
    flags.extend(chosen.split_whitespace().map(str::to_owned));
    flags.push(format!("-Duser.home={}", home.display()));
    flags
}
