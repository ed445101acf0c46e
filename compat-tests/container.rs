//! Servers in containers, by `testcontainers`.
//!
//! The containers share the host's network and the cluster's folder, so that ports, stores and
//! logs are the same as with plain processes.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
#[cfg(feature = "containers")]
mod engine;

use crate::backend::{Backend, run};
#[cfg(not(feature = "containers"))]
use crate::launch::{Program, Running};
#[cfg(feature = "containers")]
pub(crate) use engine::start;

/// Folder of jars and executable in the images that `scripts/compat-image.sh` makes.
#[cfg(feature = "containers")]
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

/// Without the crate there is nothing to start containers with.
#[cfg(not(feature = "containers"))]
pub(crate) fn start(_: &Program) -> Result<Box<dyn Running>> {
    anyhow::bail!("built without the feature `containers`")
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
