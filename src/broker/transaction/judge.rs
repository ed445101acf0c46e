//! What a check round does with a half message nobody has settled. Pure: messages and times in,
//! a verdict out.

/// What a half message says that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// When its producer made it, by the producer's clock, ms.
    pub(crate) born_ms: i64,
    /// When it was stored last, ms.
    pub(crate) stored_ms: i64,
    /// How often its producer was asked; `None` for never.
    pub(crate) asked: Option<i32>,
    /// How long it wants to be left alone, in seconds; -1 for as long as any other.
    pub(crate) immune_s: Option<i64>,
}

/// The settings a round works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// A half message is left alone this long (`transactionTimeOut`).
    pub(crate) timeout_ms: i64,
    /// A producer is asked this often at most (`transactionCheckMax`).
    pub(crate) ask_max: i32,
    /// A half message older than this is not asked about (`fileReservedTime`).
    pub(crate) reserved_ms: i64,
}

/// What to do with a half message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its producer was asked often enough, or it is too old to be asked about.
    GiveUp(Reason),
    /// It is too young, and so is everything behind it.
    TooYoung,
    /// It wants to be left alone for longer than the others, so that it must not stand in their
    /// way: store it anew behind them.
    PutBack,
    /// Store it anew as asked about for the `asked`-th time, and ask.
    Ask {
        /// How often its producer will have been asked.
        asked: i32,
    },
}

/// Why a transaction is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its producer was asked often enough.
    Asked,
    /// It is too old.
    Old,
}

/// Decides about a half message that is open, in a round that began at `start_ms`.
pub(crate) fn judge(facts: &Facts, limits: &Limits, start_ms: i64, now_ms: i64) -> Verdict {
    let asked = facts.asked.unwrap_or(0);
    if facts.asked.is_some() && asked >= limits.ask_max {
        return Verdict::GiveUp(Reason::Asked);
    }
    let age_ms = now_ms.saturating_sub(facts.born_ms);
    if age_ms > limits.reserved_ms {
        return Verdict::GiveUp(Reason::Old);
    }
    if facts.stored_ms >= start_ms {
        return Verdict::TooYoung;
    }
    match facts.immune_s {
        Some(seconds) => {
            let immune_ms = match seconds {
                -1 => limits.timeout_ms,
                seconds => seconds.saturating_mul(1000),
            };
            if age_ms < immune_ms {
                return Verdict::PutBack;
            }
        }
        // A producer whose clock is ahead is asked at once: its time says nothing.
        None if (0..limits.timeout_ms).contains(&age_ms) => return Verdict::TooYoung,
        None => {}
    }
    Verdict::Ask { asked: asked.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_000_000;
    const LIMITS: Limits = Limits { timeout_ms: 6000, ask_max: 15, reserved_ms: 100_000 };

    /// A half message of this age, stored when it was made.
    fn aged(age_ms: i64) -> Facts {
        let born_ms = START - age_ms;
        Facts { born_ms, stored_ms: born_ms.min(START - 1), ..Facts::default() }
    }

    fn check(facts: Facts, expected: Verdict) {
        assert_eq!(judge(&facts, &LIMITS, START, START), expected, "{facts:?}");
    }

    #[test]
    fn a_producer_is_asked_after_the_time_out() {
        check(aged(0), Verdict::TooYoung);
        check(aged(5999), Verdict::TooYoung);
        check(aged(6000), Verdict::Ask { asked: 1 });
        check(aged(100_000), Verdict::Ask { asked: 1 });
    }

    #[test]
    fn what_was_stored_since_the_round_began_is_left() {
        check(Facts { stored_ms: START, ..aged(50_000) }, Verdict::TooYoung);
        check(Facts { stored_ms: START - 1, ..aged(50_000) }, Verdict::Ask { asked: 1 });
    }

    #[test]
    fn it_is_asked_so_often_and_no_more() {
        for asked in 0..15 {
            let facts = Facts { asked: Some(asked), ..aged(7000) };
            check(facts, Verdict::Ask { asked: asked + 1 });
        }
        let facts = Facts { asked: Some(15), ..aged(7000) };
        check(facts, Verdict::GiveUp(Reason::Asked));
        check(Facts { asked: Some(-1), ..aged(7000) }, Verdict::Ask { asked: 0 });
        let never = Limits { ask_max: 0, ..LIMITS };
        assert_eq!(judge(&aged(7000), &never, START, START), Verdict::Ask { asked: 1 });
    }

    #[test]
    fn what_is_too_old_is_given_up_first() {
        check(aged(100_001), Verdict::GiveUp(Reason::Old));
        check(
            Facts { immune_s: Some(1000), stored_ms: START, ..aged(100_001) },
            Verdict::GiveUp(Reason::Old),
        );
    }

    #[test]
    fn an_immune_one_steps_aside_until_its_time() {
        check(Facts { immune_s: Some(30), ..aged(29_999) }, Verdict::PutBack);
        check(Facts { immune_s: Some(30), ..aged(0) }, Verdict::PutBack);
        check(Facts { immune_s: Some(30), ..aged(-5000) }, Verdict::PutBack);
        check(Facts { immune_s: Some(30), ..aged(30_000) }, Verdict::Ask { asked: 1 });
        check(Facts { immune_s: Some(1), ..aged(1000) }, Verdict::Ask { asked: 1 });
        check(Facts { immune_s: Some(-1), ..aged(5999) }, Verdict::PutBack);
        check(Facts { immune_s: Some(-1), ..aged(6000) }, Verdict::Ask { asked: 1 });
        check(Facts { immune_s: Some(-7), ..aged(0) }, Verdict::Ask { asked: 1 });
        check(Facts { immune_s: Some(i64::MAX), ..aged(0) }, Verdict::PutBack);
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_hide_it() {
        check(aged(-1), Verdict::Ask { asked: 1 });
        check(aged(-i64::MAX / 2), Verdict::Ask { asked: 1 });
    }
}
