//! The tracked files of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the package lies two folders below the root").to_path_buf()
}

/// One file: its path from the root with `/` in it, and its text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files that git tracks; without git (an unpacked archive) all there are.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let paths = tracked(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        found
    });
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "no Cargo.toml in {}", root.display());
    let read = |path: String| Some(File { text: fs::read_to_string(root.join(&path)).ok()?, path });
    paths.into_iter().filter_map(read).collect()
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let listing = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output().ok()?;
    let paths = String::from_utf8(listing.stdout).ok()?;
    listing
        .status
        .success()
        .then(|| paths.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path, below: &str, found: &mut Vec<String>) {
    let entries = fs::read_dir(root.join(below)).expect("list a folder of the project");
    for entry in entries {
        let entry = entry.expect("list a folder of the project");
        let name = entry.file_name().into_string().expect("file names are UTF-8");
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type().expect("look at a file").is_dir() {
            if name != "target" && name != ".git" {
                walk(root, &path, found);
            }
        } else {
            found.push(path);
        }
    }
}

/// Fails with the whole list when there is anything in it.
pub(crate) fn none(offences: &[String], what: &str) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}
