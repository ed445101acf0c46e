//! How much clients can make a broker remember. 4.4.0 has no such limits, and dies of them; these
//! are beyond what a broker can serve in any case.

/// Topics.
pub(crate) const TOPICS_MAX: usize = 100_000;
/// Queues of one topic.
pub(crate) const QUEUES_MAX: i32 = 65_536;
/// Subscription groups, and producer groups.
pub(crate) const GROUPS_MAX: usize = 100_000;
/// Pairs of a topic and a group that have offsets.
pub(crate) const OFFSET_PAIRS_MAX: usize = 500_000;
/// Offsets of queues, of all pairs together.
pub(crate) const OFFSETS_MAX: usize = 4_000_000;
/// Consumer groups that one connection stands for.
pub(crate) const CLIENT_GROUPS_MAX: usize = 10_000;
/// Locked queues, of all groups together.
pub(crate) const LOCKS_MAX: usize = 1_000_000;
