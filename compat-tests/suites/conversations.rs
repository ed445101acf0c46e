//! Replays every conversation, in both header encodings.

use anyhow::bail;
use libtest_mimic::Trial;

use super::differing;
use crate::backend::Backend;
use crate::case::replay;
use crate::cases;
use crate::fixture::{Fixture, clusters};
use crate::wire::Encoding;

/// One test a conversation and encoding.
pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for encoding in [Encoding::Json, Encoding::Rocketmq] {
        for case in cases::all() {
            if encoding == Encoding::Rocketmq && case.json_only {
                continue;
            }
            let kind = if encoding == Encoding::Json { "json" } else { "binary" };
            let name = format!("conversation::{}::{kind}", case.name);
            trials.push(differing(name, case.differences(), move || {
                let pair = clusters(case.fixture)?;
                let run = || replay(&case, encoding, (&pair.left, &pair.right));
                let done = if case.fixture == Fixture::Alone { pair.alone(run) } else { run() };
                match case.later {
                    Some(issue) if pair.right.backend == Backend::Ours => match done {
                        Ok(()) => bail!("this works now, take the mark \"{issue}\" off"),
                        Err(_) => Ok(()),
                    },
                    _ => done,
                }
            }));
        }
    }
    trials
}
