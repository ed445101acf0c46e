//! Whether the machine was restarted since a store was opened.

use std::fs;
use std::path::Path;

/// Where Linux tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the `abort` file holds; 4.4.0 looks only whether it is there.
pub(crate) fn id() -> String {
    fs::read_to_string(BOOT_ID).unwrap_or_default()
}

/// Whether the broker that left this `abort` file ran since the machine was started. A machine that
/// does not tell, and a Java broker's file, count as no.
pub(crate) fn is_same(abort: &Path) -> bool {
    let now = id();
    !now.trim().is_empty() && fs::read_to_string(abort).is_ok_and(|then| then == now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_of_another_boot() {
        let dir = tempfile::tempdir().unwrap();
        let abort = dir.path().join("abort");
        assert!(!is_same(&abort));
        for (content, same) in [("", false), ("x", false), (id().as_str(), !id().is_empty())] {
            fs::write(&abort, content).unwrap();
            assert_eq!(is_same(&abort), same, "{content}");
        }
    }
}
