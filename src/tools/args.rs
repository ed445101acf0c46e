//! Command lines, read as commons-cli's `PosixParser` does: clustered short options (`-ph`), values
//! attached or apart (`-nhost:1`, `-n host:1`, `--namesrvAddr=host:1`), `--` ends the options, words
//! that belong to nothing are passed over, the first of two equal options counts. Long options
//! are not abbreviated, but may have one hyphen.

use crate::command::Opt;

/// The options of one program.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The options.
    pub list: Vec<Opt>,
    /// Long names of flags that the help does not show.
    pub hidden: &'static [&'static str],
}

/// The options that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    found: Vec<(char, Option<String>)>,
    hidden: Vec<&'static str>,
}

impl Given {
    /// Whether the option was given.
    #[must_use]
    pub fn has(&self, short: char) -> bool {
        self.found.iter().any(|(c, _)| *c == short)
    }

    /// The value of its first occurrence.
    #[must_use]
    pub fn value(&self, short: char) -> Option<&str> {
        self.found.iter().find(|(c, _)| *c == short)?.1.as_deref()
    }

    /// Whether the hidden flag was given.
    #[must_use]
    pub fn has_hidden(&self, long: &str) -> bool {
        self.hidden.contains(&long)
    }
}

/// The words do not fit the options: one is unknown, lacks its value, or is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUsage;

/// What a word names.
enum Found<'o> {
    Shown(&'o Opt),
    Hidden(&'static str),
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// [`BadUsage`] when they do not fit.
    pub fn parse(&self, words: &[String]) -> Result<Given, BadUsage> {
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
            let option = match self.find(token).ok_or(BadUsage)? {
                Found::Hidden(long) => {
                    given.hidden.push(long);
                    continue;
                }
                Found::Shown(option) => option,
            };
            let mut value = None;
            if option.takes_value {
                let word = tokens.next_if(|next| !self.is_shown(next)).ok_or(BadUsage)?;
                let word = word.strip_prefix('"').unwrap_or(word);
                value = Some(word.strip_suffix('"').unwrap_or(word).to_owned());
            }
            given.found.push((option.short, value));
        }
        let complete = self.list.iter().all(|option| !option.required || given.has(option.short));
        if complete { Ok(given) } else { Err(BadUsage) }
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
    fn find(&self, word: &str) -> Option<Found<'_>> {
        let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or(word);
        let shown = self.list.iter().find(|option| {
            option.long == name || name.strip_prefix(option.short).is_some_and(str::is_empty)
        });
        let hidden = || self.hidden.iter().find(|long| **long == name);
        shown.map(Found::Shown).or_else(|| hidden().map(|long| Found::Hidden(long)))
    }

    fn is_shown(&self, word: &str) -> bool {
        word.starts_with('-') && matches!(self.find(word), Some(Found::Shown(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: [Opt; 4] = [
        Opt::value('c', "configFile", "File"),
        Opt::flag('h', "help", "Help"),
        Opt::value('n', "namesrvAddr", "Servers"),
        Opt::flag('p', "printConfigItem", "Print"),
    ];

    /// `expected`: letters in order, with `=value`; `!` where 4.4.0 prints the usage.
    fn check_with(options: &Options, line: &str, expected: &str) {
        let words: Vec<_> = line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let shown = match options.parse(&words) {
            Err(BadUsage) => "!".to_owned(),
            Ok(given) => given
                .found
                .iter()
                .map(|(c, v)| v.as_ref().map_or_else(|| c.to_string(), |v| format!("{c}={v}")))
                .chain(given.hidden.iter().map(|long| (*long).to_owned()))
                .collect::<Vec<_>>()
                .join(" "),
        };
        assert_eq!(shown, expected, "{line:?}");
    }

    fn check(line: &str, expected: &str) {
        check_with(&Options { list: LIST.to_vec(), hidden: &[] }, line, expected);
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
    fn what_is_required_must_be_given() {
        let list = vec![Opt::required('t', "topic", "Topic"), Opt::flag('h', "help", "Help")];
        let options = Options { list, hidden: &[] };
        check_with(&options, "", "!");
        check_with(&options, "-h", "!");
        check_with(&options, "-t a -h", "t=a h");
    }

    #[test]
    fn a_hidden_flag_is_no_reason_to_miss_a_value() {
        let options = Options { list: LIST.to_vec(), hidden: &["json"] };
        check_with(&options, "-p --json", "p json");
        check_with(&options, "-n --json", "n=--json");
        check("-p --json", "!");
    }

    #[test]
    fn the_first_of_two_counts() {
        let options = Options { list: LIST.to_vec(), hidden: &[] };
        let words = ["-na", "-nb"].map(str::to_owned);
        assert_eq!(options.parse(&words).unwrap().value('n'), Some("a"));
    }
}
