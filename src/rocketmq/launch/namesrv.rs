//! `mqnamesrv`: command line, file, checks.

use ::namesrv::config::NamesrvConfigs;
use config::Env;
use jiff::Timestamp;
use tools::command::Opt;

use super::{ConfigFile, Exit, NO_HOME, code, namesrv_lines, parse, read_properties};

const PROGRAM: &str = "mqnamesrv";

/// The options, in the order of the help.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::value('c', "configFile", "Properties file with the settings"),
    Opt::flag('h', "help", "Print this help"),
    Opt::value(
        'n',
        "namesrvAddr",
        "Name servers, for example 192.168.0.1:9876;192.168.0.2:9876; no use here",
    ),
    Opt::flag('p', "printConfigItem", "Print all settings"),
];

/// A name server ready to start.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Its settings.
    pub(crate) configs: NamesrvConfigs,
    /// The `-c` file.
    pub(crate) file: Option<ConfigFile>,
    /// What is to be said on stdout before it starts.
    pub(crate) out: String,
}

/// Follows the command line; the end of the program if there is nothing to start.
pub(crate) fn prepare(words: &[String], env: &Env, now: Timestamp) -> Result<Launch, Exit> {
    let given = parse(PROGRAM, OPTIONS, words)?;
    let mut configs = NamesrvConfigs::from_env(env);
    let (mut file, mut out) = (None, String::new());
    if let Some(path) = given.value('c') {
        let properties = read_properties(path)?;
        let report = configs.apply(&properties);
        path.clone_into(&mut configs.namesrv.config_store_path);
        out = format!("load config properties file OK, {path}\n");
        file = Some(ConfigFile { path: path.to_owned(), properties, report });
    }
    if given.has('p') {
        out.push_str(&namesrv_lines(&configs.tables(), now));
        return Err(Exit::saying(code::OK, out));
    }
    if configs.namesrv.rocketmq_home.is_empty() {
        return Err(Exit::saying(code::NO_HOME, format!("{out}{NO_HOME}\n")));
    }
    Ok(Launch { configs, file, out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(line: &str, env: &Env) -> Result<Launch, Exit> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        prepare(&words, env, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn usage_and_printing_need_no_home() {
        let env = Env::empty().with_user_home("/home/a");
        let exit = prepared("-h", &env).unwrap_err();
        assert_eq!(exit.code, 255);
        assert!(exit.out.starts_with("usage: mqnamesrv [-c <arg>] [-h] [-n <arg>] [-p]\n"));
        let exit = prepared("-p", &env).unwrap_err();
        assert_eq!((exit.code, exit.out.lines().count()), (0, 17));
        assert!(exit.out.contains(".000 [main] INFO  RocketmqNamesrvConsole - rocketmqHome=\n"));
        assert!(exit.out.contains(" - listenPort=9876\n"));
    }

    #[test]
    fn without_home_it_ends() {
        let exit = prepared("", &Env::empty()).unwrap_err();
        assert_eq!(exit, Exit::saying(254, format!("{NO_HOME}\n")));
    }

    #[test]
    fn the_file_sets_everything_and_is_the_one_to_rewrite() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "listenPort=1\nrocketmqHome=/x\nmine=1\n").unwrap();
        let path = file.path().display().to_string();
        let launch = prepared(&format!("-c {path} -n whatever"), &Env::empty()).unwrap();
        assert_eq!(launch.out, format!("load config properties file OK, {path}\n"));
        assert_eq!(launch.configs.server.listen_port, 1);
        assert_eq!(launch.configs.namesrv.config_store_path, path);
        assert_eq!(launch.file.unwrap().report.unknown, ["mine"]);
    }
}
