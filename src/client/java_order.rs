//! The order in which Java's `HashMap` and `HashSet` list what they hold.
//!
//! It follows from hash codes and the size of the table, the same in all versions of Java. What
//! 4.4.0 prints from such tables, we print in the same order.

use protocol::bodies::MessageQueue;
use protocol::properties::java_hash;

/// Slots of a table nobody said a size for.
const SLOTS_MIN: usize = 16;

/// Something with Java's `hashCode`.
pub trait JavaHash {
    /// Java's hash code.
    fn java_hash(&self) -> i32;
}

impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

impl JavaHash for str {
    fn java_hash(&self) -> i32 {
        java_hash(self)
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        java_hash(self)
    }
}

impl JavaHash for MessageQueue {
    fn java_hash(&self) -> i32 {
        let add = |hash: i32, part: i32| hash.wrapping_mul(31).wrapping_add(part);
        let hash = add(1, java_hash(&self.broker_name));
        add(add(hash, self.queue_id), java_hash(&self.topic))
    }
}

impl<T: JavaHash + ?Sized> JavaHash for &T {
    fn java_hash(&self) -> i32 {
        (**self).java_hash()
    }
}

/// Items put one by one into a set, as it lists them. They must differ from each other.
pub fn hash_order<T: JavaHash>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let items: Vec<T> = items.into_iter().collect();
    let count = items.len();
    // A table doubles as soon as it is more than three quarters full.
    let slots = (count * 4).div_ceil(3).next_power_of_two().max(SLOTS_MIN);
    sorted(items, slots)
}

/// Items put all at once into a new set, which then makes room with some to spare.
pub fn hash_order_of_copy<T: JavaHash>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let items: Vec<T> = items.into_iter().collect();
    let slots = (items.len() * 4 / 3 + 1).next_power_of_two();
    sorted(items, slots)
}

fn sorted<T: JavaHash>(mut items: Vec<T>, slots: usize) -> Vec<T> {
    // Items in one slot stay in the order they were put.
    items.sort_by_key(|item| {
        let hash = item.java_hash().cast_unsigned();
        (hash ^ (hash >> 16)) as usize & (slots - 1)
    });
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each was listed by Java.
    #[test]
    fn order_is_javas() {
        let properties = ["KEYS", "UNIQ_KEY", "WAIT", "TAGS"];
        assert_eq!(hash_order(properties), ["KEYS", "UNIQ_KEY", "WAIT", "TAGS"]);
        // What shares a slot stays as it came.
        // What shares a slot stays as it came.
        let topics = [
            "%RETRY%CG_golden",
            "broker-g",
            "%RETRY%CG_order",
            "BenchmarkTest",
            "GoldenTx",
            "SELF_TEST_TOPIC",
            "GoldenTopic",
            "%RETRY%CG_sql",
            "GoldenCluster",
            "OFFSET_MOVED_EVENT",
            "TBW102",
            "RMQ_SYS_TRANS_HALF_TOPIC",
        ];
        let expected = [
            "RMQ_SYS_TRANS_HALF_TOPIC",
            "%RETRY%CG_golden",
            "broker-g",
            "%RETRY%CG_order",
            "BenchmarkTest",
            "OFFSET_MOVED_EVENT",
            "TBW102",
            "%RETRY%CG_sql",
            "GoldenCluster",
            "GoldenTx",
            "SELF_TEST_TOPIC",
            "GoldenTopic",
        ];
        assert_eq!(hash_order(topics), expected);
    }
}
