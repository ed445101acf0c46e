//! Order in the tree: what no compiler checks, looked at in every tracked file.
//!
//! Each test gathers all offences before it fails, so that one run shows the whole list.

mod docs;
mod packaging;
mod scripts;
mod sources;
mod tree;
