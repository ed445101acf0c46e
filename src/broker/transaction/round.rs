//! The check rounds: what became of half messages that nobody settled?

use std::sync::Arc;
use std::time::Duration;

use protocol::{perm, topic};
use tokio_util::sync::CancellationToken;

use super::half::{Half, Question, named_by_op};
use super::judge::{Limits, Reason, Verdict, judge};
use super::ledger::Ledger;
use super::{LOG_TRANSACTION, Transactions};
use crate::register;
use crate::start::Broker;
use crate::{LOG, now_ms};

/// A round spends no more time than this on one queue.
const QUEUE_MS_MAX: i64 = 60_000;
/// Permission of the topic of half messages.
const PERM: i32 = perm::READ | perm::WRITE;

/// Runs a round each `transactionCheckInterval`, until stopped.
pub(crate) async fn run(broker: Arc<Broker>, period: Duration, stop: CancellationToken) {
    loop {
        if stop.run_until_cancelled(tokio::time::sleep(period)).await.is_none() {
            return;
        }
        let (broker, stop) = (Arc::clone(&broker), stop.clone());
        let done = tokio::task::spawn_blocking(move || round(&broker, &stop)).await;
        if let Err(error) = done {
            tracing::error!(target: LOG_TRANSACTION, %error, "Check error");
        }
    }
}

fn round(broker: &Arc<Broker>, stop: &CancellationToken) {
    let begin = now_ms();
    tracing::info!(target: LOG_TRANSACTION, "Begin to check prepare message, begin time:{begin}");
    let limits = {
        let (config, store_config) = (broker.config.load(), broker.store_config.load());
        Limits {
            timeout_ms: config.transaction_time_out,
            ask_max: config.transaction_check_max,
            reserved_ms: i64::from(store_config.file_reserved_time).saturating_mul(3_600_000),
        }
    };
    let queues = half_queues(broker);
    broker.transactions.check(queues, &limits, stop, &|question| ask(broker, question));
    let took = now_ms() - begin;
    tracing::info!(target: LOG_TRANSACTION, "End to check prepare message, consumed time:{took}");
}

/// How many queues there are for half messages. The first round gives them their topic.
fn half_queues(broker: &Arc<Broker>) -> i32 {
    let found = broker.topics.find_or_create(topic::TRANS_HALF, 1, PERM, 0, now_ms());
    let Ok(found) = found else { return 0 };
    if found.change.is_some() {
        broker.announce(register::Round::Oneway);
    }
    if found.topic.read_queues <= 0 {
        tracing::warn!(target: LOG_TRANSACTION, "The queue of topic is empty :{}", topic::TRANS_HALF);
    }
    found.topic.read_queues
}

/// Asks one producer of a group.
fn ask(broker: &Broker, question: Question<'_>) {
    let group = question.group;
    let Some(peer) = broker.producers.pick(group, |peer| !peer.is_closed()) else {
        tracing::warn!(target: LOG, "Check transaction failed, channel is null. groupId={group}");
        return;
    };
    let command = match broker.ask(&question.header) {
        Ok(command) => command.body(question.body),
        Err(error) => {
            tracing::error!(target: LOG, group, %error, "Send check message error!");
            return;
        }
    };
    if let Err(error) = peer.oneway(command) {
        tracing::error!(target: LOG, group, peer = %peer.addr(), %error, "Check transaction failed because invoke producer exception.");
    }
}

/// What one look at a half message leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Stop,
}

/// One round over one queue.
struct Check<'a> {
    transactions: &'a Transactions,
    queue_id: i32,
    limits: &'a Limits,
    start_ms: i64,
    stop: &'a CancellationToken,
    ask: &'a dyn Fn(Question<'_>),
}

impl Transactions {
    /// Looks at the open half messages of the first `queues` queues; `ask` passes a question on to
    /// a producer of a group. Blocks.
    pub(crate) fn check(
        &self,
        queues: i32,
        limits: &Limits,
        stop: &CancellationToken,
        ask: &dyn Fn(Question<'_>),
    ) {
        for queue_id in 0..queues {
            if stop.is_cancelled() {
                return;
            }
            let start_ms = now_ms();
            let check = Check { transactions: self, queue_id, limits, start_ms, stop, ask };
            check.queue();
        }
        self.keep_progress();
    }
}

impl Check<'_> {
    fn queue(&self) {
        let Self { transactions, queue_id, .. } = *self;
        self.tidy();
        let (base, op_base) = self.ledger(|ledger| (ledger.base(), ledger.op_base()));
        tracing::info!(target: LOG_TRANSACTION, "Before check, the queue={queue_id} msgOffset={base} opOffset={op_base}");
        let done = transactions.each(topic::TRANS_HALF, queue_id, base, |found| {
            let offset = found.offset;
            if self.stop.is_cancelled() {
                return Ok(false);
            }
            if now_ms() - self.start_ms > QUEUE_MS_MAX {
                tracing::info!(target: LOG_TRANSACTION, "Queue={queue_id} process time reach max={QUEUE_MS_MAX}");
                return Ok(false);
            }
            if !self.ledger(|ledger| ledger.is_open(offset)) {
                return Ok(true);
            }
            let record = found.read()?;
            match record.as_ref().and_then(|record| Half::decode(record)) {
                Some(half) => Ok(self.half(&half) == Next::On),
                None => {
                    tracing::error!(target: LOG_TRANSACTION, queue_id, offset, "there is no half message any more, nobody is asked about it");
                    self.ledger(|ledger| ledger.leave(offset));
                    Ok(true)
                }
            }
        });
        if let Err(error) = done {
            tracing::error!(target: LOG_TRANSACTION, queue_id, %error, "half messages cannot be read now, the next round goes on");
        }
    }

    /// Catches up with what happened to the two queues by other hands.
    fn tidy(&self) {
        let Self { transactions, queue_id, .. } = *self;
        let store = &transactions.store;
        let min = store.min_offset(topic::TRANS_HALF, queue_id);
        let unknown = self.ledger(|ledger| {
            ledger.delete_before(min);
            ledger.unknown_ops()
        });
        for op in unknown {
            let entry = store.entries(topic::TRANS_OP_HALF, queue_id, op, 1).pop();
            let Some(entry) = entry else { continue };
            // What cannot be read now is looked at in the next round.
            let Ok(record) = store.record_at(entry.physical_offset) else { continue };
            let named = record.and_then(|record| named_by_op(&record));
            self.ledger(|ledger| {
                ledger.found_op(op, named);
                ledger.trim();
            });
        }
    }

    fn half(&self, half: &Half<'_>) -> Next {
        let offset = half.message.queue_offset;
        match judge(&half.facts(), self.limits, self.start_ms, now_ms()) {
            Verdict::TooYoung => Next::Stop,
            Verdict::GiveUp(reason) => {
                let fingerprint = half.fingerprint(&self.transactions.hasher);
                self.ledger(|ledger| ledger.give_up(offset, fingerprint));
                self.tell_given_up(half, reason);
                Next::On
            }
            Verdict::PutBack => {
                self.renew(half, &half.properties_put_back()).map_or_else(|next| next, |_| Next::On)
            }
            Verdict::Ask { asked } => {
                let properties = half.properties_asked(asked);
                match self.renew(half, &properties) {
                    Ok(None) => {}
                    Ok(Some(offsets)) => self.ask(half, &properties, offsets),
                    Err(next) => return next,
                }
                Next::On
            }
        }
    }

    /// Stores a half message anew, unless it was settled meanwhile; says where it is now.
    fn renew(&self, half: &Half<'_>, properties: &str) -> Result<Option<(i64, i64)>, Next> {
        let offset = half.message.queue_offset;
        let fingerprint = half.fingerprint(&self.transactions.hasher);
        // Whoever settles it waits here, so that it is settled before or under the new offset.
        let renewed = self.ledger(|ledger| {
            if !ledger.is_open(offset) {
                return Ok(None);
            }
            let appended = self.transactions.store.append(&half.renewed(properties))?;
            ledger.renew(offset, appended.queue_offset, fingerprint);
            Ok(Some((appended.queue_offset, appended.physical_offset)))
        });
        renewed.map_err(|error| {
            tracing::error!(target: LOG_TRANSACTION, queue_id = self.queue_id, offset, %error, "PutBackToHalfQueueReturnResult write failed");
            match error {
                // It has no room for one more property. It stays where it is.
                store::AppendError::Illegal(_) => Next::On,
                _ => Next::Stop,
            }
        })
    }

    fn ask(&self, half: &Half<'_>, properties: &str, offsets: (i64, i64)) {
        tracing::info!(target: LOG_TRANSACTION, id = %half.message.id(), "Send check message, the offset={} restored in queueOffset={} commitLogOffset={}", half.message.queue_offset, offsets.0, offsets.1);
        match half.question(properties, offsets) {
            Some(question) => (self.ask)(question),
            None => {
                tracing::error!(target: LOG_TRANSACTION, id = %half.message.id(), "Send check message error! It does not say whom to ask, or where it is for");
            }
        }
    }

    fn tell_given_up(&self, half: &Half<'_>, reason: Reason) {
        let why = match reason {
            Reason::Asked => "has been checked too many times, so discard it",
            Reason::Old => "exceed file reserved time ,so skip it.",
        };
        let (group, target) = (half.producer_group(), half.target());
        tracing::error!(target: LOG_TRANSACTION, group, ?target, "Half message {} {why}", half.message.id());
    }

    fn ledger<R>(&self, use_it: impl FnOnce(&mut Ledger) -> R) -> R {
        self.transactions.with(self.queue_id, use_it)
    }
}
