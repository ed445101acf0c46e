//! Everything that is more than a conversation.

mod conversations;
mod mqadmin;
mod quickstart;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// Makes a test of a function.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(|e| Failed::from(format!("{e:#}"))))
}

/// Every test; the long ones first, so that none is left alone at the end.
pub fn all() -> Vec<Trial> {
    let lists = [quickstart::trials(), mqadmin::trials(), conversations::trials()];
    lists.into_iter().flatten().collect()
}
