//! GET_BROKER_CONFIG (26), GET_BROKER_RUNTIME_INFO (28).

use super::{broker, fast};
use crate::case::Case;

pub(super) fn cases() -> Vec<Case> {
    let config = |step: crate::case::Step| {
        step.mask("ext.version", "version of the settings")
            .mask("body.", "addresses and paths differ; the keys are compared")
    };
    let running = |step: crate::case::Step| {
        step.mask("body.", "measured values; the keys are compared").eventually()
    };
    vec![
        Case::new("broker_config", [config(broker(26)), config(fast(26))]),
        Case::new("broker_runtime_info", [running(broker(28)), running(fast(28))]),
    ]
}
