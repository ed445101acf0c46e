//! Calls to name servers: one is used until it fails, then the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use protocol::{Command, Request, ext};
use remoting::Client;

use crate::{ClientError, LOG};

/// The name servers of a cluster.
#[derive(Debug)]
pub struct NameServers {
    addrs: Vec<String>,
    current: AtomicUsize,
}

impl NameServers {
    /// Parses `host:port;host:port` (commas do as well).
    ///
    /// # Errors
    /// When there is no address in it.
    pub fn parse(list: &str) -> Result<Self, ClientError> {
        let addrs: Vec<String> = list
            .split([';', ','])
            .map(str::trim)
            .filter(|addr| {
                addr.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
            })
            .map(str::to_owned)
            .collect();
        if addrs.is_empty() {
            return Err(ClientError::NoNameServer(list.to_owned()));
        }
        // Clients of one list spread over the servers.
        let start = std::process::id() as usize % addrs.len();
        Ok(Self { addrs, current: AtomicUsize::new(start) })
    }

    /// All addresses.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.addrs
    }

    /// Calls the current name server, and the others in turn while calls fail.
    ///
    /// # Errors
    /// The last failure when none answers.
    pub async fn call(
        &self,
        client: &Client,
        command: &Command,
        wait: Duration,
    ) -> Result<Command, ClientError> {
        let mut last = None;
        for _ in 0..self.addrs.len() {
            let at = self.current.load(Ordering::Relaxed);
            let Some(addr) = self.addrs.get(at % self.addrs.len()) else {
                break;
            };
            match client.call(addr, command.clone(), wait).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    tracing::warn!(target: LOG, addr, %error, "name server call failed");
                    // Only the first of several callers that failed here moves on.
                    let next = at.wrapping_add(1);
                    let _ = self.current.compare_exchange(
                        at,
                        next,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) => Err(error.into()),
            None => Err(ClientError::NoNameServer(self.addrs.join(";"))),
        }
    }

    /// As [`NameServers::call`] with a typed request and reply header; refusals are errors.
    ///
    /// # Errors
    /// Failed calls, refusals and malformed answers.
    pub async fn ask<R: Request>(
        &self,
        client: &Client,
        request: &R,
        wait: Duration,
    ) -> Result<(R::Reply, Command), ClientError> {
        let answer = self.call(client, &Command::of(request)?, wait).await?;
        typed::<R>(answer)
    }
}

/// The typed header of a successful answer, with the answer for its body.
pub(crate) fn typed<R: Request>(answer: Command) -> Result<(R::Reply, Command), ClientError> {
    if answer.code != protocol::codes::response::SUCCESS {
        return Err(ClientError::refused(&answer));
    }
    Ok((ext::from_ext(&answer.ext)?, answer))
}
