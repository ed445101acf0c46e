//! Certificates on both ends, made for the run and given to either product by 4.4.0's `tls.*`
//! settings: both clients against both servers, and who is turned away.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::Node;
use crate::java::{Client, Program};
use crate::launch::{Launcher, TLS_FILE, attach, path_text};
use crate::reaper;

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("tls::both_ends_are_verified_reference", || both_ends_are_verified(pair()?.0)),
        trial("tls::both_ends_are_verified_ours", || both_ends_are_verified(pair()?.1)),
    ]
}

/// An authority with a certificate and key for each end.
struct Papers {
    folder: PathBuf,
}

impl Papers {
    fn issue(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate()?;
        fs::write(folder.join("trust.pem"), params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        for end in ["server", "client"] {
            // Neither product looks at the names of hosts.
            let mut params = CertificateParams::new(vec![format!("{end}.example")])?;
            params.distinguished_name.push(DnType::CommonName, end);
            let key = KeyPair::generate()?;
            let cert = params.signed_by(&key, &issuer)?;
            fs::write(folder.join(format!("{end}.pem")), cert.pem())?;
            fs::write(folder.join(format!("{end}.key")), key.serialize_pem())?;
        }
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> String {
        path_text(&self.folder.join(name))
    }

    /// The settings that name what an end shows.
    fn shown(&self, end: &str) -> String {
        let (cert, key) = (self.path(&format!("{end}.pem")), self.path(&format!("{end}.key")));
        format!("tls.{end}.certPath={cert}\ntls.{end}.keyPath={key}\n")
    }

    /// The settings of a server that asks for certificates.
    fn server(&self) -> String {
        format!(
            "tls.test.mode.enable=false\ntls.server.need.client.auth=require\n\
             tls.server.authClient=true\ntls.server.trustCertPath={}\n{}",
            self.path("trust.pem"),
            self.shown("server")
        )
    }

    /// The settings of a client that trusts servers of this authority.
    fn client(&self) -> String {
        let trust = self.path("trust.pem");
        format!(
            "tls.test.mode.enable=false\ntls.client.authServer=true\n\
             tls.client.trustCertPath={trust}\n"
        )
    }
}

fn both_ends_are_verified(products: Products) -> Result<()> {
    let root = tempfile::Builder::new().prefix("compat-tls-").tempdir()?;
    reaper::folder(root.path());
    let ours = Papers::issue(root.path().join("ours"))?;
    let foreign = Papers::issue(root.path().join("foreign"))?;
    let launcher = Launcher::from_env()?;
    let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
    let home = root.path().join("broker");
    let mut broker = Node::broker(home, Some(names.address()), &[], launcher)?;
    for (node, product) in [(&mut names, products.name_server), (&mut broker, products.broker)] {
        fs::create_dir_all(node.home.join("conf"))?;
        fs::write(node.home.join("conf").join(TLS_FILE), ours.server())?;
        node.start(product)?;
    }
    // Who is served, by what its file says.
    let ends = [
        ("known", true, ours.client() + &ours.shown("client")),
        ("unnamed", false, ours.client()),
        ("foreign", false, ours.client() + &foreign.shown("client")),
        ("wary", false, foreign.client() + &ours.shown("client")),
    ];
    let address = names.address();
    let tried = || -> Result<()> {
        for (name, served, settings) in &ends {
            let file = root.path().join(format!("{name}.properties"));
            fs::write(&file, settings)?;
            for client in [Client::Native, Client::Java] {
                let topic = format!("Tls_{client:?}");
                let end = use_cluster(client, &address, &file, &topic)
                    .with_context(|| format!("{name}, {client:?}"))?;
                let fits = if *served { end == "DONE" } else { end.starts_with("FAILED") };
                ensure!(fits, "{name}, {client:?}: {end}");
            }
        }
        Ok(())
    };
    attach(tried(), || format!("{}{}", names.logs(), broker.logs()))
}

/// Sends and consumes as the settings in the file say; the last line.
fn use_cluster(client: Client, address: &str, file: &Path, topic: &str) -> Result<String> {
    let file = path_text(file);
    let mut program = match client {
        Client::Native => client.start("Clients", &[address, &format!("tls={file}")])?,
        _ => {
            let file = format!("-Dtls.config.file={file}");
            Program::with_flags(&["-Dtls.enable=true", &file], "Clients", &[address])?
        }
    };
    let mut end = String::new();
    for order in [format!("send\tsync\t{topic}\t12"), format!("consume\tpush\t{topic}\t*\t12")] {
        program.tell(&order)?;
        let lines =
            program.lines_until(PATIENCE, |line| line == "DONE" || line.starts_with("FAILED"))?;
        end = lines.last().cloned().unwrap_or_default();
        if end != "DONE" {
            break;
        }
    }
    Ok(end)
}
