//! The bits of the `sysFlag` words: of a message, of a pull request, of a topic, of a group.

/// Bits of a message's `sysFlag`.
pub mod message {
    /// The body is a zlib stream.
    pub const COMPRESSED: i32 = 0x1;
    /// The `TAGS` property holds several tags; no server of 4.x acts on it.
    pub const MULTI_TAGS: i32 = 0x2;
    /// No transaction: the message goes straight into its queue.
    pub const TRANSACTION_NONE: i32 = 0;
    /// A half message that waits for its producer's verdict.
    pub const TRANSACTION_PREPARED: i32 = 0x4;
    /// The message a committed transaction leaves behind.
    pub const TRANSACTION_COMMIT: i32 = 0x8;
    /// A rolled back transaction. Also the mask of the two transaction bits.
    pub const TRANSACTION_ROLLBACK: i32 = 0xC;

    /// The transaction type: one of the four `TRANSACTION_*` values.
    #[must_use]
    pub const fn transaction(flag: i32) -> i32 {
        flag & TRANSACTION_ROLLBACK
    }

    /// `flag` with its transaction type replaced by `kind`.
    #[must_use]
    pub const fn with_transaction(flag: i32, kind: i32) -> i32 {
        (flag & !TRANSACTION_ROLLBACK) | kind
    }

    /// Whether a message of this flag gets an entry in its consume queue: neither half messages
    /// nor rolled back ones do.
    #[must_use]
    pub const fn is_queued(flag: i32) -> bool {
        matches!(transaction(flag), TRANSACTION_NONE | TRANSACTION_COMMIT)
    }

    /// Whether the body is compressed.
    #[must_use]
    pub const fn is_compressed(flag: i32) -> bool {
        flag & COMPRESSED != 0
    }

    /// `flag` without the mark of compression.
    #[must_use]
    pub const fn without_compressed(flag: i32) -> i32 {
        flag & !COMPRESSED
    }
}

/// Bits of a pull request's `sysFlag`.
pub mod pull {
    /// The request carries a consumer offset to store.
    pub const COMMIT_OFFSET: i32 = 0x1;
    /// The broker may hold the request until a message arrives.
    pub const SUSPEND: i32 = 0x2;
    /// The request carries its own subscription expression.
    pub const SUBSCRIPTION: i32 = 0x4;
    /// The subscription is of the class filter kind.
    pub const CLASS_FILTER: i32 = 0x8;

    /// The flag word made of its four bits.
    #[must_use]
    pub const fn build(commit: bool, suspend: bool, subscription: bool, class_filter: bool) -> i32 {
        (commit as i32)
            | (suspend as i32) << 1
            | (subscription as i32) << 2
            | (class_filter as i32) << 3
    }

    /// Whether a consumer offset comes with the request.
    #[must_use]
    pub const fn has_commit_offset(flag: i32) -> bool {
        flag & COMMIT_OFFSET != 0
    }

    /// `flag` without the consumer offset bit.
    #[must_use]
    pub const fn without_commit_offset(flag: i32) -> i32 {
        flag & !COMMIT_OFFSET
    }

    /// Whether the request may be held.
    #[must_use]
    pub const fn has_suspend(flag: i32) -> bool {
        flag & SUSPEND != 0
    }

    /// Whether a subscription comes with the request.
    #[must_use]
    pub const fn has_subscription(flag: i32) -> bool {
        flag & SUBSCRIPTION != 0
    }

    /// Whether the subscription is of the class filter kind.
    #[must_use]
    pub const fn has_class_filter(flag: i32) -> bool {
        flag & CLASS_FILTER != 0
    }
}

/// Bits of a topic's `topicSysFlag`, and of a subscription group's (only [`topic::UNIT`]).
pub mod topic {
    /// The topic belongs to a unit.
    pub const UNIT: i32 = 0x1;
    /// Some consumer group subscribes to the topic across units.
    pub const UNIT_SUB: i32 = 0x2;

    /// The flag word made of its two bits.
    #[must_use]
    pub const fn build(unit: bool, unit_sub: bool) -> i32 {
        (unit as i32) | (unit_sub as i32) << 1
    }

    /// Whether the unit bit is set.
    #[must_use]
    pub const fn has_unit(flag: i32) -> bool {
        flag & UNIT != 0
    }

    /// Whether the cross-unit subscription bit is set.
    #[must_use]
    pub const fn has_unit_sub(flag: i32) -> bool {
        flag & UNIT_SUB != 0
    }

    /// `flag` with the unit bit set or cleared.
    #[must_use]
    pub const fn with_unit(flag: i32, on: bool) -> i32 {
        if on { flag | UNIT } else { flag & !UNIT }
    }

    /// `flag` with the cross-unit subscription bit set or cleared.
    #[must_use]
    pub const fn with_unit_sub(flag: i32, on: bool) -> i32 {
        if on { flag | UNIT_SUB } else { flag & !UNIT_SUB }
    }
}

#[cfg(test)]
mod tests {
    use super::{message, pull, topic};

    #[test]
    fn transaction_bits_are_replaced_and_read_back() {
        for kind in [
            message::TRANSACTION_NONE,
            message::TRANSACTION_PREPARED,
            message::TRANSACTION_COMMIT,
            message::TRANSACTION_ROLLBACK,
        ] {
            let flag = message::with_transaction(message::COMPRESSED | 0xC, kind);
            assert_eq!(message::transaction(flag), kind);
            assert!(message::is_compressed(flag));
        }
        assert!(message::is_queued(message::COMPRESSED | message::TRANSACTION_COMMIT));
        assert!(!message::is_queued(message::TRANSACTION_PREPARED));
        assert!(!message::is_queued(message::TRANSACTION_ROLLBACK));
        assert_eq!(message::without_compressed(0x3), message::MULTI_TAGS);
    }

    #[test]
    fn pull_bits_are_javas() {
        assert_eq!(pull::build(true, true, false, true), 0b1011);
        let flag = pull::build(true, false, true, false);
        assert!(pull::has_commit_offset(flag) && pull::has_subscription(flag));
        assert!(!pull::has_suspend(flag) && !pull::has_class_filter(flag));
        assert!(!pull::has_commit_offset(pull::without_commit_offset(flag)));
    }

    #[test]
    fn topic_bits_are_javas() {
        assert_eq!(topic::build(true, true), 3);
        assert!(topic::has_unit(topic::with_unit(0, true)));
        assert!(!topic::has_unit_sub(topic::with_unit_sub(3, false)));
    }
}
