//! The body a broker registers with, in both forms.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use super::{DataVersion, TopicConfig, TopicConfigSerializeWrapper};
use crate::frame::MAX_FRAME;
use crate::json;

/// An inflated body may be as long as a plain one, no longer.
const INFLATED_BYTES_MAX: usize = MAX_FRAME;

/// Request 103: a broker's topics and filter servers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterBrokerBody {
    /// Addresses of its filter servers.
    pub filter_server_list: Vec<String>,
    /// Its topics.
    pub topic_config_serialize_wrapper: TopicConfigSerializeWrapper,
}

/// Why a compressed registration cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RegisterBodyError {
    /// Not a deflate stream, or one that ends too early.
    #[error("inflate registration: {0}")]
    Inflate(#[from] io::Error),
    /// A length inside is negative or leads beyond what is allowed.
    #[error("registration holds a length of {0}")]
    Length(i64),
    /// The line of a topic is malformed.
    #[error("registration holds a malformed topic: {0:?}")]
    Topic(String),
    /// The version or the list of filter servers is malformed.
    #[error("registration: {0}")]
    Json(#[from] json::Error),
}

impl RegisterBrokerBody {
    /// The compressed form, a zlib stream of
    ///
    /// ```text
    /// length i32 | DataVersion JSON
    /// topic count i32
    /// per topic: length i32 | name readQueueNums writeQueueNums perm topicFilterType
    /// length i32 | filter server list JSON
    /// ```
    #[must_use]
    pub fn to_compressed(&self) -> Vec<u8> {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        // Writing into memory cannot fail; were it to, the stream would be cut and refused.
        let _ = self.write_plain(&mut out);
        out.finish().unwrap_or_default()
    }

    fn write_plain(&self, out: &mut impl Write) -> io::Result<()> {
        let TopicConfigSerializeWrapper { data_version, topic_config_table } =
            &self.topic_config_serialize_wrapper;
        write_chunk(out, &json::to_vec(data_version))?;
        out.write_all(&java_int(topic_config_table.len()))?;
        for config in topic_config_table.values() {
            write_chunk(out, config.to_line().as_bytes())?;
        }
        write_chunk(out, &json::to_vec(&self.filter_server_list))
    }

    /// Reads the compressed form.
    ///
    /// # Errors
    /// When the stream or anything in it is malformed, or it inflates beyond 16 MiB.
    pub fn from_compressed(body: &[u8]) -> Result<Self, RegisterBodyError> {
        let mut stream = Inflated { stream: ZlibDecoder::new(body), left: INFLATED_BYTES_MAX };
        let mut text = Vec::new();
        stream.chunk(&mut text)?;
        let data_version: DataVersion = json::from_slice(&text)?;
        let mut wrapper = TopicConfigSerializeWrapper { data_version, ..Default::default() };
        for _ in 0..stream.length()? {
            stream.chunk(&mut text)?;
            let line = String::from_utf8_lossy(&text);
            let config = TopicConfig::from_line(&line)
                .ok_or_else(|| RegisterBodyError::Topic(line.chars().take(300).collect()))?;
            wrapper.topic_config_table.insert(config.topic_name.clone(), config);
        }
        stream.chunk(&mut text)?;
        Ok(Self {
            filter_server_list: json::from_slice(&text)?,
            topic_config_serialize_wrapper: wrapper,
        })
    }

    /// The `bodyCrc32` of a body as it is sent, compressed or plain.
    #[must_use]
    pub fn crc32(body: &[u8]) -> i32 {
        (crc32fast::hash(body) & 0x7FFF_FFFF) as i32
    }
}

/// Lengths of what fits into a frame are Java ints.
fn java_int(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

fn write_chunk(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&java_int(bytes.len()))?;
    out.write_all(bytes)
}

/// A stream that inflates so far and no further.
struct Inflated<'a> {
    stream: ZlibDecoder<&'a [u8]>,
    left: usize,
}

impl Inflated<'_> {
    fn length(&mut self) -> Result<usize, RegisterBodyError> {
        let mut bytes = [0; 4];
        self.stream.read_exact(&mut bytes)?;
        let length = i32::from_be_bytes(bytes);
        usize::try_from(length).map_err(|_| RegisterBodyError::Length(length.into()))
    }

    /// Replaces `into` by the next chunk.
    fn chunk(&mut self, into: &mut Vec<u8>) -> Result<(), RegisterBodyError> {
        let length = self.length()?;
        self.left =
            self.left.checked_sub(length + 4).ok_or(RegisterBodyError::Length(length as i64))?;
        into.clear();
        // `take` and `read_to_end` grow as the bytes come, whatever length was promised.
        (&mut self.stream).take(length as u64).read_to_end(into)?;
        if into.len() < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(())
    }
}
