//! From settings and PEM files to rustls configurations.

use std::io;
use std::sync::Arc;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::Decode;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::verify::{AnyClient, AnyServer, AnyServerName};
use super::{ClientAuth, TlsFiles, TlsSettings, provider};

fn wrong(what: &str, error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("{what}: {error}"))
}

/// The server side as the files are now.
pub(super) fn server_config(settings: &TlsSettings) -> io::Result<Arc<ServerConfig>> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS versions", error))?;
    let builder = match client_verifier(settings)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let (chain, key) =
        if settings.test_mode { self_signed()? } else { identity(&settings.server)? };
    let config = builder.with_single_cert(chain, key);
    config.map(Arc::new).map_err(|error| wrong("tls.server.certPath", error))
}

fn client_verifier(settings: &TlsSettings) -> io::Result<Option<Arc<dyn ClientCertVerifier>>> {
    let auth = if settings.test_mode { ClientAuth::Optional } else { settings.client_auth };
    let verify = !settings.test_mode && settings.auth_client && !settings.server.trust.is_empty();
    if auth == ClientAuth::None {
        return Ok(None);
    }
    let mandatory = auth == ClientAuth::Require;
    if !verify {
        return Ok(Some(Arc::new(AnyClient { mandatory, provider: provider() })));
    }
    let builder = WebPkiClientVerifier::builder_with_provider(
        Arc::new(trusted(&settings.server.trust)?),
        provider(),
    );
    let builder = if mandatory { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|error| wrong("tls.server.trustCertPath", error))?;
    Ok(Some(verifier))
}

pub(super) fn client_config(settings: &TlsSettings) -> io::Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS versions", error))?
        .dangerous();
    let verify = !settings.test_mode && settings.auth_server && !settings.client.trust.is_empty();
    let builder = if verify {
        let roots = Arc::new(trusted(&settings.client.trust)?);
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| wrong("tls.client.trustCertPath", error))?;
        builder.with_custom_certificate_verifier(Arc::new(AnyServerName {
            inner,
            provider: provider(),
        }))
    } else {
        builder.with_custom_certificate_verifier(Arc::new(AnyServer { provider: provider() }))
    };
    let has_identity = !settings.client.cert.is_empty() && !settings.client.key.is_empty();
    let config = if has_identity && !settings.test_mode {
        let (chain, key) = identity(&settings.client)?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| wrong("tls.client.certPath", error))?
    } else {
        builder.with_no_client_auth()
    };
    Ok(Arc::new(config))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn self_signed() -> io::Result<Identity> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| wrong("self-signed certificate", error))?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

fn identity(files: &TlsFiles) -> io::Result<Identity> {
    let chain = certificates(&files.cert)?;
    let pem = std::fs::read(&files.key).map_err(|error| wrong(&files.key, error))?;
    Ok((chain, private_key(&pem, &files.key_password).map_err(|e| wrong(&files.key, e))?))
}

fn private_key(pem: &[u8], password: &str) -> io::Result<PrivateKeyDer<'static>> {
    if !pem.windows(21).any(|window| window == b"ENCRYPTED PRIVATE KEY") {
        return PrivateKeyDer::from_pem_slice(pem).map_err(|error| wrong("private key", error));
    }
    // rustls reads no encrypted keys: take the PEM apart and decrypt PKCS#8 ourselves.
    let text = std::str::from_utf8(pem).map_err(|error| wrong("private key", error))?;
    let (_, der) = pkcs8::Document::from_pem(text).map_err(|error| wrong("private key", error))?;
    let info = EncryptedPrivateKeyInfoRef::from_der(der.as_bytes())
        .map_err(|error| wrong("private key", error))?;
    let plain = info.decrypt(password).map_err(|error| wrong("key password", error))?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}

fn certificates(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = std::fs::read(path).map_err(|error| wrong(path, error))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| wrong(path, error))?;
    if all.is_empty() {
        let kind = SectionKind::Certificate;
        return Err(io::Error::other(format!("{path}: no PEM section {kind:?}")));
    }
    Ok(all)
}

fn trusted(path: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| wrong(path, error))?;
    }
    Ok(roots)
}
