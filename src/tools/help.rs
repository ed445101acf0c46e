//! Usage texts in the layout of commons-cli's `HelpFormatter`.

use crate::command::Opt;

/// Columns that 4.4.0 lets a line have.
const WIDTH: usize = 110;
/// Columns between the options and what they do.
const GAP: usize = 3;

/// The usage line and one paragraph an option. The options come in the order of the help.
#[must_use]
pub fn usage(program: &str, options: &[Opt]) -> String {
    let mut line = format!("usage: {program}");
    for option in options {
        let value = if option.takes_value { " <arg>" } else { "" };
        let (open, close) = if option.required { ("", "") } else { ("[", "]") };
        line.push_str(&format!(" {open}-{}{value}{close}", option.short));
    }
    let mut text = String::new();
    // Lines that follow begin where the name of the program does.
    wrap(&line, "usage: ".len(), &mut text);
    let heads: Vec<String> = options.iter().map(head).collect();
    let column = heads.iter().map(String::len).max().unwrap_or(0) + GAP;
    for (option, head) in options.iter().zip(&heads) {
        wrap(&format!("{head:column$}{}", option.about), column, &mut text);
    }
    text
}

fn head(option: &Opt) -> String {
    let value = if option.takes_value { " <arg>" } else { "" };
    format!(" -{},--{}{value}", option.short, option.long)
}

/// Adds `line` to `text`, broken at spaces; what follows the first break is indented.
fn wrap(line: &str, indent: usize, text: &mut String) {
    let mut line = line.to_owned();
    while let Some(at) = break_at(&line) {
        text.push_str(line[..at].trim_end());
        text.push('\n');
        line = format!("{:indent$}{}", "", line[at..].trim());
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Where a line that is too long is broken: at the last space that still fits.
fn break_at(line: &str) -> Option<usize> {
    if line.len() <= WIDTH {
        return None;
    }
    let start = line.find(|c: char| c != ' ')?;
    line.char_indices()
        .take_while(|(at, _)| *at <= WIDTH)
        .filter(|(at, c)| *c == ' ' && *at > start)
        .last()
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_lines_up() {
        let options = [
            Opt::flag('h', "help", "Help"),
            Opt::value('n', "namesrvAddr", "Servers"),
            Opt::required('t', "topic", "Topic"),
        ];
        let expected = "usage: mqadmin topicRoute [-h] [-n <arg>] -t <arg>\n \
                        -h,--help                Help\n \
                        -n,--namesrvAddr <arg>   Servers\n \
                        -t,--topic <arg>         Topic\n";
        assert_eq!(usage("mqadmin topicRoute", &options), expected);
    }

    #[test]
    fn long_lines_are_broken_at_spaces() {
        let about: &'static str = "word ".repeat(30).leak().trim_end();
        let options: Vec<Opt> = ('a'..='m').map(|short| Opt::value(short, "name", about)).collect();
        let text = usage("mqadmin x", &options);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{text}");
        assert!(lines[1].starts_with("       <arg>] [-"), "{text}");
        assert!(lines[3].starts_with(&format!("{}word", " ".repeat(19))), "{text}");
    }
}
