//! Expressions that came with pulls, compiled once: a client sends the same text with each of them.

use std::collections::HashMap;
use std::sync::Arc;

use ::filter::Expression;
use parking_lot::RwLock;

/// Expressions kept at most. More differ for each pull, and keeping them is of no use.
const KEPT_MAX: usize = 1024;
/// Longer texts are not kept.
const TEXT_BYTES_MAX: usize = 4096;

/// Compiled expressions, by text.
#[derive(Debug, Default)]
pub(crate) struct Compiled(RwLock<HashMap<Box<str>, Arc<Expression>>>);

impl Compiled {
    /// The expression of a text; `None` if it does not compile, which is not remembered.
    pub(crate) fn get(&self, kind: &str, text: &str) -> Option<Arc<Expression>> {
        if kind == ::filter::SQL92
            && let Some(known) = self.0.read().get(text)
        {
            return Some(Arc::clone(known));
        }
        let expression = Arc::new(super::compile(kind, text).ok()?);
        if text.len() <= TEXT_BYTES_MAX {
            let mut all = self.0.write();
            if all.len() >= KEPT_MAX {
                all.clear();
            }
            all.insert(text.into(), Arc::clone(&expression));
        }
        Some(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compiled_once_and_few_are_kept() {
        let compiled = Compiled::default();
        let get = |text: &str| compiled.get(::filter::SQL92, text);
        let first = get("a = 1").unwrap();
        assert!(Arc::ptr_eq(&first, &get("a = 1").unwrap()));
        assert!(get("a =").is_none());
        assert!(compiled.get("other", "a = 1").is_none());
        for number in 0..2 * KEPT_MAX {
            assert!(get(&format!("a = {number}")).is_some());
        }
        assert!(compiled.0.read().len() <= KEPT_MAX);
        let long = format!("a = '{}'", "x".repeat(TEXT_BYTES_MAX));
        let kept = compiled.0.read().len();
        assert!(get(&long).is_some());
        assert_eq!(compiled.0.read().len(), kept);
    }
}
