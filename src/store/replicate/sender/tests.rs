use proptest::prelude::*;

use super::*;
use crate::replicate::report;

const FILE: i64 = 1000;

fn rules() -> Rules {
    Rules { file_len: FILE, batch: 300, heartbeat_ms: 50, silence_ms: 200 }
}

fn view(first: i64, end: i64) -> View {
    View { first, end }
}

fn started(offset: i64, view: View) -> Sender {
    let mut sender = Sender::new(rules(), 0);
    sender.received(&report(offset), view, 0).unwrap();
    sender
}

fn spans(sender: &mut Sender, view: View) -> Vec<(i64, usize)> {
    let mut all = Vec::new();
    while let Some(span) = sender.span(view).unwrap() {
        sender.sending(span);
        all.push((span.offset, span.len));
    }
    all
}

#[test]
fn sending_begins_where_the_slave_asks() {
    let check = |asked, view, from| {
        let mut sender = Sender::new(rules(), 0);
        assert_eq!(sender.span(view), Ok(None), "nobody asked yet");
        let progress = sender.received(&report(asked), view, 0).unwrap();
        assert_eq!(progress.started, Some((asked, from)), "{asked} of {view:?}");
        assert_eq!(progress.acknowledged, None, "a first word proves nothing");
        assert_eq!(sender.next(), Some(from));
    };
    check(0, view(0, 0), 0);
    check(0, view(0, 999), 0);
    check(0, view(0, 1000), 1000);
    check(0, view(0, 5678), 5000);
    check(17, view(0, 5678), 17);
    check(5678, view(0, 5678), 5678);
}

#[test]
fn a_transfer_is_no_longer_than_the_batch_and_stays_in_its_file() {
    let mut sender = started(750, view(0, 1450));
    assert_eq!(spans(&mut sender, view(0, 1450)), [(750, 250), (1000, 300), (1300, 150)]);
    assert_eq!(spans(&mut sender, view(0, 1460)), [(1450, 10)]);
}

#[test]
fn only_what_was_sent_is_acknowledged() {
    let log = view(0, 2500);
    let mut sender = started(100, log);
    assert_eq!(spans(&mut sender, view(0, 700)).len(), 2);
    let mut acknowledged =
        |offset| sender.received(&report(offset), log, 0).map(|p| p.acknowledged);
    assert_eq!(acknowledged(100), Ok(None), "its heartbeat says nothing new");
    assert_eq!(acknowledged(400), Ok(Some(400)));
    assert_eq!(acknowledged(400), Ok(Some(400)));
    assert_eq!(acknowledged(700), Ok(Some(700)));
    assert_eq!(acknowledged(701), Err(Refusal::NotSent { reported: 701, sent: 700 }));
}

#[test]
fn reports_that_cannot_be_are_refused() {
    let log = view(1000, 2500);
    let first =
        |offset| Sender::new(rules(), 0).received(&report(offset), log, 0).expect_err("refused");
    assert_eq!(first(-1), Refusal::Negative(-1));
    assert_eq!(first(i64::MIN), Refusal::Negative(i64::MIN));
    assert_eq!(first(2501), Refusal::Beyond { reported: 2501, end: 2500 });
    assert_eq!(first(i64::MAX), Refusal::Beyond { reported: i64::MAX, end: 2500 });
    assert_eq!(first(999), Refusal::Deleted { asked: 999, first: 1000 });
    let mut sender = started(1200, log);
    spans(&mut sender, log);
    let refused = sender.received(&report(1199), log, 0);
    assert_eq!(refused, Err(Refusal::Backwards { reported: 1199, before: 1200 }));
    let mut empty = started(0, log);
    spans(&mut empty, log);
    let refused = empty.received(&report(1500), log, 0);
    assert_eq!(refused, Err(Refusal::NotSent { reported: 1500, sent: 2500 }), "before its start");
}

#[test]
fn what_is_deleted_while_a_slave_is_behind_ends_its_session() {
    let sender = started(100, view(0, 2500));
    let gone = sender.span(view(1000, 2500));
    assert_eq!(gone, Err(Refusal::Deleted { asked: 100, first: 1000 }));
}

#[test]
fn a_silent_master_beats_and_a_silent_slave_goes() {
    let log = view(0, 10);
    let mut sender = Sender::new(rules(), 0);
    assert_eq!(sender.heartbeat(100), None, "nothing to say before the slave asks");
    sender.received(&report(10), log, 100).unwrap();
    assert_eq!(sender.heartbeat(100), Some(Head { offset: 10, len: 0 }.encode()));
    assert_eq!(sender.heartbeat(149), None);
    sender.wrote(140);
    assert_eq!(sender.heartbeat(150), None);
    assert!(sender.heartbeat(190).is_some());
    assert_eq!(sender.check_alive(300), Ok(()));
    assert_eq!(sender.check_alive(301), Err(Refusal::Silent(201)));
}

proptest! {
    /// However reports are cut into pieces, they say the same.
    #[test]
    fn reports_may_come_in_pieces(cuts in proptest::collection::vec(1_usize..20, 1..40)) {
        let log = view(0, 900);
        let mut sender = started(1, log);
        spans(&mut sender, log);
        let bytes: Vec<u8> = (1..=30_i64).flat_map(|i| report(i * 30)).collect();
        let (mut rest, mut last) = (&bytes[..], 0);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            let (part, behind) = rest.split_at(cut.min(rest.len()));
            rest = behind;
            let progress = sender.received(part, log, 0).unwrap();
            if let Some(offset) = progress.acknowledged {
                prop_assert!(offset > last);
                last = offset;
            }
        }
        prop_assert_eq!(last, 900);
    }

    /// Whatever comes, nothing is acknowledged that was not sent, and nothing twice backwards.
    #[test]
    fn no_bytes_acknowledge_what_was_not_sent(
        asked in 0_i64..3000,
        pieces in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(
                prop_oneof![(-5_i64..3500).prop_map(|o| report(o).to_vec()),
                            proptest::collection::vec(any::<u8>(), 1..9)], 1..4)),
            1..20),
    ) {
        let log = view(0, 2900);
        let mut sender = Sender::new(rules(), 0);
        let mut best = 0;
        if sender.received(&report(asked), log, 0).is_err() {
            return Ok(());
        }
        let from = sender.next().unwrap();
        let mut sent = from;
        for (send, parts) in pieces {
            if send && let Some(span) = sender.span(log).unwrap() {
                sender.sending(span);
                sent = span.offset + span.len as i64;
            }
            let Ok(progress) = sender.received(&parts.concat(), log, 0) else { return Ok(()) };
            if let Some(offset) = progress.acknowledged {
                prop_assert!(from < offset && offset <= sent && offset >= best);
                best = offset;
            }
        }
    }
}
