use super::*;

/// Claims, expecting to be granted.
fn granted(ledger: &mut Ledger, half: i64, fingerprint: u64) -> Grant {
    match ledger.claim(half, fingerprint) {
        Claim::Granted(grant) => grant,
        other => panic!("{half}: {other:?}"),
    }
}

/// Settles a half message by the op message at `op`.
fn settle(ledger: &mut Ledger, half: i64, op: i64) {
    let grant = granted(ledger, half, 1);
    ledger.settle(grant, Some(op));
}

fn bases(ledger: &Ledger) -> (i64, i64) {
    (ledger.base(), ledger.op_base())
}

#[test]
fn a_transaction_is_settled_once() {
    let mut ledger = Ledger::new(10, 5);
    settle(&mut ledger, 12, 5);
    assert_eq!(ledger.claim(12, 1), Claim::Done);
    assert!(!ledger.is_open(12) && ledger.is_open(11) && ledger.is_open(99));
    assert_eq!(bases(&ledger), (10, 5), "10 and 11 are open");
}

#[test]
fn whoever_comes_while_it_is_being_settled_finds_it_done() {
    let mut ledger = Ledger::new(0, 0);
    let grant = granted(&mut ledger, 0, 1);
    assert_eq!(ledger.claim(0, 1), Claim::Done);
    assert!(!ledger.is_open(0));
    ledger.release(grant);
    assert!(ledger.is_open(0));
    settle(&mut ledger, 0, 0);
    assert_eq!(bases(&ledger), (1, 1));
}

#[test]
fn the_offsets_follow_what_is_settled_in_any_order() {
    let mut ledger = Ledger::new(0, 0);
    settle(&mut ledger, 2, 0);
    settle(&mut ledger, 1, 2);
    assert_eq!(bases(&ledger), (0, 0));
    settle(&mut ledger, 0, 1);
    assert_eq!(bases(&ledger), (3, 3));
    settle(&mut ledger, 4, 3);
    assert_eq!(bases(&ledger), (3, 3));
    ledger.leave(3);
    assert_eq!(bases(&ledger), (5, 4));
    assert!(ledger.states.is_empty() && ledger.ops.is_empty());
}

#[test]
fn what_lies_behind_counts_as_done() {
    let mut ledger = Ledger::new(7, 0);
    assert_eq!(ledger.claim(6, 1), Claim::Done);
    ledger.leave(6);
    assert_eq!(ledger.base(), 7);
}

#[test]
fn a_half_message_stored_anew_is_settled_under_any_of_its_offsets() {
    for asked in [0, 5, 6] {
        let mut ledger = Ledger::new(0, 0);
        ledger.renew(0, 5, 77);
        ledger.renew(5, 6, 77);
        let grant = granted(&mut ledger, asked, 77);
        assert_eq!(grant.half, 6, "asked for {asked}");
        assert_eq!(ledger.claim(6, 77), Claim::Done);
        ledger.settle(grant, Some(0));
        for again in [0, 5, 6] {
            assert_eq!(ledger.claim(again, 77), Claim::Done);
        }
        assert!(ledger.renewed.is_empty());
    }
}

#[test]
fn transactions_alike_do_not_settle_each_other() {
    let mut ledger = Ledger::new(0, 0);
    ledger.renew(0, 2, 7);
    ledger.renew(1, 3, 7);
    let first = granted(&mut ledger, 0, 7);
    let second = granted(&mut ledger, 1, 7);
    assert_eq!((first.half, second.half), (2, 3));
    assert_eq!(ledger.claim(0, 7), Claim::Done);
    ledger.settle(second, Some(1));
    ledger.settle(first, Some(0));
    assert_eq!(bases(&ledger), (4, 2));
}

#[test]
fn what_was_given_up_can_still_be_settled_once() {
    let mut ledger = Ledger::new(0, 0);
    ledger.renew(0, 1, 7);
    ledger.give_up(1, 7);
    assert_eq!(ledger.base(), 2);
    let grant = granted(&mut ledger, 0, 7);
    ledger.release(grant);
    let grant = granted(&mut ledger, 1, 7);
    ledger.settle(grant, Some(0));
    assert_eq!(ledger.claim(1, 7), Claim::Done);
    assert_eq!(bases(&ledger), (2, 1));
}

#[test]
fn only_so_many_given_up_are_remembered() {
    let mut given_up = GivenUp::default();
    for fingerprint in 0..=GIVEN_UP_MAX as u64 {
        given_up.remember(fingerprint);
    }
    assert!(!given_up.forget(0));
    assert!(given_up.forget(1));
    assert_eq!((given_up.order.len(), given_up.known.len()), (GIVEN_UP_MAX - 1, GIVEN_UP_MAX - 1));
}

#[test]
fn deleted_half_messages_are_behind() {
    let mut ledger = Ledger::new(0, 0);
    settle(&mut ledger, 3, 0);
    ledger.delete_before(2);
    assert_eq!(bases(&ledger), (2, 0));
    ledger.delete_before(3);
    assert_eq!(bases(&ledger), (4, 1));
    ledger.delete_before(1_000_000_000_000);
    assert_eq!(bases(&ledger), (1_000_000_000_000, 1));
}

#[test]
fn op_messages_nobody_told_about_are_looked_up() {
    let mut ledger = Ledger::new(0, 0);
    settle(&mut ledger, 0, 2);
    assert_eq!(ledger.unknown_ops(), [0, 1]);
    ledger.found_op(0, None);
    ledger.found_op(1, Some(1));
    ledger.trim();
    assert!(ledger.unknown_ops().is_empty());
    assert_eq!(bases(&ledger), (2, 3));
}

#[test]
fn a_queue_is_loaded_from_its_op_messages() {
    let mut loader = Loader::new(4, 100);
    for (op, half) in [(100, Some(3)), (101, Some(5)), (102, None), (103, Some(4))] {
        loader.found_op(op, half);
    }
    assert_eq!(loader.first_open(), 6);
    let mut ledger = loader.finish();
    assert_eq!(bases(&ledger), (6, 104));
    assert_eq!(ledger.claim(5, 1), Claim::Done);
}

#[test]
fn a_loaded_half_message_replaces_the_one_it_was_stored_for() {
    let mut loader = Loader::new(0, 0);
    let origin = |fingerprint, renewed| Origin { fingerprint, renewed, first: None };
    loader.found_half(0, origin(7, false));
    loader.found_half(1, origin(8, false));
    loader.found_half(2, origin(7, true));
    loader.found_half(3, origin(7, true));
    let mut ledger = loader.finish();
    assert_eq!(ledger.base(), 1);
    assert!(ledger.is_open(1) && !ledger.is_open(2) && ledger.is_open(3));
    assert_eq!(granted(&mut ledger, 0, 7).half, 3);
    assert_eq!(granted(&mut ledger, 1, 8).half, 1);
}

#[test]
fn a_settled_half_message_settles_those_it_was_stored_for() {
    let mut loader = Loader::new(0, 0);
    for (op, half) in [(0, Some(2)), (1, Some(4))] {
        loader.found_op(op, half);
    }
    assert_eq!(loader.first_open(), 0);
    let origin = |fingerprint, renewed| Origin { fingerprint, renewed, first: None };
    for (half, origin) in [
        (0, origin(7, false)),
        (1, origin(8, false)),
        (2, origin(7, true)),
        (3, origin(8, true)),
        (4, origin(9, false)),
    ] {
        loader.found_half(half, origin);
    }
    let mut ledger = loader.finish();
    assert_eq!(ledger.base(), 3);
    assert!(ledger.is_open(3), "the question about it is still open");
    assert_eq!(ledger.claim(0, 7), Claim::Done);
    assert_eq!(granted(&mut ledger, 1, 8).half, 3);
}

#[test]
fn transactions_alike_stay_apart_when_loaded() {
    let mut loader = Loader::new(0, 0);
    for half in 0..2 {
        loader.found_half(half, Origin { fingerprint: 7, renewed: false, first: None });
    }
    let ledger = loader.finish();
    assert!(ledger.is_open(0) && ledger.is_open(1));
}

#[test]
fn a_loaded_half_message_may_be_settled_under_its_first_offset() {
    let mut loader = Loader::new(5, 0);
    loader.found_op(0, Some(2));
    loader.found_half(5, Origin { fingerprint: 7, renewed: true, first: Some(2) });
    loader.found_half(6, Origin { fingerprint: 8, renewed: true, first: Some(3) });
    let ledger = loader.finish();
    assert_eq!(bases(&ledger), (6, 1));
    assert!(ledger.is_open(6));
}

/// What a transaction is in the model.
#[derive(Clone, Copy, PartialEq)]
enum Model {
    Open,
    Settled,
}

proptest::proptest! {
    /// Whatever happens in whatever order: a transaction is granted at most once, under any of
    /// its offsets, and the offsets never pass an open one.
    #[test]
    fn nothing_is_settled_twice_or_lost(
        steps in proptest::collection::vec((0usize..6, 0u8..5), 0..80)
    ) {
        let mut ledger = Ledger::new(0, 0);
        let mut offsets: Vec<Vec<i64>> = (0..6).map(|i| vec![i]).collect();
        let mut models = [Model::Open; 6];
        let (mut next, mut op) = (6, 0);
        for (who, what) in steps {
            let newest = offsets[who].last().copied().unwrap();
            match what {
                0 if models[who] == Model::Open => {
                    ledger.renew(newest, next, who as u64);
                    offsets[who].push(next);
                    next += 1;
                }
                1 => {
                    if let Claim::Granted(grant) = ledger.claim(newest, who as u64) {
                        ledger.release(grant);
                        proptest::prop_assert!(models[who] == Model::Open);
                    }
                }
                _ => {
                    let asked = offsets[who][usize::from(what) % offsets[who].len()];
                    let claim = ledger.claim(asked, who as u64);
                    if models[who] == Model::Open {
                        let Claim::Granted(grant) = claim else { panic!("not granted") };
                        proptest::prop_assert_eq!(grant.half, newest);
                        ledger.settle(grant, Some(op));
                        op += 1;
                        models[who] = Model::Settled;
                    } else {
                        proptest::prop_assert_eq!(claim, Claim::Done);
                    }
                }
            }
            let open = |who: &usize| models[*who] == Model::Open;
            let oldest = (0..6).filter(open).filter_map(|who| offsets[who].last()).min();
            proptest::prop_assert!(oldest.is_none_or(|oldest| ledger.base() <= *oldest));
        }
        if models.iter().all(|model| *model == Model::Settled) {
            proptest::prop_assert_eq!(bases(&ledger), (next, op));
        }
    }
}
