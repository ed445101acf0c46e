//! What is known of the half messages of one queue: which are open, which are settled, and which
//! lives on under another offset. Knows no store; it is told what was found and what was done.
//!
//! ```text
//!   half queue   … 17 18 19 20 21 22 23 …      `base` = 19: everything before is settled or
//!                      └ base                            was stored anew behind
//!   op queue     … 90:"18" 91:"20" 92:"19" …   `op_base`: every op message before names a half
//!                      └ op_base                         message before `base`
//! ```
//! These two offsets are what 4.4.0 keeps as the consumer offsets of `CID_RMQ_SYS_TRANS`.

use std::collections::{HashMap, HashSet, VecDeque};

/// Transactions that were given up and are remembered, in case their producer decides after all.
const GIVEN_UP_MAX: usize = 65_536;

/// What is known of one half message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Somebody is about to settle it.
    Ending,
    /// Nothing to wait for here any more: settled, stored anew, given up, or gone with its file.
    Done,
}

/// The answer to who wants to settle a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the caller's now, who reports with [`Ledger::settle`] or [`Ledger::release`].
    Granted(Grant),
    /// It was settled before.
    Done,
}

/// The right to settle one transaction.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a granted half message stays taken until it is settled or released"]
pub(crate) struct Grant {
    /// Queue offset of the half message that stands for the transaction now.
    pub(crate) half: i64,
    fingerprint: u64,
    given_up: bool,
}

/// The half messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    base: i64,
    /// From `base` on; what is not in here yet is open.
    states: VecDeque<State>,
    op_base: i64,
    /// The half offsets that op messages from `op_base` on name; `None` where not known yet.
    ops: VecDeque<Option<i64>>,
    /// Open half messages that were stored anew, by what stays the same when that happens.
    renewed: HashMap<u64, Vec<i64>>,
    given_up: GivenUp,
}

impl Ledger {
    /// Nothing known yet behind these offsets.
    pub(crate) fn new(base: i64, op_base: i64) -> Self {
        Self { base, op_base, ..Self::default() }
    }

    /// Everything before this half offset is done with.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Every op message before this op offset names a half message before [`base`](Self::base).
    pub(crate) fn op_base(&self) -> i64 {
        self.op_base
    }

    /// Whether nobody has settled, or is about to settle, this half message.
    pub(crate) fn is_open(&self, half: i64) -> bool {
        half >= self.base && self.state(half) == State::Open
    }

    /// Somebody wants to settle the transaction whose half message is, or once was, at `half`.
    pub(crate) fn claim(&mut self, half: i64, fingerprint: u64) -> Claim {
        let live = if self.is_open(half) { Some(half) } else { self.live(fingerprint) };
        match live {
            Some(half) => {
                self.set(half, State::Ending);
                Claim::Granted(Grant { half, fingerprint, given_up: false })
            }
            None if self.given_up.forget(fingerprint) => {
                Claim::Granted(Grant { half, fingerprint, given_up: true })
            }
            None => Claim::Done,
        }
    }

    /// A granted transaction is settled; `op` is the offset of its op message, unless that could
    /// not be written.
    pub(crate) fn settle(&mut self, grant: Grant, op: Option<i64>) {
        if !grant.given_up {
            self.set(grant.half, State::Done);
            self.forget_renewed(grant.fingerprint, grant.half);
        }
        if let Some(op) = op {
            self.note_op(op, grant.half);
        }
        self.trim();
    }

    /// A granted transaction could not be settled: it is open as before.
    pub(crate) fn release(&mut self, grant: Grant) {
        if grant.given_up {
            self.given_up.remember(grant.fingerprint);
        } else {
            self.set(grant.half, State::Open);
        }
    }

    /// The half message at `old` was stored anew at `new`, which stands for the transaction now.
    pub(crate) fn renew(&mut self, old: i64, new: i64, fingerprint: u64) {
        self.forget_renewed(fingerprint, old);
        self.renewed.entry(fingerprint).or_default().push(new);
        self.leave(old);
    }

    /// The transaction is not asked about any more.
    pub(crate) fn give_up(&mut self, half: i64, fingerprint: u64) {
        self.forget_renewed(fingerprint, half);
        self.given_up.remember(fingerprint);
        self.leave(half);
    }

    /// There is nothing to wait for at `half`.
    pub(crate) fn leave(&mut self, half: i64) {
        if half >= self.base {
            self.set(half, State::Done);
            self.trim();
        }
    }

    /// The half messages before `min` are deleted.
    pub(crate) fn delete_before(&mut self, min: i64) {
        while self.base < min {
            self.states.pop_front();
            self.base += 1;
            if self.states.is_empty() {
                self.base = min;
            }
        }
        self.trim();
    }

    /// An op message was found: the half message it names is settled. `None` for a message that
    /// is none.
    pub(crate) fn found_op(&mut self, op: i64, half: Option<i64>) {
        // An offset before all others is done with as soon as it is known.
        self.note_op(op, half.unwrap_or(i64::MIN));
        if let Some(half) = half.filter(|half| self.is_open(*half)) {
            self.set(half, State::Done);
        }
    }

    /// Offsets of op messages that were appended by nobody who told.
    pub(crate) fn unknown_ops(&self) -> Vec<i64> {
        let unknown = (self.op_base..).zip(&self.ops).filter(|(_, half)| half.is_none());
        unknown.map(|(op, _)| op).collect()
    }

    /// Moves the two offsets as far as they can go.
    pub(crate) fn trim(&mut self) {
        while self.states.front() == Some(&State::Done) {
            self.states.pop_front();
            self.base += 1;
        }
        while self.ops.front().is_some_and(|half| half.is_some_and(|half| half < self.base)) {
            self.ops.pop_front();
            self.op_base += 1;
        }
    }

    /// The open half message that a transaction stored anew lives on in.
    fn live(&self, fingerprint: u64) -> Option<i64> {
        let halves = self.renewed.get(&fingerprint)?;
        halves.iter().copied().find(|half| self.is_open(*half))
    }

    fn forget_renewed(&mut self, fingerprint: u64, half: i64) {
        if let Some(halves) = self.renewed.get_mut(&fingerprint) {
            halves.retain(|each| *each != half);
            if halves.is_empty() {
                self.renewed.remove(&fingerprint);
            }
        }
    }

    fn state(&self, half: i64) -> State {
        let index = usize::try_from(half - self.base).ok();
        index.and_then(|index| self.states.get(index)).copied().unwrap_or(State::Open)
    }

    /// `half` is not before `base`.
    fn set(&mut self, half: i64, state: State) {
        let Ok(index) = usize::try_from(half - self.base) else { return };
        if index >= self.states.len() {
            self.states.resize(index + 1, State::Open);
        }
        if let Some(place) = self.states.get_mut(index) {
            *place = state;
        }
    }

    fn note_op(&mut self, op: i64, half: i64) {
        let Ok(index) = usize::try_from(op - self.op_base) else { return };
        if index >= self.ops.len() {
            self.ops.resize(index + 1, None);
        }
        if let Some(place) = self.ops.get_mut(index) {
            *place = Some(half);
        }
    }
}

/// Builds the ledger of a queue from what its files say. Half messages are to be told in order,
/// after all op messages.
#[derive(Debug)]
pub(crate) struct Loader {
    ledger: Ledger,
    /// The half messages that op messages name.
    named: HashSet<i64>,
    /// The newest open half message of each fingerprint.
    newest: HashMap<u64, i64>,
}

/// What a half message says about how often it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Origin {
    /// What stays the same when it is stored anew.
    pub(crate) fingerprint: u64,
    /// It was stored anew.
    pub(crate) renewed: bool,
    /// Where it was stored first, where that is told.
    pub(crate) first: Option<i64>,
}

impl Loader {
    /// Starts behind these offsets.
    pub(crate) fn new(base: i64, op_base: i64) -> Self {
        Self { ledger: Ledger::new(base, op_base), named: HashSet::new(), newest: HashMap::new() }
    }

    /// See [`Ledger::found_op`].
    pub(crate) fn found_op(&mut self, op: i64, half: Option<i64>) {
        self.named.extend(half);
        self.ledger.found_op(op, half);
    }

    /// The first half message that no op message names: [`found_half`](Self::found_half) wants to
    /// know about it and all behind it.
    pub(crate) fn first_open(&self) -> i64 {
        let settled = self.ledger.states.iter().take_while(|state| **state == State::Done);
        // As many as there are offsets.
        self.ledger.base.saturating_add(i64::try_from(settled.count()).unwrap_or(i64::MAX))
    }

    /// A half message, settled or not.
    pub(crate) fn found_half(&mut self, half: i64, origin: Origin) {
        let Origin { fingerprint, renewed, first } = origin;
        let open = self.ledger.is_open(half);
        if open && first.is_some_and(|first| self.named.contains(&first)) {
            // Settled under its first offset, which 4.4.0 looks for as well.
            self.ledger.set(half, State::Done);
            return;
        }
        let before = match (open, renewed) {
            (true, _) => self.newest.insert(fingerprint, half),
            (false, true) => self.newest.remove(&fingerprint),
            (false, false) => None,
        };
        if let Some(old) = before.filter(|_| renewed) {
            // The offset of the group was written before the older one was left behind.
            self.ledger.forget_renewed(fingerprint, old);
            self.ledger.set(old, State::Done);
        }
        if open && renewed {
            self.ledger.renewed.entry(fingerprint).or_default().push(half);
        }
    }

    /// Whether nobody has settled this half message, as far as is known by now.
    pub(crate) fn is_open(&self, half: i64) -> bool {
        self.ledger.is_open(half)
    }

    /// The message of an open half message was found where it is for.
    pub(crate) fn found_delivered(&mut self, half: i64) {
        self.ledger.set(half, State::Done);
    }

    /// The ledger.
    pub(crate) fn finish(mut self) -> Ledger {
        self.ledger.trim();
        self.ledger
    }
}

/// A bounded set that forgets the oldest.
#[derive(Debug, Default)]
struct GivenUp {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl GivenUp {
    fn remember(&mut self, fingerprint: u64) {
        if !self.known.insert(fingerprint) {
            return;
        }
        self.order.push_back(fingerprint);
        if self.order.len() > GIVEN_UP_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn forget(&mut self, fingerprint: u64) -> bool {
        let known = self.known.remove(&fingerprint);
        if known {
            self.order.retain(|each| *each != fingerprint);
        }
        known
    }
}

#[cfg(test)]
mod tests;
