//! `mqbroker`: command line, file, checks.

use ::broker::config::BrokerConfigs;
use config::Env;
use jiff::Timestamp;
use store::BrokerRole;
use tools::command::Opt;

use super::{ConfigFile, Exit, NO_HOME, broker_lines, code, parse, read_properties};

const PROGRAM: &str = "mqbroker";

/// The options, in the order of the help.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::value('c', "configFile", "Properties file with the settings"),
    Opt::flag('h', "help", "Print this help"),
    Opt::flag('m', "printImportantConfig", "Print the important settings"),
    Opt::value('n', "namesrvAddr", "Name servers, for example 192.168.0.1:9876;192.168.0.2:9876"),
    Opt::flag('p', "printConfigItem", "Print all settings"),
];

/// Keys that only the `-c` file may hold: they become these system properties.
const FILE_PROPERTIES: &[(&str, &str)] = &[
    ("rmqAddressServerDomain", "rocketmq.namesrv.domain"),
    ("rmqAddressServerSubGroup", "rocketmq.namesrv.domain.subgroup"),
];

/// A broker ready to start.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Its settings.
    pub(crate) configs: BrokerConfigs,
    /// The `-c` file.
    pub(crate) file: Option<ConfigFile>,
}

/// Follows the command line; the end of the program if there is nothing to start.
pub(crate) fn prepare(words: &[String], env: &mut Env, now: Timestamp) -> Result<Launch, Exit> {
    let given = parse(PROGRAM, OPTIONS, words)?;
    let mut configs = BrokerConfigs::from_env(env);
    let mut names_given = env.property_or_var("rocketmq.namesrv.addr", "NAMESRV_ADDR").is_some();
    let mut file = None;
    if let Some(path) = given.value('c') {
        let properties = read_properties(path)?;
        for (key, property) in FILE_PROPERTIES {
            if let Some(value) = properties.get(key) {
                env.set_property(property, value);
            }
        }
        names_given |= properties.get("namesrvAddr").is_some();
        let report = configs.apply(&properties);
        file = Some(ConfigFile { path: path.to_owned(), properties, report });
    }
    if let Some(names) = given.value('n') {
        names.clone_into(&mut configs.broker.namesrv_addr);
        names_given = true;
    }
    check(&mut configs, names_given)?;
    if given.has('p') || given.has('m') {
        return Err(Exit::saying(code::OK, broker_lines(&configs.tables(), !given.has('p'), now)));
    }
    Ok(Launch { configs, file })
}

/// Refuses settings that do not fit together and derives those that others decide.
fn check(configs: &mut BrokerConfigs, names_given: bool) -> Result<(), Exit> {
    if configs.broker.rocketmq_home.is_empty() {
        return Err(Exit::saying(code::NO_HOME, NO_HOME));
    }
    let names = &configs.broker.namesrv_addr;
    if names_given && !is_address_list(names) {
        let text = format!(
            "The Name Server Address[{names}] illegal, please set it as follows, \
             \"127.0.0.1:9876;192.168.0.1:9876\"\n"
        );
        return Err(Exit::saying(code::REFUSED, text));
    }
    match configs.store.broker_role {
        BrokerRole::AsyncMaster | BrokerRole::SyncMaster => configs.broker.broker_id = 0,
        BrokerRole::Slave if configs.broker.broker_id <= 0 => {
            return Err(Exit::saying(code::REFUSED, "Slave's brokerId must be > 0"));
        }
        BrokerRole::Slave => {}
    }
    configs.store.ha_listen_port = configs.server.listen_port.wrapping_add(1);
    Ok(())
}

/// Whether Java splits the text into host and port: parts by `;`, empty ones only at the end.
fn is_address_list(text: &str) -> bool {
    let parts = text.trim_end_matches(';');
    if parts.is_empty() {
        return !text.is_empty();
    }
    parts.split(';').all(|address| {
        let port = address.split(':').nth(1).and_then(|port| port.parse::<i32>().ok());
        port.is_some_and(|port| u16::try_from(port).is_ok())
    })
}

#[cfg(test)]
mod tests;
