//! The body of a registration in its three forms. Newer brokers put more into each of them; what
//! 4.4.0 does not know is passed over.

use protocol::bodies::{
    DataVersion, RegisterBodyError, RegisterBrokerBody, TopicConfig, TopicConfigSerializeWrapper,
};
use protocol::json;

use crate::table::Content;

/// Brokers from this version on wrap their topics in a body with filter servers.
pub const V3_0_11: i32 = 37;

/// First byte of a zlib stream, and of no JSON object. Brokers of 5.3 compress the body when
/// told to, but do not say so in the header.
const ZLIB: u8 = 0x78;

/// How the body of a registration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// JSON: topics and filter servers.
    Plain,
    /// A zlib stream of length-prefixed pieces.
    Compressed,
    /// JSON: topics only.
    TopicsOnly,
}

impl Form {
    /// The form that a broker of `version` uses.
    pub fn of(version: i32, compressed: bool) -> Self {
        match (version >= V3_0_11, compressed) {
            (false, _) => Self::TopicsOnly,
            (true, false) => Self::Plain,
            (true, true) => Self::Compressed,
        }
    }

    /// Whether the body is, or claims to be, a zlib stream.
    pub fn may_inflate(self, body: &[u8]) -> bool {
        match self {
            Self::Plain => body.first() == Some(&ZLIB),
            Self::Compressed => true,
            Self::TopicsOnly => false,
        }
    }
}

/// Reads a registration body; an empty one means a broker without topics.
pub fn decode(body: &[u8], form: Form) -> Result<Content, RegisterBodyError> {
    if body.is_empty() {
        return Ok(Content {
            version: DataVersion::default(),
            topics: Some(Vec::new()),
            filter_servers: (form != Form::TopicsOnly).then(Vec::new),
            digest: 0,
        });
    }
    let body = match form {
        _ if form.may_inflate(body) => RegisterBrokerBody::from_compressed(body)?,
        Form::Plain | Form::Compressed => json::from_slice(body)?,
        Form::TopicsOnly => return Ok(content(json::from_slice(body)?, None)),
    };
    Ok(content(body.topic_config_serialize_wrapper, Some(body.filter_server_list)))
}

fn content(topics: TopicConfigSerializeWrapper, filter_servers: Option<Vec<String>>) -> Content {
    let TopicConfigSerializeWrapper { data_version, topic_config_table } = topics;
    let named = |(name, config): (String, TopicConfig)| match config.topic_name.is_empty() {
        true => TopicConfig { topic_name: name, ..config },
        false => config,
    };
    let topics = Some(topic_config_table.into_iter().map(named).collect());
    Content { version: data_version, topics, filter_servers, digest: 0 }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn config(name: &str, nums: i32, perm: i32) -> TopicConfig {
        TopicConfig::new(name, nums, nums, perm)
    }

    /// The compressed form from its pieces.
    fn deflate(pieces: &[Piece<'_>]) -> Vec<u8> {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        for piece in pieces {
            match piece {
                Count(n) => out.write_all(&n.to_be_bytes()).unwrap(),
                Text(text) => {
                    out.write_all(&u32::try_from(text.len()).unwrap().to_be_bytes()).unwrap();
                    out.write_all(text.as_bytes()).unwrap();
                }
            }
        }
        out.finish().unwrap()
    }

    enum Piece<'a> {
        Count(u32),
        Text(&'a str),
    }
    use Piece::{Count, Text};

    const VERSION: &str = r#"{"counter":3,"stateVersion":0,"timestamp":9}"#;

    #[test]
    fn an_empty_body_is_a_broker_without_topics() {
        for form in [Form::Plain, Form::Compressed, Form::TopicsOnly] {
            let content = decode(b"", form).unwrap();
            assert_eq!(content.topics, Some(Vec::new()));
            assert_eq!(content.version, DataVersion::default());
            assert_eq!(content.filter_servers.is_some(), form != Form::TopicsOnly);
        }
    }

    #[test]
    fn the_form_follows_version_and_header() {
        assert_eq!(Form::of(-1, true), Form::TopicsOnly);
        assert_eq!(Form::of(36, true), Form::TopicsOnly);
        assert_eq!(Form::of(37, false), Form::Plain);
        assert_eq!(Form::of(293, true), Form::Compressed);
    }

    #[test]
    fn a_plain_body_of_5_x_is_read_past_what_it_adds() {
        let text = br#"{"filterServerList":["f:1"],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":2},"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":4},"topicConfigTable":{"T":{"attributes":{"message.type":"NORMAL"},"order":false,"perm":6,"readQueueNums":8,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":1,"writeQueueNums":8}},"topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{"S":{"bname":"b","curIdMap":{0:0},"dirty":false,"epoch":1,"scope":"__global__","topic":"S","totalQueues":4}}}}"#;
        let content = decode(text, Form::Plain).unwrap();
        let topic = TopicConfig { topic_sys_flag: 1, ..config("T", 8, 6) };
        assert_eq!(content.topics, Some(vec![topic]));
        assert_eq!(content.filter_servers, Some(vec!["f:1".to_owned()]));
        assert_eq!(content.version, DataVersion { counter: 1, timestamp: 2 });
    }

    #[test]
    fn missing_members_take_the_values_4_4_0_assumes() {
        let text = br#"{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{}}}}"#;
        let content = decode(text, Form::Plain).unwrap();
        assert_eq!(content.topics, Some(vec![config("T", 16, 6)]));
        assert_eq!(content.version, DataVersion::default());
        let text = br#"{"filterServerList":null,"topicConfigSerializeWrapper":null}"#;
        assert_eq!(decode(text, Form::Plain).unwrap().topics, Some(Vec::new()));
    }

    #[test]
    fn the_oldest_form_has_no_filter_servers() {
        let text = br#"{"dataVersion":{"counter":3,"timestamp":9},"topicConfigTable":{"T":{"topicName":"T","perm":4}}}"#;
        let content = decode(text, Form::TopicsOnly).unwrap();
        assert_eq!(content.topics, Some(vec![config("T", 16, 4)]));
        assert_eq!(content.filter_servers, None);
    }

    #[test]
    fn a_compressed_body_of_5_x_is_read_past_what_it_adds() {
        let body = deflate(&[
            Text(VERSION),
            Count(2),
            Text("T 8 8 6 SINGLE_TAG"),
            Text("U 1 1 7 SINGLE_TAG {\"+message.type\": \"FIFO\"}"),
            Text(r#"["f:1"]"#),
            Count(1),
            Text(r#"{"bname":"b"}"#),
        ]);
        let content = decode(&body, Form::Compressed).unwrap();
        assert_eq!(content.topics, Some(vec![config("T", 8, 6), config("U", 1, 7)]));
        assert_eq!(content.filter_servers, Some(vec!["f:1".to_owned()]));
        assert_eq!(content.version, DataVersion { counter: 3, timestamp: 9 });
        let unsaid = decode(&body, Form::Plain).unwrap();
        assert_eq!(unsaid.topics, content.topics);
        for cut in 0..body.len() {
            // The end with the check sum is not needed to read the pieces.
            let _ = decode(&body[..cut], Form::Compressed);
        }
    }

    #[test]
    fn damaged_bodies_are_errors() {
        let compressed: [&[Piece<'_>]; 6] = [
            &[Count(u32::MAX)],
            &[Text(VERSION)],
            &[Text(VERSION), Count(500_000)],
            &[Text(VERSION), Count(1), Text("T 8 8 6"), Text("[]")],
            &[Text(VERSION), Count(1), Text("T 8 x 6 SINGLE_TAG"), Text("[]")],
            &[Text(VERSION), Count(0), Count(9)],
        ];
        for pieces in compressed {
            assert!(decode(&deflate(pieces), Form::Compressed).is_err());
        }
        assert!(decode(b"no zlib", Form::Compressed).is_err());
        assert!(decode(b"{\"topicConfig", Form::Plain).is_err());
        assert!(decode(b"[1]", Form::Plain).is_err());
    }

    #[test]
    fn a_bomb_is_not_inflated() {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
        out.write_all(&(64_u32 << 20).to_be_bytes()).unwrap();
        out.write_all(&vec![b' '; 64 << 20]).unwrap();
        let body = out.finish().unwrap();
        assert!(body.len() < 128 << 10);
        assert!(matches!(decode(&body, Form::Compressed), Err(RegisterBodyError::Length(_))));
    }
}
