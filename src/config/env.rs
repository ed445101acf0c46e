//! What a Java process knows of its surroundings and 4.4.0 takes defaults from.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::OnceLock;

/// System properties, environment variables, home, host name, address and CPUs.
///
/// [`Env::current`] is that of this process. Tests build their own from [`Env::empty`].
#[derive(Debug, Clone)]
pub struct Env {
    properties: BTreeMap<String, String>,
    vars: HashMap<String, String>,
    cpus: i32,
    user_home: OnceLock<String>,
    host_name: OnceLock<String>,
    local_address: OnceLock<String>,
}

/// The name 4.4.0 gives a broker whose host name it cannot find out.
const UNKNOWN_HOST: &str = "DEFAULT_BROKER";

static CURRENT: OnceLock<Env> = OnceLock::new();

impl Env {
    /// The environment of this process. Without an [`install`](Self::install) before, it is
    /// captured now, with no system property.
    pub fn current() -> &'static Env {
        CURRENT.get_or_init(Self::capture)
    }

    /// Makes `env` the one of this process. Only the first call, before any
    /// [`current`](Self::current), counts; the result says whether it did.
    pub fn install(env: Env) -> bool {
        CURRENT.set(env).is_ok()
    }

    /// Reads variables and CPUs; the rest is looked up when first asked for.
    pub fn capture() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            vars: vars.collect(),
            cpus: i32::try_from(cpus).unwrap_or(i32::MAX),
            ..Self::empty()
        }
    }

    /// No property, no variable, one CPU. What is not set by a `with_` method is the machine's.
    pub fn empty() -> Self {
        Self {
            properties: BTreeMap::new(),
            vars: HashMap::new(),
            cpus: 1,
            user_home: OnceLock::new(),
            host_name: OnceLock::new(),
            local_address: OnceLock::new(),
        }
    }

    /// With a system property (`-Dkey=value`).
    #[must_use]
    pub fn with_property(mut self, key: &str, value: &str) -> Self {
        self.set_property(key, value);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn with_var(mut self, key: &str, value: &str) -> Self {
        self.vars.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a number of CPUs.
    #[must_use]
    pub fn with_cpus(mut self, cpus: i32) -> Self {
        self.cpus = cpus;
        self
    }

    /// With a home directory.
    #[must_use]
    pub fn with_user_home(mut self, home: &str) -> Self {
        self.user_home = OnceLock::from(home.to_owned());
        self
    }

    /// With a host name.
    #[must_use]
    pub fn with_host_name(mut self, name: &str) -> Self {
        self.host_name = OnceLock::from(name.to_owned());
        self
    }

    /// With the address a broker registers.
    #[must_use]
    pub fn with_local_address(mut self, address: &str) -> Self {
        self.local_address = OnceLock::from(address.to_owned());
        self
    }

    /// Sets a system property.
    pub fn set_property(&mut self, key: &str, value: &str) {
        self.properties.insert(key.to_owned(), value.to_owned());
    }

    /// A system property.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str)
    }

    /// A system property, else an environment variable.
    pub fn property_or_var(&self, property: &str, var: &str) -> Option<&str> {
        self.property(property).or_else(|| self.var(var))
    }

    /// A system property read as a number; where it is missing or no number, `default`.
    pub fn int_property(&self, key: &str, default: i32) -> i32 {
        self.property(key).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// An environment variable.
    pub fn var(&self, key: &str) -> Option<&str> {
        self.vars.get(key).map(String::as_str)
    }

    /// CPUs this process may use.
    pub fn cpus(&self) -> i32 {
        self.cpus
    }

    /// Java's `user.home`: from `-Duser.home`, else from the password database, not from `$HOME`.
    /// `$HOME` helps out where the database has no entry, as in newer Java.
    pub fn user_home(&self) -> &str {
        if let Some(home) = self.property("user.home") {
            return home;
        }
        self.user_home.get_or_init(|| {
            nix::unistd::User::from_uid(nix::unistd::Uid::current())
                .ok()
                .flatten()
                .and_then(|user| user.dir.into_os_string().into_string().ok())
                .filter(|home| home.len() > 1)
                .or_else(|| self.var("HOME").map(str::to_owned))
                .unwrap_or_else(|| "?".to_owned())
        })
    }

    /// The host name, if it can be resolved; else `DEFAULT_BROKER`.
    pub fn host_name(&self) -> &str {
        self.host_name
            .get_or_init(|| local_host().map_or_else(|| UNKNOWN_HOST.to_owned(), |(name, _)| name))
    }

    /// The address 4.4.0 takes for this machine; empty when there is none.
    pub fn local_address(&self) -> &str {
        self.local_address.get_or_init(|| {
            let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            // Java lists the interface that came last first.
            let addresses: Vec<_> = interfaces.iter().rev().map(if_addrs::Interface::ip).collect();
            pick_address(&addresses)
                .or_else(|| local_host().map(|(_, ip)| host_text(ip)))
                .unwrap_or_default()
        })
    }
}

/// The host name and the address it resolves to.
fn local_host() -> Option<(String, IpAddr)> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    let address = (name.as_str(), 0).to_socket_addrs().ok()?.next()?.ip();
    Some((name, address))
}

/// The first IPv4 address outside 127.0 and 192.168, else the last one, else the first of IPv6.
fn pick_address(addresses: &[IpAddr]) -> Option<String> {
    let usable = || addresses.iter().filter(|ip| !ip.is_loopback());
    let v4: Vec<_> = usable().filter(|ip| ip.is_ipv4()).map(|&ip| host_text(ip)).collect();
    v4.iter()
        .find(|ip| !ip.starts_with("127.0") && !ip.starts_with("192.168"))
        .or_else(|| v4.last())
        .cloned()
        .or_else(|| usable().next().map(|&ip| host_text(ip)))
}

/// An address as Java writes it: IPv6 in brackets, its eight groups unshortened.
fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let groups: Vec<_> = ip.segments().iter().map(|group| format!("{group:x}")).collect();
            format!("[{}]", groups.join(":"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], expected: Option<&str>) {
        let parsed: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(pick_address(&parsed).as_deref(), expected, "{addresses:?}");
    }

    #[test]
    fn the_address_is_picked_as_in_java() {
        check(&[], None);
        check(&["127.0.0.1", "::1"], None);
        check(&["127.0.0.1", "192.168.1.5", "172.17.0.1", "10.0.0.4"], Some("172.17.0.1"));
        check(&["192.168.1.5", "192.168.2.5"], Some("192.168.2.5"));
        check(&["fe80::1:2", "192.168.1.5"], Some("192.168.1.5"));
        check(&["::1", "fe80::1:2", "2001:db8::9"], Some("[fe80:0:0:0:0:0:1:2]"));
    }

    #[test]
    fn properties_win_over_variables_and_the_machine() {
        let env = Env::empty().with_var("ROCKETMQ_HOME", "/var").with_user_home("/home/a");
        assert_eq!(env.property_or_var("rocketmq.home.dir", "ROCKETMQ_HOME"), Some("/var"));
        assert_eq!(env.user_home(), "/home/a");
        let env = env.with_property("rocketmq.home.dir", "/prop").with_property("user.home", "/b");
        assert_eq!(env.property_or_var("rocketmq.home.dir", "ROCKETMQ_HOME"), Some("/prop"));
        assert_eq!(env.user_home(), "/b");
        assert_eq!(env.property_or_var("x", "y"), None);
    }

    #[test]
    fn numbers_fall_back() {
        let env = Env::empty().with_property("a", "12").with_property("b", "x");
        assert_eq!(
            (env.int_property("a", 1), env.int_property("b", 2), env.int_property("c", 3)),
            (12, 2, 3)
        );
    }

    #[test]
    fn the_machine_answers() {
        let env = Env::capture();
        assert!(env.cpus() >= 1);
        assert!(!env.user_home().is_empty());
        assert!(!env.host_name().is_empty());
        assert_eq!(env.clone().host_name(), env.host_name());
    }
}
