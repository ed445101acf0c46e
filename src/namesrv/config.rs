//! Settings of a name server, besides those of its sockets.

use config::{Env, Report, Table, config_table};
use observe::ObserveConfig;
use remoting::ServerConfig;

config_table! {
    /// What a name server keeps and answers.
    pub struct NamesrvConfig(env) {
        /// Installation folder: system property `rocketmq.home.dir`, else variable `ROCKETMQ_HOME`.
        @restart @nullable "rocketmqHome" rocketmq_home: String =
            env.property_or_var("rocketmq.home.dir", "ROCKETMQ_HOME").unwrap_or_default().to_owned(),
        /// File of the key-value configuration.
        @restart "kvConfigPath" kv_config_path: String =
            format!("{}/namesrv/kvConfig.json", env.user_home()),
        /// File that a configuration update rewrites; with `-c` that file.
        "configStorePath" config_store_path: String =
            format!("{}/namesrv/namesrv.properties", env.user_home()),
        /// Name of the environment, for `clusterTest`.
        "productEnvName" product_env_name: String = "center".to_owned(),
        /// Ask another name server, found through the address server, for topics unknown here.
        @restart "clusterTest" cluster_test: bool = false,
        /// Give the order configuration of a topic with its route.
        "orderMessageEnable" order_message_enable: bool = false,
    }
}

config_table! {
    /// Settings of a name server that 4.4.0 does not have; they are not printed among its own.
    pub struct AccessConfig(_env) {
        /// Check every request after `conf/plain_acl.yml`, as brokers do: reading routes needs an
        /// account, everything else an admin. Brokers sign what they send here where their
        /// `accountFile` names an admin; give the addresses of others (4.4.0's among them) in
        /// `globalWhiteRemoteAddresses`. Changes in the file only.
        @restart "aclEnable" acl_enable: bool = false,
    }
}

/// Port of a name server where the file does not say another.
pub const DEFAULT_PORT: i32 = 9876;

/// The tables of a name server, in the order of `mqnamesrv -p`.
#[derive(Debug, Clone, PartialEq)]
pub struct NamesrvConfigs {
    /// What it keeps and answers.
    pub namesrv: NamesrvConfig,
    /// Its sockets.
    pub server: ServerConfig,
    /// What operators watch.
    pub observe: ObserveConfig,
    /// What it checks.
    pub access: AccessConfig,
}

impl NamesrvConfigs {
    /// The defaults of a name server.
    pub fn from_env(env: &Env) -> Self {
        let mut server = ServerConfig::from_env(env);
        server.listen_port = DEFAULT_PORT;
        let observe = ObserveConfig::from_env(env);
        let (namesrv, access) = (NamesrvConfig::from_env(env), AccessConfig::from_env(env));
        Self { namesrv, server, observe, access }
    }

    /// Takes what a properties file says.
    pub fn apply(&mut self, file: &config::Properties) -> Report {
        config::apply(
            &mut [&mut self.namesrv, &mut self.server, &mut self.observe, &mut self.access],
            file,
        )
    }

    /// The tables that are printed, to read.
    pub fn tables(&self) -> [&dyn Table; 3] {
        [&self.namesrv, &self.server, &self.observe]
    }
}

impl Default for NamesrvConfigs {
    fn default() -> Self {
        Self::from_env(Env::current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_4_4_0() {
        let env =
            Env::empty().with_var("ROCKETMQ_HOME", "<rocketmqHome>").with_user_home("<user.home>");
        let captured: Vec<_> = include_str!("tests/data/namesrv-p.txt")
            .lines()
            .map(|line| line.split_once(" - ").map_or(line, |(_, item)| item))
            .collect();
        assert_eq!(config::lines(&NamesrvConfigs::from_env(&env).tables(), false), captured);
    }

    #[test]
    fn without_home_the_value_is_null() {
        let configs = NamesrvConfigs::from_env(&Env::empty());
        assert!(configs.namesrv.rows()[0].is_null());
    }
}
