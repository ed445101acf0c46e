//! Servers in containers, by `testcontainers`.
//!
//! The containers share the host's network and the cluster's folder, so that ports, stores and
//! logs are the same as with plain processes.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
#[cfg(feature = "containers")]
mod engine;

use crate::backend::{Backend, RELEASE, our_binary, reference, repository, run, server_lib};
#[cfg(not(feature = "containers"))]
use crate::launch::{Program, Running};
#[cfg(feature = "containers")]
pub(crate) use engine::start;

/// Folder of jars and executable in the images that `scripts/compat-image.sh` makes.
#[cfg(feature = "containers")]
const IMAGE_HOME: &str = "/opt/rocketmq";

/// Image of a product, name and tag: `ROCKETMQ_JAVA_IMAGE` and `ROCKETMQ_OUR_IMAGE`, else one
/// that `scripts/compat-image.sh` makes when it is first asked for.
pub fn image(backend: Backend) -> Result<(String, String)> {
    static IMAGES: [OnceLock<Result<String, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let (slot, variable) = match backend {
        Backend::Java => (0, "ROCKETMQ_JAVA_IMAGE"),
        Backend::Ours => (1, "ROCKETMQ_OUR_IMAGE"),
    };
    let image = IMAGES[slot].get_or_init(|| match env::var(variable) {
        Ok(name) => Ok(name),
        Err(_) => make_image(backend).map_err(|e| format!("make an image: {e:#}")),
    });
    let name = image.clone().map_err(anyhow::Error::msg)?;
    Ok(match name.rsplit_once(':') {
        Some((name, tag)) => (name.to_owned(), tag.to_owned()),
        None => (name, "latest".to_owned()),
    })
}

/// Java's image is kept between runs, ours holds what was built last.
fn make_image(backend: Backend) -> Result<String> {
    let release = if backend == Backend::Java { reference() } else { RELEASE };
    let name = format!("rocketmq-compat-{}:{release}", backend.name());
    let content = match backend {
        Backend::Java if docker(&["image", "inspect", "-f", "{{.Id}}", &name]).is_ok() => {
            return Ok(name);
        }
        Backend::Java => server_lib()?,
        Backend::Ours => our_binary()?,
    };
    let script = repository().join("scripts/compat-image.sh");
    run(Command::new("sh").arg(script).arg(backend.name()).arg(&name).arg(content))?;
    Ok(name)
}

/// Without the crate there is nothing to start containers with.
#[cfg(not(feature = "containers"))]
pub(crate) fn start(_: &Program) -> Result<Box<dyn Running>> {
    anyhow::bail!("built without the feature `containers`")
}

pub(crate) fn docker(args: &[&str]) -> Result<String> {
    Ok(run(Command::new("docker").args(args))?.trim().to_owned())
}

/// Whether containers can be run here, and if not, why.
pub fn available() -> Result<()> {
    docker(&["info", "-f", "{{.ServerVersion}}"]).context("no container engine answers")?;
    Ok(())
}
