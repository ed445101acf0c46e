//! Signatures: HMAC-SHA1 over the values of all fields in the order of their names, then the
//! body, as Base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::{Command, Ext};
use sha1::Sha1;
use smallvec::SmallVec;

use crate::rules::LoadError;
use crate::yaml::{self, Value};

/// Field with the name of the account.
pub const ACCESS_KEY: &str = "AccessKey";
/// Field with the signature, the only one that is not signed.
pub const SIGNATURE: &str = "Signature";
/// Optional field that is signed along and not looked at.
pub const SECURITY_TOKEN: &str = "SecurityToken";

/// A secret, ready to sign with.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha1>);

impl Key {
    pub(crate) fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"))
    }

    fn feed(&self, ext: &Ext, body: &[u8]) -> Hmac<Sha1> {
        let mut fields: SmallVec<[(&str, &str); 24]> =
            ext.iter().filter(|(name, _)| *name != SIGNATURE).collect();
        fields.sort_by(|a, b| java_order(a.0, b.0));
        let mut mac = self.0.clone();
        for (i, (name, value)) in fields.iter().enumerate() {
            // Of equal names the last one counts.
            if fields.get(i + 1).is_none_or(|next| next.0 != *name) {
                mac.update(value.as_bytes());
            }
        }
        mac.update(body);
        mac
    }

    /// The signature of a request.
    pub(crate) fn sign(&self, ext: &Ext, body: &[u8]) -> String {
        STANDARD.encode(self.feed(ext, body).finalize().into_bytes())
    }

    /// Whether a request carries its signature; takes the same time wherever a wrong one differs.
    pub(crate) fn verify(&self, ext: &Ext, body: &[u8]) -> bool {
        let Some(signature) = ext.get(SIGNATURE) else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        self.feed(ext, body).verify_slice(&signature).is_ok()
    }
}

/// `String.compareTo`: by UTF-16 units.
fn java_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() || b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// An account on the side of a client.
#[derive(Clone)]
pub struct Credentials {
    access_key: String,
    key: Key,
    security_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The account `access_key` with its secret.
    #[must_use]
    pub fn new(access_key: impl Into<String>, secret_key: &str) -> Self {
        Self { access_key: access_key.into(), key: Key::new(secret_key), security_token: None }
    }

    /// The same with a token that is sent and signed along.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(token.into());
        self
    }

    /// The name of the account.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Signs a request. Fields that are added afterwards make the signature wrong.
    pub fn sign(&self, request: &mut Command) {
        request.ext.set(ACCESS_KEY, &self.access_key);
        if let Some(token) = &self.security_token {
            request.ext.set(SECURITY_TOKEN, token);
        }
        let signature = self.key.sign(&request.ext, &request.body);
        request.ext.set(SIGNATURE, &signature);
    }
}

/// What `conf/tools.yml` says.
#[derive(Debug)]
pub enum ToolsFile {
    /// An account to sign with.
    Account(Credentials),
    /// Nothing: requests are not signed.
    Empty,
    /// A key is missing or blank: requests are not signed.
    Blank,
}

impl ToolsFile {
    /// Reads the file.
    pub fn parse(content: &[u8]) -> Result<Self, LoadError> {
        let document = yaml::parse(content).map_err(|error| LoadError::Yaml(error.to_string()))?;
        let members = match document {
            Value::Map(members) => members,
            Value::Null => return Ok(Self::Empty),
            _ => return Err(LoadError::Shape { member: "the file", expected: "a map" }),
        };
        if members.is_empty() {
            return Ok(Self::Empty);
        }
        let text = |wanted: &str| {
            members.iter().find_map(|(name, value)| match (name, value) {
                (Value::Text(name), Value::Text(text) | Value::Number(text)) if name == wanted => {
                    Some(text.as_str())
                }
                _ => None,
            })
        };
        Ok(match (text("accessKey"), text("secretKey")) {
            (Some(access_key), Some(secret_key))
                if !access_key.trim().is_empty() && !secret_key.trim().is_empty() =>
            {
                Self::Account(Credentials::new(access_key, secret_key))
            }
            _ => Self::Blank,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ext(fields: &[(&str, &str)]) -> Ext {
        fields.iter().copied().collect()
    }

    #[test]
    fn signature_is_hmac_sha1_in_base64() {
        // RFC 2202, case 2.
        let signature = Key::new("Jefe").sign(&Ext::default(), b"what do ya want for nothing?");
        assert_eq!(signature, "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }

    #[test]
    fn fields_are_sorted_and_the_signature_left_out() {
        let key = Key::new("secret12345");
        let expected = key.sign(&Ext::default(), b"123body");
        assert_eq!(key.sign(&ext(&[("b", "2"), ("a", "1"), ("c", "3")]), b"body"), expected);
        assert_eq!(
            key.sign(&ext(&[("b", "x"), (SIGNATURE, "y"), ("a", "12"), ("b", "3")]), b"body"),
            expected
        );
        // By UTF-16 units a supplementary character sorts before a private one.
        let reordered = ext(&[("\u{e000}", "2"), ("\u{10000}", "1")]);
        assert_eq!(key.sign(&reordered, b"3body"), expected);
    }

    #[test]
    fn what_is_signed_verifies() {
        let credentials = Credentials::new("userone1", "secret12345").with_security_token("t");
        let mut request = Command::request(26).body("body");
        credentials.sign(&mut request);
        let key = Key::new("secret12345");
        assert!(key.verify(&request.ext, &request.body));
        assert!(!key.verify(&request.ext, b"other"));
        assert!(!Key::new("secret12346").verify(&request.ext, &request.body));
        assert_eq!(request.ext.get(ACCESS_KEY), Some("userone1"));
        assert_eq!(request.ext.get(SECURITY_TOKEN), Some("t"));
        let signature = request.ext.get(SIGNATURE).unwrap().to_owned();
        for wrong in ["", "=", "AAAA", signature.trim_end_matches('='), &format!("{signature} ")] {
            request.ext.set(SIGNATURE, wrong);
            assert!(!key.verify(&request.ext, &request.body), "{wrong:?}");
        }
        request.ext.set(SIGNATURE, &signature);
        assert!(key.verify(&request.ext, &request.body));
        request.ext.push("extra", "");
        assert!(key.verify(&request.ext, &request.body), "an empty value adds nothing");
    }

    #[test]
    fn tools_file() {
        let parse = |text: &str| ToolsFile::parse(text.as_bytes());
        let shipped = "# comment\n\n\naccessKey: rocketmq\nsecretKey: 12345678\n    ";
        let Ok(ToolsFile::Account(credentials)) = parse(shipped) else { panic!("no account") };
        let mut request = Command::request(26);
        credentials.sign(&mut request);
        assert!(Key::new("12345678").verify(&request.ext, b""));
        assert_eq!(credentials.access_key(), "rocketmq");
        assert!(!format!("{credentials:?}").contains("12345678"));
        assert!(matches!(parse(""), Ok(ToolsFile::Empty)));
        assert!(matches!(parse("{}"), Ok(ToolsFile::Empty)));
        assert!(matches!(parse("accessKey: a"), Ok(ToolsFile::Blank)));
        assert!(matches!(parse("accessKey: a\nsecretKey: ' '"), Ok(ToolsFile::Blank)));
        assert!(matches!(parse("a: ["), Err(LoadError::Yaml(_))));
        assert!(matches!(parse("abc"), Err(LoadError::Shape { .. })));
    }
}
