//! Everything that is more than a conversation.

pub mod conversations;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// Makes a test of a function.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(|e| Failed::from(format!("{e:#}"))))
}

/// Every test.
pub fn all() -> Vec<Trial> {
    conversations::trials()
}
