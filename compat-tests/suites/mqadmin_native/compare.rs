//! What must be equal in two outputs.

/// What is taken out of an output before it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::suites) enum Mask {
    /// What commands and options do: it is said in words of our own.
    Descriptions,
    /// Numbers that differ from run to run, with the blanks around them.
    Numbers,
    /// Message ids made by this run.
    Ids,
    /// The order of lines.
    Order,
    /// Everything behind the first colon of each line.
    Values,
    /// Everything behind so many words of each line.
    Words(usize),
    /// Everything behind so many lines.
    Lines(usize),
    /// Sentences that tell what is wrong with the options or the cluster.
    Advice,
    /// Whether anything was said on standard error.
    Errors,
    /// Where `tools.yml` lies.
    Paths,
}

pub(in crate::suites) fn comparable(output: &str, masks: &[Mask]) -> String {
    let mut lines: Vec<String> = output.lines().map(str::to_owned).collect();
    for mask in masks {
        match mask {
            Mask::Descriptions => lines = without_descriptions(&lines),
            Mask::Numbers => change(&mut lines, |line| numbers_replaced(&line)),
            Mask::Ids => change(&mut lines, |line| ids_replaced(&line)),
            Mask::Order => lines.sort(),
            Mask::Values => change(&mut lines, |line| cut_after(&line, ':')),
            Mask::Words(count) => change(&mut lines, |line| {
                line.split_whitespace().take(*count).collect::<Vec<_>>().join(" ")
            }),
            Mask::Lines(count) => lines.truncate(*count),
            Mask::Advice => change(&mut lines, |line| {
                if line.starts_with("[error] ") {
                    "[error]".to_owned()
                } else {
                    "<advice>".to_owned()
                }
            }),
            Mask::Errors => {}
            Mask::Paths => change(&mut lines, |line| paths_replaced(&line)),
        }
    }
    let end = if output.ends_with('\n') && !masks.contains(&Mask::Order) { "\n" } else { "" };
    lines.join("\n") + end
}

fn change(lines: &mut [String], how: impl Fn(String) -> String) {
    for line in lines {
        *line = how(std::mem::take(line));
    }
}

fn cut_after(line: &str, end: char) -> String {
    line.split_once(end).map_or_else(|| line.to_owned(), |(before, _)| format!("{before}{end}"))
}

/// Keeps the first column of `   name  description` and of ` -o,--option <arg>   description`, and leaves
/// out lines that go on with a description.
fn without_descriptions(lines: &[String]) -> Vec<String> {
    let mut usage = false;
    let mut kept = Vec::new();
    for line in lines {
        usage |= line.starts_with("usage: ");
        if let Some(name) = line.strip_prefix("   ").filter(|rest| !usage && !rest.starts_with(' '))
        {
            kept.push(name.split_whitespace().next().unwrap_or_default().to_owned());
        } else if line.starts_with(" -") {
            // Three blanks are the least there is between the two.
            let end = line.find("   ").unwrap_or(line.len());
            let column = line.len() - line[end..].trim_start().len();
            kept.push(format!("{} <column {column}>", &line[..end]));
        } else if !usage || !line.starts_with("          ") {
            kept.push(line.clone());
        }
    }
    kept
}

fn numbers_replaced(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        let masked = if c.is_ascii_digit() { '#' } else { c };
        // One number, and one stretch of blanks, counts as one.
        let repeats = out.ends_with(masked) && matches!(masked, '#' | ' ');
        if !repeats {
            out.push(masked);
        }
    }
    // `-1.5` and `3` are numbers alike.
    out.replace("#.#", "#").replace("-#", "#").trim_end().to_owned()
}

fn paths_replaced(line: &str) -> String {
    let path = |word: &str| word.contains("/conf/tools.yml");
    let words = line.split(' ').map(|word| if path(word) { "<path>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn ids_replaced(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let id = word.len() == 32 && word.chars().all(|c| c.is_ascii_hexdigit());
        out.push_str(if id { "<id>" } else { &word });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// Whether both failed or neither did, and with the same response code if one is told.
pub(super) fn same_errors(java: &str, ours: &str, masks: &[Mask]) -> bool {
    if masks.contains(&Mask::Errors) {
        return true;
    }
    if java.is_empty() != ours.is_empty() {
        return false;
    }
    match (code(java), code(ours)) {
        (Some(java), Some(ours)) => java == ours,
        _ => true,
    }
}

fn code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("CODE: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        let check = |text: &str, masks: &[Mask], expected: &str| {
            assert_eq!(comparable(text, masks), expected, "{text:?}");
        };
        check("rt:12ms  x -0.50  \n", &[Mask::Numbers], "rt:#ms x #\n");
        check("b\na", &[Mask::Order], "a\nb");
        check("k : v: w", &[Mask::Values], "k :");
        let id = "7F000001000062700000000000001B88";
        check(&format!("msgId={id},x"), &[Mask::Ids], "msgId=<id>,x");
        let help = "usage: mqadmin x [-h]\n -h,--help     Print this\n               help\n";
        check(help, &[Mask::Descriptions], "usage: mqadmin x [-h]\n -h,--help <column 15>\n");
        check("The list:\n   a    does a\n", &[Mask::Descriptions], "The list:\na\n");
    }

    #[test]
    fn errors() {
        assert!(same_errors("", "", &[]));
        assert!(!same_errors("x", "", &[]));
        assert!(same_errors("X: CODE: 17  DESC: a", "t: CODE: 17  DESC: b", &[]));
        assert!(!same_errors("X: CODE: 17  DESC: a", "t: CODE: 1  DESC: a", &[]));
    }
}
