//! TLS: who may connect how, who trusts whom, and changed files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::Command;
use remoting::tls::TlsSettings;
use remoting::{Client, ClientOptions, Limits, Server, ServerOptions, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ECHO, Fixture, PIECES, WAIT, request, start};

fn settings(pairs: &[(&str, &str)]) -> TlsSettings {
    let map: HashMap<&str, &str> = pairs.iter().copied().collect();
    TlsSettings::from_lookup(|key| map.get(key).map(|v| (*v).to_owned()))
}

/// A server with these settings beside the plain one of the fixture, same service.
fn encrypted(fixture: &Fixture, settings: &TlsSettings) -> (Server, String) {
    let options = ServerOptions {
        limits: Limits::default(),
        tls: settings.server(),
        ..ServerOptions::default()
    };
    let service = Arc::clone(&fixture.sample) as Arc<dyn Service>;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options, service).unwrap();
    let addr = server.local_addr().to_string();
    (server, addr)
}

fn client(settings: &TlsSettings) -> Client {
    Client::new(ClientOptions { tls: Some(settings.client().unwrap()), ..Default::default() })
}

async fn echo(client: &Client, addr: &str) -> bool {
    let answer = client.call(addr, Command::request(ECHO).body("over TLS"), WAIT).await;
    answer.is_ok_and(|answer| answer.body == "over TLS")
}

#[tokio::test]
async fn permissive_serves_both() {
    let fixture = start(Limits::default());
    let tls = settings(&[]);
    let (_server, addr) = encrypted(&fixture, &tls);
    assert!(echo(&client(&tls), &addr).await);
    assert!(echo(&Client::new(ClientOptions::default()), &addr).await);
    let large = Command::request(PIECES).body(vec![5; 3_000_000]);
    let answer = client(&tls).call(&addr, large, WAIT).await.unwrap();
    assert!(answer.body.len() == 6_000_000 && answer.body.iter().all(|b| *b == 5));
}

#[tokio::test]
async fn enforcing_closes_plain_and_disabled_closes_encrypted() {
    let fixture = start(Limits::default());
    let tls = settings(&[("tls.server.mode", "enforcing")]);
    let (_server, addr) = encrypted(&fixture, &tls);
    assert!(echo(&client(&tls), &addr).await);
    let mut plain = TcpStream::connect(&addr).await.unwrap();
    plain.write_all(&request(ECHO, 1, "x")).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    assert!(!echo(&client(&tls), &fixture.addr).await, "the fixture has TLS disabled");
}

#[tokio::test]
async fn the_end_of_an_encrypted_connection_is_announced() {
    let idle = Limits { idle: Duration::from_millis(300), ..Limits::default() };
    for (limits, stops) in [(Limits::default(), true), (idle, false)] {
        let fixture = start(Limits::default());
        let tls = settings(&[]);
        let options = ServerOptions { limits, tls: tls.server(), ..ServerOptions::default() };
        let service = Arc::clone(&fixture.sample) as Arc<dyn Service>;
        let server = Server::bind(([127, 0, 0, 1], 0).into(), options, service).unwrap();
        let addr = server.local_addr();
        let stream = TcpStream::connect(addr).await.unwrap();
        let name = rustls::pki_types::ServerName::IpAddress(addr.ip().into());
        let connector = tokio_rustls::TlsConnector::from(tls.client().unwrap());
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(&request(ECHO, 1, "x")).await.unwrap();
        let client = async {
            let mut all = Vec::new();
            // Without the notice rustls takes the end for one that an attacker made.
            let read = tokio::time::timeout(WAIT, stream.read_to_end(&mut all)).await.unwrap();
            assert!(read.expect("the end is announced") > 0);
            drop(stream);
        };
        let end = async {
            while stops && fixture.sample.served.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            if stops {
                server.shutdown().await;
            }
        };
        tokio::join!(client, end);
    }
}

struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn issue(&self, name: &str, key: &rcgen::KeyPair) {
        let params = rcgen::CertificateParams::new(vec!["somewhere.example".to_owned()]).unwrap();
        let cert = params.signed_by(key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{name}.cert.pem")), cert.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key.pem")), key.serialize_pem()).unwrap();
    }
}

#[tokio::test]
async fn both_sides_verify_chains_but_not_names() {
    let (ours, strangers) = (Authority::new(), Authority::new());
    for authority in [&ours, &strangers] {
        authority.issue("server", &rcgen::KeyPair::generate().unwrap());
        authority.issue("client", &rcgen::KeyPair::generate().unwrap());
    }
    let fixture = start(Limits::default());
    let of = |server: &Authority, client: &Authority, trusting: &Authority| {
        settings(&[
            ("tls.test.mode.enable", "false"),
            ("tls.server.mode", "enforcing"),
            ("tls.server.need.client.auth", "require"),
            ("tls.server.authClient", "true"),
            ("tls.server.certPath", &server.path("server.cert.pem")),
            ("tls.server.keyPath", &server.path("server.key.pem")),
            ("tls.server.trustCertPath", &server.path("ca.pem")),
            ("tls.client.authServer", "true"),
            ("tls.client.certPath", &client.path("client.cert.pem")),
            ("tls.client.keyPath", &client.path("client.key.pem")),
            ("tls.client.trustCertPath", &trusting.path("ca.pem")),
        ])
    };
    let good = of(&ours, &ours, &ours);
    let (_server, addr) = encrypted(&fixture, &good);
    assert!(echo(&client(&good), &addr).await);
    assert!(!echo(&client(&of(&ours, &strangers, &ours)), &addr).await, "unknown client");
    assert!(!echo(&client(&of(&ours, &ours, &strangers)), &addr).await, "unknown server");
}

#[tokio::test]
async fn encrypted_keys_are_read_with_their_password() {
    let key = include_str!("encrypted-key.pem");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    fs::write(&path, key).unwrap();
    let authority = Authority::new();
    // The plain form of the same throw-away key signs the certificate's request.
    let plain = rcgen::KeyPair::from_pem(include_str!("plain-key.pem")).unwrap();
    authority.issue("server", &plain);
    let with = |password: &str| {
        settings(&[
            ("tls.test.mode.enable", "false"),
            ("tls.server.certPath", &authority.path("server.cert.pem")),
            ("tls.server.keyPath", path.to_str().unwrap()),
            ("tls.server.keyPassword", password),
        ])
    };
    assert!(with("secret").server().server_config().is_ok());
    assert!(with("wrong").server().server_config().is_err());
}

#[tokio::test]
async fn a_new_certificate_and_key_take_effect_and_half_a_change_does_not() {
    let authority = Authority::new();
    authority.issue("server", &rcgen::KeyPair::generate().unwrap());
    let tls = settings(&[
        ("tls.test.mode.enable", "false"),
        ("tls.server.certPath", &authority.path("server.cert.pem")),
        ("tls.server.keyPath", &authority.path("server.key.pem")),
    ])
    .server();
    let first = tls.server_config().unwrap();
    let touch = |name: &str, text: &str| {
        let path = authority.path(name);
        fs::write(&path, text).unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options()
            .append(true)
            .open(Path::new(&path))
            .unwrap()
            .set_modified(later)
            .unwrap();
    };
    let cert = fs::read_to_string(authority.path("server.cert.pem")).unwrap();
    touch("server.cert.pem", &cert);
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(600);
    while std::time::Instant::now() < deadline {
        assert!(Arc::ptr_eq(&first, &tls.server_config().unwrap()));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let key = fs::read_to_string(authority.path("server.key.pem")).unwrap();
    touch("server.key.pem", &key);
    let deadline = std::time::Instant::now() + WAIT;
    while Arc::ptr_eq(&first, &tls.server_config().unwrap()) {
        assert!(std::time::Instant::now() < deadline, "never reloaded");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
