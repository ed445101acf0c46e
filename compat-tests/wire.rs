//! Frames of the remoting protocol, read and written by code of this crate alone.
//!
//! ```text
//! | length 4 | encoding 1 + header length 3 | header | body |
//! ```

use anyhow::{Context, Result, bail};

use crate::json::{Json, quote};

/// How a header is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Text.
    Json,
    /// Fixed fields and a string map.
    Rocketmq,
}

/// The largest frame, its length word included.
pub const MAX_FRAME: usize = 16_777_216;

/// One request or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Encoding of the header.
    pub encoding: Encoding,
    /// Request code or response code.
    pub code: i32,
    /// Name of the sender's language.
    pub language: String,
    /// Version number of the sender.
    pub version: i32,
    /// Matches an answer with its request.
    pub opaque: i32,
    /// Bit 0: answer. Bit 1: no answer wanted.
    pub flag: i32,
    /// Error text.
    pub remark: Option<String>,
    /// Header fields; `None` when the header has no such member.
    pub ext: Option<Vec<(String, String)>>,
    /// What follows the header.
    pub body: Vec<u8>,
}

const LANGUAGES: [&str; 12] = [
    "JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP",
    "OMS",
];

impl Frame {
    /// A request as a Java client of 4.4.0 would send it.
    pub fn request(code: i32) -> Self {
        Frame {
            encoding: Encoding::Json,
            code,
            language: "JAVA".to_owned(),
            version: 293,
            opaque: 0,
            flag: 0,
            remark: None,
            ext: None,
            body: Vec::new(),
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.ext.get_or_insert_default().push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Whether this answers a request.
    pub fn is_answer(&self) -> bool {
        self.flag & 1 == 1
    }

    /// A header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.ext.iter().flatten().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A header field that must be there and be a number.
    pub fn number(&self, name: &str) -> Result<i64> {
        let value = self.field(name).with_context(|| format!("no field {name} in {self:?}"))?;
        value.parse().with_context(|| format!("field {name} is {value:?}"))
    }

    /// The whole frame in bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, header) = match self.encoding {
            Encoding::Json => (0u32, self.json_header().into_bytes()),
            Encoding::Rocketmq => (1u32, self.binary_header()),
        };
        frame_bytes(kind, &header, &self.body)
    }

    fn json_header(&self) -> String {
        let mut out = format!("{{\"code\":{}", self.code);
        if let Some(ext) = &self.ext {
            let items: Vec<_> =
                ext.iter().map(|(k, v)| format!("{}:{}", quote(k), quote(v))).collect();
            out += &format!(",\"extFields\":{{{}}}", items.join(","));
        }
        out += &format!(",\"flag\":{},\"language\":{}", self.flag, quote(&self.language));
        out += &format!(",\"opaque\":{}", self.opaque);
        if let Some(remark) = &self.remark {
            out += &format!(",\"remark\":{}", quote(remark));
        }
        out += &format!(",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":{}}}", self.version);
        out
    }

    fn binary_header(&self) -> Vec<u8> {
        let language = LANGUAGES.iter().position(|l| *l == self.language).unwrap_or(7);
        let mut out = Vec::new();
        out.extend((self.code as i16).to_be_bytes());
        out.push(language as u8);
        out.extend((self.version as i16).to_be_bytes());
        out.extend(self.opaque.to_be_bytes());
        out.extend(self.flag.to_be_bytes());
        let remark = self.remark.as_deref().unwrap_or_default();
        out.extend((remark.len() as i32).to_be_bytes());
        out.extend(remark.as_bytes());
        let mut ext = Vec::new();
        for (key, value) in self.ext.iter().flatten() {
            ext.extend((key.len() as i16).to_be_bytes());
            ext.extend(key.as_bytes());
            ext.extend((value.len() as i32).to_be_bytes());
            ext.extend(value.as_bytes());
        }
        out.extend((ext.len() as i32).to_be_bytes());
        out.extend(ext);
        out
    }

    /// Reads the part of a frame that follows its length word.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut parts = Parts { bytes, at: 0 };
        let word = parts.u32()?;
        let header = parts.slice((word & 0xFF_FFFF) as usize)?;
        let mut frame = match word >> 24 {
            0 => Self::from_json(header)?,
            1 => Self::from_binary(header)?,
            other => bail!("unknown header encoding {other}"),
        };
        frame.body = bytes[parts.at..].to_vec();
        Ok(frame)
    }

    fn from_json(header: &[u8]) -> Result<Self> {
        let json = Json::parse(std::str::from_utf8(header)?).context("header")?;
        let int = |name: &str| json.get(name).and_then(Json::int).map(|n| n as i32);
        let ext = match json.get("extFields") {
            Some(Json::Object(members)) => {
                let pair = |(k, v): &(Json, Json)| {
                    let value = v.text().map_or_else(|| v.to_string(), str::to_owned);
                    Some((k.text()?.to_owned(), value))
                };
                Some(members.iter().filter_map(pair).collect())
            }
            None => None,
            Some(other) => bail!("extFields is {other}"),
        };
        Ok(Frame {
            encoding: Encoding::Json,
            code: int("code").context("no code")?,
            language: json.get("language").and_then(Json::text).unwrap_or("-").to_owned(),
            version: int("version").context("no version")?,
            opaque: int("opaque").context("no opaque")?,
            flag: int("flag").context("no flag")?,
            remark: json.get("remark").and_then(Json::text).map(str::to_owned),
            ext,
            body: Vec::new(),
        })
    }

    fn from_binary(header: &[u8]) -> Result<Self> {
        let mut parts = Parts { bytes: header, at: 0 };
        let code = i32::from(parts.i16()?);
        let language = parts.slice(1)?[0];
        let version = i32::from(parts.i16()?);
        let opaque = parts.u32()? as i32;
        let flag = parts.u32()? as i32;
        let length = parts.u32()? as usize;
        let remark = parts.text(length)?;
        let length = parts.u32()? as usize;
        let mut items = Parts { bytes: parts.slice(length)?, at: 0 };
        let mut ext = Vec::new();
        while items.at < items.bytes.len() {
            let length = items.i16()? as usize;
            let key = items.text(length)?;
            let length = items.u32()? as usize;
            ext.push((key, items.text(length)?));
        }
        if parts.at != header.len() {
            bail!("{} bytes after the binary header", header.len() - parts.at);
        }
        Ok(Frame {
            encoding: Encoding::Rocketmq,
            code,
            language: LANGUAGES.get(usize::from(language)).unwrap_or(&"-").to_string(),
            version,
            opaque,
            flag,
            remark: (!remark.is_empty()).then_some(remark),
            ext: (!ext.is_empty()).then_some(ext),
            body: Vec::new(),
        })
    }
}

/// A frame from its parts, right or wrong.
pub fn frame_bytes(kind: u32, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + header.len() + body.len());
    out.extend(((4 + header.len() + body.len()) as u32).to_be_bytes());
    out.extend((kind << 24 | header.len() as u32).to_be_bytes());
    out.extend(header);
    out.extend(body);
    out
}

/// Takes big-endian values off the front of a slice.
pub(crate) struct Parts<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Parts<'a> {
    pub(crate) fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).context("length overflow")?;
        let slice = self
            .bytes
            .get(self.at..end)
            .with_context(|| format!("{length} bytes wanted at {}", self.at))?;
        self.at = end;
        Ok(slice)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.slice(4)?.try_into()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.slice(8)?.try_into()?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.slice(2)?.try_into()?))
    }

    pub(crate) fn text(&mut self, length: usize) -> Result<String> {
        Ok(String::from_utf8(self.slice(length)?.to_vec())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_round_trip() {
        for encoding in [Encoding::Json, Encoding::Rocketmq] {
            let mut frame = Frame::request(310)
                .with("b", "t")
                .with("i", "KEYS\u{1}a b\u{2}")
                .body(b"hello".as_slice());
            frame.encoding = encoding;
            frame.opaque = 77;
            frame.remark = Some("r\"\n".to_owned());
            let bytes = frame.encode();
            assert_eq!(Frame::decode(&bytes[4..]).unwrap(), frame);
        }
    }

    #[test]
    fn short_frames_are_errors() {
        let bytes = Frame::request(11).with("topic", "t").encode();
        for end in 4..bytes.len() {
            assert!(Frame::decode(&bytes[4..end]).is_err());
        }
    }
}
