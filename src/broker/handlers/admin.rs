//! Requests of operators that this broker does not serve yet: answered as codes it does not know.

use protocol::codes::response;
use protocol::{Refusal, Reply};

use super::Outcome;

/// The answer to a request code that is not served.
pub(crate) fn not_supported(code: i32) -> Refusal {
    let remark = format!(" request type {code} not supported");
    Refusal::new(response::REQUEST_CODE_NOT_SUPPORTED, remark)
}

/// Any of them.
pub(crate) fn unserved(code: i32) -> Outcome {
    Err::<Reply, _>(not_supported(code))
}
