//! One command as it travels: request or response (Java: `RemotingCommand`).

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::codes::response;
use crate::ext::{self, Ext};
use crate::pieces::Pieces;
use crate::requests::Request;
use crate::version;

/// `flag` bit 0: this is the answer to a request.
pub const FLAG_RESPONSE: i32 = 1;
/// `flag` bit 1: nobody waits for an answer.
pub const FLAG_ONEWAY: i32 = 1 << 1;

/// Remark of a Java response whose handler set none; relayed client calls carry it.
pub const NOT_SET: &str = "not set any response code";

/// What the peer is written in (Java: `LanguageCode`); any byte is a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Language(pub u8);

impl Language {
    /// Java, and our own servers and tools: clients compare nothing else with it.
    pub const JAVA: Self = Self(0);
    /// The C++ client; some bodies have another shape for it.
    pub const CPP: Self = Self(1);
    /// Anything else, and what an unknown name reads as.
    pub const OTHER: Self = Self(7);
    /// The Go client.
    pub const GO: Self = Self(9);

    const NAMES: [&'static str; 12] = [
        "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO",
        "PHP", "OMS",
    ];

    /// The name in a JSON header; numbers that 4.4.0 does not know are `OTHER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    /// The language of a name; `OTHER` where 4.4.0 does not know it.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let known = (0u8..).zip(Self::NAMES).find(|(_, n)| *n == name);
        known.map_or(Self::OTHER, |(number, _)| Self(number))
    }
}

/// How a header is written; the frame's type byte says it (Java: `SerializeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Type byte 0.
    #[default]
    Json,
    /// Type byte 1, the compact binary form.
    Rocketmq,
}

impl Encoding {
    /// The name in configuration and on stdout.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Rocketmq => "ROCKETMQ",
        }
    }

    /// The encoding of a configured name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "JSON" => Some(Self::Json),
            "ROCKETMQ" => Some(Self::Rocketmq),
            _ => None,
        }
    }
}

/// A request or a response as read from, or about to be written to, a connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Command {
    /// Request code, or response code in an answer.
    pub code: i32,
    /// What the sender is written in.
    pub language: Language,
    /// The sender's version number, see [`version`].
    pub version: i32,
    /// Matches an answer with its request on one connection.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONEWAY`].
    pub flag: i32,
    /// Text for people, mostly an error.
    pub remark: Option<String>,
    /// The header's own fields.
    pub ext: Ext,
    /// Everything behind the header; empty means none.
    pub body: Bytes,
    /// How the header was, or is to be, written.
    pub encoding: Encoding,
}

impl Command {
    /// A request with no fields and no body.
    #[must_use]
    pub fn request(code: i32) -> Self {
        Self { code, version: version::CURRENT, ..Self::default() }
    }

    /// The request of a typed header.
    ///
    /// # Errors
    /// When the header is not a flat struct of scalars and strings.
    pub fn of<R: Request + Serialize>(header: &R) -> Result<Self, ext::Error> {
        let mut command = Self::request(R::CODE);
        ext::to_ext(header, &mut command.ext)?;
        Ok(command)
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same, sent without waiting for an answer.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.flag |= FLAG_ONEWAY;
        self
    }

    /// Whether this answers a request.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// Whether nobody waits for an answer.
    #[must_use]
    pub fn is_oneway(&self) -> bool {
        self.flag & FLAG_ONEWAY != 0
    }

    /// Makes this an empty command again and keeps its buffers.
    pub fn reset(&mut self) {
        // Field by field: the map is too big to be moved out and in again for every frame.
        let Self { code, language, version, opaque, flag, remark, ext, body, encoding } = self;
        (*code, *version, *opaque, *flag) = (0, 0, 0, 0);
        (*language, *encoding) = (Language::default(), Encoding::default());
        *remark = None;
        ext.clear();
        *body = Bytes::new();
    }
}

/// The body of a reply: owned bytes, or slices of the store that are written as they lie.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// One piece.
    One(Bytes),
    /// Several buffers, written one after the other.
    Many(Vec<Bytes>),
    /// Parts of buffers.
    Pieces(Vec<Pieces>),
}

impl Body {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(parts) => parts.iter().map(Bytes::len).sum(),
            Self::Pieces(parts) => parts.iter().map(Pieces::len).sum(),
        }
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::One(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::One(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::One(text.into())
    }
}

impl From<Vec<Bytes>> for Body {
    fn from(parts: Vec<Bytes>) -> Self {
        Self::Many(parts)
    }
}

impl From<Vec<Pieces>> for Body {
    fn from(parts: Vec<Pieces>) -> Self {
        Self::Pieces(parts)
    }
}

/// What a handler answers; the connection adds opaque, flag, language and version.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// A number of [`response`].
    pub code: i32,
    /// Text for people.
    pub remark: Option<Cow<'static, str>>,
    /// The header's own fields.
    pub ext: Ext,
    /// The body.
    pub body: Body,
}

impl Reply {
    /// Success with no fields and no body.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    /// Success with a typed header.
    #[must_use]
    pub fn with<H: Serialize>(header: &H) -> Self {
        let mut reply = Self::default();
        match ext::to_ext(header, &mut reply.ext) {
            Ok(()) => reply,
            Err(error) => Self::error(response::SYSTEM_ERROR, error.to_string()),
        }
    }

    /// An answer of another code.
    #[must_use]
    pub fn error(code: i32, remark: impl Into<Cow<'static, str>>) -> Self {
        Self { code, remark: Some(remark.into()), ..Self::default() }
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with a remark.
    #[must_use]
    pub fn remark(mut self, remark: impl Into<Cow<'static, str>>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// The same with one more field.
    #[must_use]
    pub fn field(mut self, key: &str, value: &str) -> Self {
        self.ext.push(key, value);
        self
    }
}

/// The "no" of a handler, as data: the code and the text that clients see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A number of [`response`].
    pub code: i32,
    /// Equal to Java's text where a client, a tool or a person could match it.
    pub remark: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of any code.
    pub fn new(code: i32, remark: impl Into<Cow<'static, str>>) -> Self {
        Self { code, remark: remark.into() }
    }

    /// Code 1, what Java answers for everything it did not foresee.
    pub fn system_error(remark: impl Into<Cow<'static, str>>) -> Self {
        Self::new(response::SYSTEM_ERROR, remark)
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, remark: Some(refusal.remark), ..Self::default() }
    }
}

impl From<ext::Error> for Refusal {
    fn from(error: ext::Error) -> Self {
        Self::system_error(error.to_string())
    }
}

impl From<Result<Reply, Refusal>> for Reply {
    fn from(result: Result<Reply, Refusal>) -> Self {
        result.unwrap_or_else(Reply::from)
    }
}
