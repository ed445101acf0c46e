//! Command lines of the servers, read and explained as commons-cli's `PosixParser` does: clustered
//! short options (`-ph`), values attached or apart (`-nhost:1`, `-n host:1`, `--namesrvAddr=host:1`),
//! `--` ends the options, words that belong to nothing are passed over, the first of two equal
//! options counts. Long options are not abbreviated, but may have one hyphen.

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    /// Its letter.
    pub(crate) short: char,
    /// Its long name.
    pub(crate) long: &'static str,
    /// Whether it needs a value.
    pub(crate) takes_value: bool,
    /// What it does.
    pub(crate) about: &'static str,
}

/// The options of one program.
#[derive(Debug)]
pub(crate) struct Options {
    /// Name of the program, for the usage line.
    pub(crate) program: &'static str,
    /// The options, by letter.
    pub(crate) list: &'static [Opt],
}

/// The options that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    found: Vec<(char, Option<String>)>,
}

impl Given {
    /// Whether the option was given.
    pub(crate) fn has(&self, short: char) -> bool {
        self.found.iter().any(|(c, _)| *c == short)
    }

    /// The value of its first occurrence.
    pub(crate) fn value(&self, short: char) -> Option<&str> {
        self.found.iter().find(|(c, _)| *c == short)?.1.as_deref()
    }
}

/// The words do not fit the options: one is unknown or lacks its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadUsage;

/// Columns a help line may have.
const HELP_WIDTH: usize = 110;
/// Columns between the options and what they do.
const HELP_GAP: usize = 3;

impl Options {
    /// Reads the arguments.
    pub(crate) fn parse(&self, words: &[String]) -> Result<Given, BadUsage> {
        let tokens = self.flatten(words);
        let mut tokens = tokens.iter().map(String::as_str).peekable();
        let mut given = Given::default();
        while let Some(token) = tokens.next() {
            if token == "--" {
                break;
            }
            if !token.starts_with('-') || token == "-" {
                continue;
            }
            let option = self.find(token).ok_or(BadUsage)?;
            let mut value = None;
            if option.takes_value {
                let word = tokens.next_if(|next| !self.is_option(next)).ok_or(BadUsage)?;
                let word = word.strip_prefix('"').unwrap_or(word);
                value = Some(word.strip_suffix('"').unwrap_or(word).to_owned());
            }
            given.found.push((option.short, value));
        }
        Ok(given)
    }

    /// Splits clusters and `--name=value` into words of their own.
    fn flatten(&self, words: &[String]) -> Vec<String> {
        let mut tokens = Vec::new();
        for word in words {
            let cluster = word.starts_with('-')
                && !word.starts_with("--")
                && word.chars().count() > 2
                && self.find(word).is_none();
            match word.split_once('=') {
                Some((name, value)) if word.starts_with("--") && self.find(name).is_some() => {
                    tokens.extend([name.to_owned(), value.to_owned()]);
                }
                _ if cluster => self.split_cluster(word, &mut tokens),
                _ => tokens.push(word.clone()),
            }
        }
        tokens
    }

    fn split_cluster(&self, word: &str, tokens: &mut Vec<String>) {
        for (at, letter) in word.char_indices().skip(1) {
            let Some(option) = self.list.iter().find(|option| option.short == letter) else {
                // Refused as a whole, as an option nobody knows.
                tokens.push(word.to_owned());
                return;
            };
            tokens.push(format!("-{letter}"));
            let rest = &word[at + letter.len_utf8()..];
            if option.takes_value && !rest.is_empty() {
                tokens.push(rest.to_owned());
                return;
            }
        }
    }

    /// The option that a word with its hyphens names, by letter or by long name.
    fn find(&self, word: &str) -> Option<&Opt> {
        let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
        self.list.iter().find(|option| {
            option.long == name || name.strip_prefix(option.short).is_some_and(str::is_empty)
        })
    }

    fn is_option(&self, word: &str) -> bool {
        word.starts_with('-') && self.find(word).is_some()
    }

    /// The usage line and one line an option.
    pub(crate) fn usage(&self) -> String {
        let mut text = format!("usage: {}", self.program);
        for option in self.list {
            let value = if option.takes_value { " <arg>" } else { "" };
            text.push_str(&format!(" [-{}{value}]", option.short));
        }
        text.push('\n');
        let heads: Vec<_> = self.list.iter().map(head).collect();
        let column = heads.iter().map(String::len).max().unwrap_or(0) + HELP_GAP;
        for (option, head) in self.list.iter().zip(&heads) {
            let line = format!("{head:column$}{}", option.about);
            debug_assert!(line.len() <= HELP_WIDTH, "wrapping is not needed so far");
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

fn head(option: &Opt) -> String {
    let value = if option.takes_value { " <arg>" } else { "" };
    format!(" -{},--{}{value}", option.short, option.long)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        program: "mqbroker",
        list: &[
            Opt { short: 'c', long: "configFile", takes_value: true, about: "File" },
            Opt { short: 'h', long: "help", takes_value: false, about: "Help" },
            Opt { short: 'n', long: "namesrvAddr", takes_value: true, about: "Servers" },
            Opt { short: 'p', long: "printConfigItem", takes_value: false, about: "Print" },
        ],
    };

    /// `expected`: letters in order, with `=value`; `!` where 4.4.0 prints the usage.
    fn check(line: &str, expected: &str) {
        let words: Vec<_> = line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let shown = match OPTIONS.parse(&words) {
            Err(BadUsage) => "!".to_owned(),
            Ok(given) => given
                .found
                .iter()
                .map(|(c, v)| v.as_ref().map_or_else(|| c.to_string(), |v| format!("{c}={v}")))
                .collect::<Vec<_>>()
                .join(" "),
        };
        assert_eq!(shown, expected, "{line:?}");
    }

    /// Each of these was tried on 4.4.0.
    #[test]
    fn reads_like_4_4_0() {
        check("", "");
        check("-p", "p");
        check("-ph", "p h");
        check("-pn foo:1", "p n=foo:1");
        check("-nfoo:1 -p", "n=foo:1 p");
        check("-np", "n=p");
        check("-pnamesrvAddr x", "p n=amesrvAddr");
        check("--namesrvAddr=foo:1", "n=foo:1");
        check("--namesrvAddr foo:1", "n=foo:1");
        check("-printConfigItem", "p");
        check("--p", "p");
        check("--printConfigItem=x", "p");
        check("foo -p bar", "p");
        check("- -p -", "p");
        check("-- -p", "");
        check("-n a:1 -n b:2", "n=a:1 n=b:2");
        check("-n -z", "n=-z");
        check("-n \"a\"", "n=a");
        check("-x", "!");
        check("-pz", "!");
        check("-p=3", "!");
        check("--print", "!");
        check("--names foo:1", "!");
        check("-p --foo", "!");
        check("-c", "!");
        check("-c -p", "!");
        check("--namesrvAddr -p", "!");
    }

    #[test]
    fn the_first_of_two_counts() {
        let words = ["-na", "-nb"].map(str::to_owned);
        assert_eq!(OPTIONS.parse(&words).unwrap().value('n'), Some("a"));
    }

    #[test]
    fn usage_lines_up() {
        let expected = "usage: mqbroker [-c <arg>] [-h] [-n <arg>] [-p]\n \
                        -c,--configFile <arg>    File\n \
                        -h,--help                Help\n \
                        -n,--namesrvAddr <arg>   Servers\n \
                        -p,--printConfigItem     Print\n";
        assert_eq!(OPTIONS.usage(), expected);
    }
}
