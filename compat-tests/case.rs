//! Conversations as data.

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::fixture::Fixture;
use crate::normal::BodyKind;
use crate::wire::Frame;

mod replay;

pub use replay::replay;

/// A named conversation.
pub struct Case {
    /// Unique name, `[a-z0-9_]`.
    pub name: &'static str,
    /// Which clusters it talks to.
    pub fixture: Fixture,
    /// What is said.
    pub steps: Vec<Step>,
    /// Replayed with JSON headers only.
    pub json_only: bool,
    /// Ours does not do this yet, see the issue named.
    pub later: Option<&'static str>,
}

impl Case {
    /// A conversation with the shared clusters.
    pub fn new(name: &'static str, steps: impl Into<Vec<Step>>) -> Self {
        Case { name, fixture: Fixture::Shared, steps: steps.into(), json_only: false, later: None }
    }

    /// Talks to other clusters than the shared ones.
    #[must_use]
    pub fn on(mut self, fixture: Fixture) -> Self {
        self.fixture = fixture;
        self
    }

    /// Not worth a second run with binary headers.
    #[must_use]
    pub fn json_only(mut self) -> Self {
        self.json_only = true;
        self
    }

    /// Ours is not expected to do this before the issue named is done; the case must fail on
    /// ours until then.
    #[must_use]
    pub fn later(mut self, issue: &'static str) -> Self {
        self.later = Some(issue);
        self
    }

    /// What ours does on purpose otherwise than the reference.
    pub fn differences(&self) -> Vec<&'static str> {
        let mut reasons: Vec<_> =
            self.steps.iter().filter_map(|step| step.ours.map(|(_, why)| why)).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons
    }

    /// The request codes it sends, each with the server and the code of the answer expected.
    pub fn answers(&self) -> Vec<(Target, i32, i32)> {
        let mut answers = Vec::new();
        for step in &self.steps {
            let observed = match step.action {
                Action::Call => Some(step),
                // A request that is held is observed when it ends.
                Action::Start(name) => self
                    .steps
                    .iter()
                    .find(|later| matches!(later.action, Action::Finish(label) if label == name)),
                _ => None,
            };
            if let Some(Expect::Code(answer)) = observed.map(|step| step.expect) {
                answers.push((step.target, step.frame.code, answer));
            }
        }
        answers
    }
}

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The broker's port.
    Broker,
    /// The broker's port minus two.
    Fast,
    /// The name server.
    NameServer,
}

/// What must come back from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An answer with this code.
    Code(i32),
    /// No answer.
    Silence,
    /// The connection is closed.
    Closed,
}

/// What a step does.
#[derive(Debug, Clone)]
enum Action {
    /// Sends a request and observes the answer.
    Call,
    /// Sends a request; its answer is observed by a later step.
    Start(&'static str),
    /// Observes the answer to a started request.
    Finish(&'static str),
    /// Sends raw bytes and observes an answer to number 1, or the end of the connection.
    Raw(Vec<u8>),
    /// Waits for a request that the server makes on this connection.
    Receive(i32),
    /// Answers the request received last on this connection, with this code and body.
    Answer(i32, String),
    /// Nothing comes on this connection for a while.
    Quiet,
    /// Closes the connection.
    Close,
}

/// One step of a conversation.
#[derive(Debug, Clone)]
pub struct Step {
    action: Action,
    target: Target,
    connection: &'static str,
    frame: Frame,
    body: BodyKind,
    expect: Expect,
    until: Option<(&'static str, &'static str)>,
    eventually: bool,
    ours: Option<(Expect, &'static str)>,
    masks: Vec<(&'static str, &'static str)>,
    free: Vec<(&'static str, &'static str)>,
    saves: Vec<(&'static str, &'static str)>,
}

impl Step {
    fn new(action: Action, target: Target, code: i32) -> Self {
        let records = matches!(code, 11 | 12 | 33);
        Step {
            action,
            target,
            connection: "main",
            frame: Frame::request(code),
            body: if records { BodyKind::Records } else { BodyKind::Text },
            expect: Expect::Code(0),
            until: None,
            eventually: false,
            ours: None,
            masks: Vec::new(),
            free: Vec::new(),
            saves: Vec::new(),
        }
    }

    /// A request and its answer.
    pub fn call(target: Target, code: i32) -> Self {
        Self::new(Action::Call, target, code)
    }

    /// Raw bytes instead of a request.
    pub fn raw(target: Target, bytes: Vec<u8>) -> Self {
        let mut step = Self::new(Action::Raw(bytes), target, 0).expect(Expect::Closed);
        step.connection = "raw";
        step
    }

    /// The answer to a request that was started under this name.
    pub fn finish(label: &'static str) -> Self {
        Self::new(Action::Finish(label), Target::Broker, 0)
    }

    /// A request that the broker makes on a connection.
    pub fn receive(connection: &'static str, code: i32) -> Self {
        Self::new(Action::Receive(code), Target::Broker, code).on(connection).code_is(code)
    }

    /// Answers the request that was received last on a connection.
    pub fn answer(connection: &'static str, code: i32, body: &str) -> Self {
        Self::new(Action::Answer(code, body.to_owned()), Target::Broker, code).on(connection)
    }

    /// Nothing comes on the broker connection of this name for a while, as when a request is
    /// held.
    pub fn quiet(connection: &'static str) -> Self {
        Self::new(Action::Quiet, Target::Broker, 0).on(connection).silent()
    }

    /// Closes a connection.
    pub fn close(target: Target, connection: &'static str) -> Self {
        Self::new(Action::Close, target, 0).on(connection)
    }

    /// Does not wait for the answer; [`Step::finish`] does.
    #[must_use]
    pub fn started(mut self, label: &'static str) -> Self {
        self.action = Action::Start(label);
        self
    }

    /// Adds header fields; `$(name)` in values is replaced by what was saved under the name.
    #[must_use]
    pub fn ext<V: ToString>(mut self, fields: &[(&str, V)]) -> Self {
        let ext = self.frame.ext.get_or_insert_default();
        for (name, value) in fields {
            ext.retain(|(n, _)| n != name);
            ext.push(((*name).to_owned(), value.to_string()));
        }
        self
    }

    /// Leaves a header field out.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.frame.ext.get_or_insert_default().retain(|(n, _)| n != field);
        self
    }

    /// Sets the body; `$(name)` is replaced in texts.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.frame.body = body.into();
        self
    }

    /// Changes the frame in any other way.
    #[must_use]
    pub fn frame(mut self, change: impl FnOnce(&mut Frame)) -> Self {
        change(&mut self.frame);
        self
    }

    /// Sends one way.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.frame.flag = 2;
        self.expect = Expect::Silence;
        self
    }

    /// Uses the connection of this name.
    #[must_use]
    pub fn on(mut self, connection: &'static str) -> Self {
        self.connection = connection;
        self
    }

    /// What must come back from the reference.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The answer's code.
    #[must_use]
    pub fn code_is(self, code: i32) -> Self {
        self.expect(Expect::Code(code))
    }

    /// No answer comes.
    #[must_use]
    pub fn silent(self) -> Self {
        self.expect(Expect::Silence)
    }

    /// Repeats the request until the expected code comes, for things done in the background.
    #[must_use]
    pub fn eventually(mut self) -> Self {
        self.eventually = true;
        self
    }

    /// Repeats the request until a line of the answer has this value.
    #[must_use]
    pub fn until(mut self, path: &'static str, value: &'static str) -> Self {
        self.until = Some((path, value));
        self.eventually = true;
        self
    }

    /// A difference made on purpose: what ours answers instead, and why. Only the kind of
    /// answer is checked then.
    #[must_use]
    pub fn ours(mut self, expect: Expect, why: &'static str) -> Self {
        self.ours = Some((expect, why));
        self
    }

    /// Compares only the presence of lines whose path begins so.
    #[must_use]
    pub fn mask(mut self, path: &'static str, why: &'static str) -> Self {
        self.masks.push((path, why));
        self
    }

    /// Does not compare lines whose path begins so, not even their presence.
    #[must_use]
    pub fn free(mut self, path: &'static str, why: &'static str) -> Self {
        self.free.push((path, why));
        self
    }

    /// Saves a header field of the answer for later steps. A message id is saved a second time
    /// as `<name>.offset`, its commit log position.
    #[must_use]
    pub fn save(mut self, name: &'static str, field: &'static str) -> Self {
        self.saves.push((name, field));
        self
    }

    /// The body of the answer is message records.
    #[must_use]
    pub fn records(mut self) -> Self {
        self.body = BodyKind::Records;
        self
    }

    /// The header fields of the request, for another one.
    pub fn into_ext(self) -> Option<Vec<(String, String)>> {
        self.frame.ext
    }

    /// The body of the request, for another one.
    pub fn into_body(self) -> Vec<u8> {
        self.frame.body
    }

    /// What a cluster should do: with ours on the other end the difference made on purpose.
    fn expected(&self, cluster: &Cluster) -> Expect {
        let product = match self.target {
            Target::NameServer => cluster.name_server_backend,
            Target::Broker | Target::Fast => cluster.backend,
        };
        match self.ours {
            Some((expect, _)) if product == Backend::Ours => expect,
            _ => self.expect,
        }
    }

    fn label(&self) -> String {
        let what = match &self.action {
            Action::Call => format!("call {}", self.frame.code),
            Action::Start(label) => format!("start {} ({label})", self.frame.code),
            Action::Finish(label) => format!("finish {label}"),
            Action::Raw(bytes) => format!("raw {} bytes", bytes.len()),
            Action::Receive(code) => format!("receive {code}"),
            Action::Answer(code, _) => format!("answer {code}"),
            Action::Quiet => "quiet".to_owned(),
            Action::Close => "close".to_owned(),
        };
        format!("{what} on {:?}/{}", self.target, self.connection)
    }
}
