//! Starting them with the `testcontainers` crate, which takes long to build: whoever needs no
//! containers leaves it out by switching the feature off.

use std::env;

use anyhow::{Context, Result};
use testcontainers::core::{ImageExt, Mount};
use testcontainers::runners::SyncRunner;
use testcontainers::{Container, GenericImage};

use super::{IMAGE_HOME, docker, image};
use crate::launch::{Places, Program, Running, path_text};
use crate::reaper;

fn places() -> Places {
    let lib = env::var("ROCKETMQ_JAVA_IMAGE_LIB");
    Places {
        java_lib: lib.unwrap_or_else(|_| format!("{IMAGE_HOME}/lib")),
        our_binary: format!("{IMAGE_HOME}/bin/rocketmq"),
    }
}

pub(crate) fn start(program: &Program) -> Result<Box<dyn Running>> {
    let (name, tag) = image(program.backend)?;
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
    reaper::add(pid);
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

impl Drop for Contained {
    fn drop(&mut self) {
        // The container itself is removed when its handle goes.
        reaper::remove(self.pid);
    }
}
