//! Running what users gave us: a panic there is theirs, and must not end our task.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;

/// Makes and runs a future; what it panicked with is the error.
pub(crate) async fn guarded<Fut: Future>(
    make: impl FnOnce() -> Fut,
) -> Result<Fut::Output, String> {
    // What a panic leaves half done is the user's own state, which we never look at.
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(future) => AssertUnwindSafe(future).catch_unwind().await.map_err(|what| text(&*what)),
        Err(what) => Err(text(&*what)),
    }
}

fn text(what: &(dyn Any + Send)) -> String {
    let text = what.downcast_ref::<&str>().copied();
    let text = text.or_else(|| what.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error() {
        assert_eq!(guarded(|| async { 7 }).await, Ok(7));
        let late = guarded(|| async { assert_eq!(1, 2, "late") }).await;
        assert!(late.is_err_and(|text| text.contains("late")));
        let early = guarded(|| -> std::future::Ready<()> { panic!("{}", "early") }).await;
        assert_eq!(early, Err("the handler panicked: early".to_owned()));
    }
}
