//! The address server: a web page that lists the name servers, for brokers that are configured
//! to ask (`fetchNamesrvAddrByAddressServer`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::LOG;
use crate::register::Registrar;

/// System property with the server's `host` or `host:port`.
const DOMAIN_PROPERTY: &str = "rocketmq.namesrv.domain";
/// System property with the last part of the page's path.
const GROUP_PROPERTY: &str = "rocketmq.namesrv.domain.subgroup";
const DOMAIN_DEFAULT: &str = "jmenv.tbsite.net";
const GROUP_DEFAULT: &str = "nsaddr";
const PORT_DEFAULT: u16 = 8080;
/// How long the server may take.
const WAIT: Duration = Duration::from_secs(3);
/// The longest answer read; a list of name servers is much shorter.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Asks once, and takes the name servers over if there are any.
pub(crate) async fn refresh(registrar: &Arc<Registrar>) {
    let env = Env::current();
    let domain = env.property(DOMAIN_PROPERTY).unwrap_or(DOMAIN_DEFAULT);
    let group = env.property(GROUP_PROPERTY).unwrap_or(GROUP_DEFAULT);
    let fetched = tokio::time::timeout(WAIT, fetch(domain, group)).await;
    match fetched.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(servers) => registrar.set_servers(&servers),
        Err(error) => {
            tracing::warn!(target: LOG, %error, "fetch name server addresses from {domain}");
        }
    }
}

async fn fetch(domain: &str, group: &str) -> io::Result<String> {
    let host = match domain.contains(':') {
        true => domain.to_owned(),
        false => format!("{domain}:{PORT_DEFAULT}"),
    };
    let mut stream = TcpStream::connect(&host).await?;
    let request =
        format!("GET /rocketmq/{group} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    parse(&String::from_utf8_lossy(&answer)).map_err(io::Error::other)
}

/// The first line of the page.
fn parse(answer: &str) -> Result<String, String> {
    let status = answer.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("the address server answers `{status}`"));
    }
    let (_, page) = answer.split_once("\r\n\r\n").ok_or("the address server answers no page")?;
    match page.trim().lines().next() {
        Some(line) if !line.is_empty() => Ok(line.trim_end().to_owned()),
        _ => Err("the address server knows no name server".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn the_first_line_of_a_good_page_counts() {
        let page = |body: &str| parse(&format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{body}"));
        assert_eq!(page("\n a:1;b:2\r\nmore\n").as_deref(), Ok("a:1;b:2"));
        assert!(page(" \n").is_err());
        assert!(parse("HTTP/1.1 404 Not Found\r\n\r\na:1").is_err());
        assert!(parse("").is_err());
    }

    #[tokio::test]
    async fn a_page_is_fetched() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let domain = server.local_addr().unwrap().to_string();
        let serve = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut request = [0; 256];
            let read = stream.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            assert!(text.starts_with("GET /rocketmq/nsaddr HTTP/1.0\r\n"), "{text}");
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n127.0.0.1:9876\n").await.unwrap();
        };
        let (fetched, ()) = tokio::join!(fetch(&domain, "nsaddr"), serve);
        assert_eq!(fetched.unwrap(), "127.0.0.1:9876");
    }
}
