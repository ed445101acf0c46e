//! TLS as 4.4.0's `tls.*` properties describe it (Java: `TlsSystemConfig`, `TlsHelper`), by
//! rustls.
//!
//! Two differences in the making, none on the wire: the self-signed certificate of the test mode
//! is made at the first encrypted connection, and changed files are looked at when a handshake
//! comes, at most every 500 ms, instead of by a thread.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

mod files;
mod reload;
mod verify;

/// The file with TLS settings when `tls.config.file` names no other.
pub const CONFIG_FILE: &str = "/etc/rocketmq/tls.properties";

/// `tls.server.mode`: what a server does with plain and with encrypted connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsMode {
    /// Encrypted connections are closed.
    #[default]
    Disabled,
    /// Both are served, told apart by their first byte.
    Permissive,
    /// Plain connections are closed.
    Enforcing,
}

impl TlsMode {
    /// The mode of a configured name; what 4.4.0 does not know is permissive, its default.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "disabled" => Self::Disabled,
            "enforcing" => Self::Enforcing,
            _ => Self::Permissive,
        }
    }
}

/// `tls.server.need.client.auth`: whether a server asks for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Does not ask.
    None,
    /// Asks and goes on without.
    Optional,
    /// Asks and refuses without.
    Require,
}

/// Certificate, key and trust of one side; empty paths are not set.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// PEM private key (`keyPath`).
    pub key: String,
    /// Password of an encrypted PKCS#8 key (`keyPassword`).
    pub key_password: String,
    /// PEM certificate chain (`certPath`).
    pub cert: String,
    /// PEM certificates to trust (`trustCertPath`).
    pub trust: String,
}

/// All `tls.*` settings.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// `tls.server.mode`.
    pub mode: TlsMode,
    /// `tls.enable`: clients encrypt.
    pub enable: bool,
    /// `tls.test.mode.enable`: self-signed certificate, everybody is trusted.
    pub test_mode: bool,
    /// `tls.server.need.client.auth`.
    pub client_auth: ClientAuth,
    /// `tls.server.authClient`: verify the certificates of clients.
    pub auth_client: bool,
    /// `tls.client.authServer`: verify the certificate of servers.
    pub auth_server: bool,
    /// `tls.server.*` paths.
    pub server: TlsFiles,
    /// `tls.client.*` paths.
    pub client: TlsFiles,
}

impl TlsSettings {
    /// Reads the settings by name from the system properties, with the settings file over them.
    ///
    /// # Errors
    /// When the settings file exists and cannot be read; a missing one is no error.
    pub fn load(property: impl Fn(&str) -> Option<String>) -> io::Result<Self> {
        let path = property("tls.config.file").unwrap_or_else(|| CONFIG_FILE.to_owned());
        let file = match std::fs::read(Path::new(&path)) {
            Ok(bytes) => config::properties::parse(&bytes)
                .map_err(|error| io::Error::other(format!("{path}: {error}")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => config::Properties::new(),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        };
        Ok(Self::from_lookup(|key| file.get(key).map(str::to_owned).or_else(|| property(key))))
    }

    /// The settings that `lookup` knows, defaults for the rest.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let text = |key: &str| lookup(key).unwrap_or_default();
        let flag = |key: &str, default: bool| {
            lookup(key).map_or(default, |value| value.eq_ignore_ascii_case("true"))
        };
        let files = |side: &str| TlsFiles {
            key: text(&format!("tls.{side}.keyPath")),
            key_password: text(&format!("tls.{side}.keyPassword")),
            cert: text(&format!("tls.{side}.certPath")),
            trust: text(&format!("tls.{side}.trustCertPath")),
        };
        Self {
            mode: TlsMode::from_name(&text("tls.server.mode")),
            enable: flag("tls.enable", false),
            test_mode: flag("tls.test.mode.enable", true),
            client_auth: match text("tls.server.need.client.auth").as_str() {
                "optional" => ClientAuth::Optional,
                "require" => ClientAuth::Require,
                _ => ClientAuth::None,
            },
            auth_client: flag("tls.server.authClient", false),
            auth_server: flag("tls.client.authServer", false),
            server: files("server"),
            client: files("client"),
        }
    }

    /// The server side, with reloading of changed files.
    #[must_use]
    pub fn server(&self) -> ServerTls {
        if self.mode == TlsMode::Disabled {
            return ServerTls::default();
        }
        let settings = self.clone();
        ServerTls { mode: self.mode, source: Some(reload::server_source(settings)) }
    }

    /// The client side.
    ///
    /// # Errors
    /// When a certificate or key cannot be read.
    pub fn client(&self) -> io::Result<Arc<rustls::ClientConfig>> {
        files::client_config(self)
    }
}

/// Gives the current certificate and key, reloaded behind it when their files change.
pub type ServerConfigSource = dyn Fn() -> io::Result<Arc<rustls::ServerConfig>> + Send + Sync;

/// The server side of TLS.
#[derive(Clone, Default)]
pub struct ServerTls {
    /// Which connections are served.
    pub mode: TlsMode,
    /// Where the certificate comes from.
    pub source: Option<Arc<ServerConfigSource>>,
}

impl ServerTls {
    /// The configuration for the next handshake.
    ///
    /// # Errors
    /// When there is no certificate to show.
    pub fn server_config(&self) -> io::Result<Arc<rustls::ServerConfig>> {
        match &self.source {
            Some(source) => source(),
            None => Err(io::Error::other("no TLS certificate is configured")),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
