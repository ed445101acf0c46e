//! Servers in containers, by `testcontainers`.
//!
//! The containers share the host's network and the cluster's folder, so that ports, stores and
//! logs are the same as with plain processes.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use testcontainers::core::{ImageExt, Mount};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage};

use crate::backend::{Backend, run};
use crate::launch::{Places, Program, Running, path_text};

/// Folder of jars and executable in the images that `scripts/compat-image.sh` makes.
const IMAGE_HOME: &str = "/opt/rocketmq";

/// Image of a product: `ROCKETMQ_JAVA_IMAGE` and `ROCKETMQ_OUR_IMAGE`, else what
/// `scripts/compat-image.sh` makes.
pub fn image(backend: Backend) -> (String, String) {
    let (variable, default) = match backend {
        Backend::Java => ("ROCKETMQ_JAVA_IMAGE", "rocketmq-compat-java:4.4.0"),
        Backend::Ours => ("ROCKETMQ_OUR_IMAGE", "rocketmq-compat-ours:4.4.0"),
    };
    let name = env::var(variable).unwrap_or_else(|_| default.to_owned());
    match name.rsplit_once(':') {
        Some((name, tag)) => (name.to_owned(), tag.to_owned()),
        None => (name, "latest".to_owned()),
    }
}

fn places() -> Places {
    let lib = env::var("ROCKETMQ_JAVA_IMAGE_LIB");
    Places {
        java_lib: lib.unwrap_or_else(|_| format!("{IMAGE_HOME}/lib")),
        our_binary: format!("{IMAGE_HOME}/bin/rocketmq"),
    }
}

pub(crate) fn start(program: &Program) -> Result<Box<dyn Running>> {
    let (name, tag) = image(program.backend);
    let home = path_text(&program.home);
    let mut words = vec![
        "-c".to_owned(),
        "out=$1; shift; exec \"$@\" >\"$out\" 2>&1".to_owned(),
        "start".to_owned(),
        path_text(&program.output),
    ];
    words.extend(program.words(&places()));
    let container = GenericImage::new(name, tag)
        .with_entrypoint("/bin/sh")
        .with_cmd(words)
        .with_network("host")
        .with_user("0:0")
        .with_working_dir(home.clone())
        .with_env_var("ROCKETMQ_HOME", home.clone())
        .with_env_var("HOME", home.clone())
        .with_mount(Mount::bind_mount(home.clone(), home))
        .start()
        .context("start a container")?;
    let pid = docker(&["inspect", "-f", "{{.State.Pid}}", container.id()])?.parse()?;
    Ok(Box::new(Contained { container, pid }))
}

struct Contained {
    container: Container<GenericImage>,
    pid: u32,
}

impl Running for Contained {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn ended(&mut self) -> Result<Option<String>> {
        let format = "{{.State.Running}} exit status: {{.State.ExitCode}}";
        let state = docker(&["inspect", "-f", format, self.container.id()])?;
        Ok(state.strip_prefix("false ").map(str::to_owned))
    }

    fn terminate(&mut self) -> Result<()> {
        docker(&["kill", "--signal", "TERM", self.container.id()]).map(drop)
    }

    fn kill(&mut self) -> Result<()> {
        docker(&["kill", "--signal", "KILL", self.container.id()]).map(drop)
    }
}

fn docker(args: &[&str]) -> Result<String> {
    Ok(run(Command::new("docker").args(args))?.trim().to_owned())
}

/// Whether containers can be run here, and if not, why.
pub fn available() -> Result<()> {
    docker(&["info", "-f", "{{.ServerVersion}}"]).context("no container engine answers")?;
    Ok(())
}

/// Whether the image of a product is there.
pub fn has_image(backend: Backend) -> bool {
    let (name, tag) = image(backend);
    docker(&["image", "inspect", "-f", "{{.Id}}", &format!("{name}:{tag}")]).is_ok()
}
