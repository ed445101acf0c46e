//! TLS as 4.4.0's `tls.*` properties describe it, by rustls.

use std::io;
use std::sync::Arc;

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
