//! The levels of delayed messages.

use crate::error::StoreError;

/// Key of the setting the levels come from.
const KEY: &str = "messageDelayLevel";
/// Delay of a level that is not in the table, ms.
const UNKNOWN_MS: i64 = 1000;

/// How long each level delays; level 1 is the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayLevels(Vec<i64>);

impl DelayLevels {
    /// Reads `messageDelayLevel`: `1s 5s 10s ...`, one blank between, units s, m, h, d.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let level = |word: &str| {
            let reason = || format!("`{word}` is no delay such as 10s, 5m, 2h or 1d");
            parse_one(word).ok_or_else(|| StoreError::Config { key: KEY, reason: reason() })
        };
        text.split(' ').map(level).collect::<Result<_, _>>().map(Self)
    }

    /// The highest level.
    #[must_use]
    pub fn max(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    /// How long a level delays, ms; `None` if there is no such level.
    #[must_use]
    pub fn delay_ms(&self, level: i32) -> Option<i64> {
        let number = usize::try_from(level).ok()?.checked_sub(1)?;
        self.0.get(number).copied()
    }

    /// The levels and their delays, ms.
    pub fn iter(&self) -> impl Iterator<Item = (i32, i64)> {
        (1..).zip(self.0.iter().copied())
    }

    /// When a message of this level, stored then, is due. An unknown level is due after a second.
    #[must_use]
    pub fn deliver_time(&self, level: i32, store_timestamp: i64) -> i64 {
        store_timestamp.saturating_add(self.delay_ms(level).unwrap_or(UNKNOWN_MS))
    }
}

/// The queue of the schedule topic that holds a level.
#[must_use]
pub const fn queue_of_level(level: i32) -> i32 {
    level - 1
}

/// The level a queue of the schedule topic holds.
#[must_use]
pub const fn level_of_queue(queue_id: i32) -> i32 {
    queue_id + 1
}

fn parse_one(word: &str) -> Option<i64> {
    let unit_ms = match word.chars().next_back()? {
        's' => 1000,
        'm' => 60 * 1000,
        'h' => 60 * 60 * 1000,
        'd' => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let count: i64 = word.get(..word.len() - 1)?.parse().ok()?;
    count.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_levels() {
        let text = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";
        let levels = DelayLevels::parse(text).unwrap();
        assert_eq!(levels.max(), 18);
        assert_eq!(levels.delay_ms(1), Some(1000));
        assert_eq!(levels.delay_ms(18), Some(7_200_000));
        assert_eq!(levels.delay_ms(0), None);
        assert_eq!(levels.delay_ms(19), None);
        assert_eq!(levels.deliver_time(2, 100), 5100);
        assert_eq!(levels.deliver_time(99, 100), 1100);
        assert_eq!(levels.iter().next(), Some((1, 1000)));
        assert_eq!((queue_of_level(3), level_of_queue(2)), (2, 3));
    }

    #[test]
    fn what_java_cannot_read_either() {
        for text in ["", "1s  5s", "1x", "s", "1.5s", "1s ", "9999999999999999999s", "1ö"] {
            assert!(DelayLevels::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(DelayLevels::parse("1d").unwrap().delay_ms(1), Some(86_400_000));
    }
}
