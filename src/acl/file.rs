//! The file with the rules: where it is, and what has changed in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::check::{Acl, Reload, Server};
use crate::rules::LoadError;

/// System property with the place of the file below the installation folder.
pub const FILE_PROPERTY: &str = "rocketmq.acl.plain.file";
/// Its place where nobody says otherwise.
const FILE_DEFAULT: &str = "/conf/plain_acl.yml";
/// How often a server looks at the file.
pub const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// There are no usable rules.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}", path = .file.display())]
pub struct OpenError {
    /// Where they should be.
    pub file: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// The rules of a server and the file they come from.
#[derive(Debug)]
pub struct RulesFile {
    rules: Acl,
    path: PathBuf,
    missing: AtomicBool,
}

/// What a look at the file brought.
#[derive(Debug)]
pub enum Look {
    /// Nothing new.
    Nothing,
    /// Its new rules are in force.
    Applied,
    /// It cannot be used, the rules before stay in force.
    Kept(LoadError),
    /// It cannot be read, the rules before stay in force. Told once.
    Missing(io::Error),
}

impl RulesFile {
    /// Reads the file `named`, else the usual one, below the installation folder `home`.
    ///
    /// # Errors
    /// When it cannot be read, or holds no usable rules.
    pub fn open(server: Server, home: &str, named: Option<&str>) -> Result<Self, OpenError> {
        let below = named.unwrap_or(FILE_DEFAULT).trim_start_matches('/');
        let path = Path::new(home).join(below);
        let bad = |reason: String| OpenError { file: path.clone(), reason };
        let content = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
        let rules = Acl::new(server, &content).map_err(|error| bad(error.to_string()))?;
        Ok(Self { rules, path, missing: AtomicBool::new(false) })
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Acl {
        &self.rules
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes up what has changed. May block.
    pub fn look(&self) -> Look {
        let content = match std::fs::read(&self.path) {
            Ok(content) => content,
            Err(_) if self.missing.swap(true, Ordering::Relaxed) => return Look::Nothing,
            Err(error) => return Look::Missing(error),
        };
        self.missing.store(false, Ordering::Relaxed);
        match self.rules.reload(&content) {
            Reload::Unchanged => Look::Nothing,
            Reload::Applied => Look::Applied,
            Reload::Kept(error) => Look::Kept(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_taken_up_and_a_missing_file_is_told_once() {
        let home = tempfile::tempdir().unwrap();
        let name = home.path().to_str().unwrap();
        assert!(RulesFile::open(Server::Broker, name, Some("/rules.yml")).is_err());
        let path = home.path().join("rules.yml");
        let rules =
            |secret: &str| format!("accounts:\n- accessKey: someone\n  secretKey: {secret}\n");
        std::fs::write(&path, rules("12345678")).unwrap();
        let file = RulesFile::open(Server::Broker, name, Some("/rules.yml")).unwrap();
        assert_eq!(file.path(), path);
        assert!(matches!(file.look(), Look::Nothing));
        std::fs::write(&path, rules("87654321")).unwrap();
        assert!(matches!(file.look(), Look::Applied));
        std::fs::write(&path, "accounts: [").unwrap();
        assert!(matches!(file.look(), Look::Kept(_)));
        for _ in 0..2 {
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(file.look(), Look::Missing(_)));
            assert!(matches!(file.look(), Look::Nothing));
            std::fs::write(&path, rules("12345678")).unwrap();
            assert!(matches!(file.look(), Look::Applied | Look::Nothing));
        }
    }
}
