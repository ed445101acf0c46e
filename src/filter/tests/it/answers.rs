//! Recorded results of 4.4.0, replayed.
//!
//! - `results.txt`: expressions pulled with and checked against a real broker, with the queue
//!   offsets delivered and the text of the refusal (cut at 110 characters);
//! - `expressions.tsv`: generated expressions, each with the value for every message (`1`, `0`,
//!   `n`ull, `e`rror) and the text Java prints for the expression, or `!` and the whole message;
//! - `bloom.tsv`: filter sizes and positions.

use filter::{BloomFilter, Expression};

fn golden(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// A quoted string as Python prints it, and what follows it.
fn python_string(text: &str) -> (String, &str) {
    let quote = text.chars().next().unwrap();
    let mut chars = text.char_indices().skip(1);
    let mut out = String::new();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return (out, &text[at + 1..]);
        }
        match (c, c == '\\') {
            (_, true) => match chars.next().unwrap().1 {
                'x' => {
                    let digits: String = chars.by_ref().take(2).map(|d| d.1).collect();
                    out.push(char::from(u8::from_str_radix(&digits, 16).unwrap()));
                }
                other => out.push(other),
            },
            (c, false) => out.push(c),
        }
    }
    panic!("unclosed string: {text}");
}

/// The properties of a stored message: an item without a value is none.
fn properties(text: &str) -> Vec<(&str, &str)> {
    let items = text.split('\u{2}').filter_map(|item| item.split_once('\u{1}'));
    items.filter(|(_, value)| !value.is_empty()).collect()
}

#[test]
fn real_broker() {
    let text = golden("results.txt");
    let messages: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("   "))
        .filter_map(|line| line.split_once(' '))
        .filter(|(number, _)| number.parse::<u32>().is_ok())
        .map(|(_, properties)| python_string(properties).0)
        .collect();
    assert_eq!(messages.len(), 11);
    let messages: Vec<_> = messages.iter().map(|m| properties(m)).collect();

    let mut count = 0;
    for line in text.lines().filter(|line| line.contains(" -> ") && !line.starts_with("messages")) {
        let (expression, rest) = python_string(line);
        let (_, answer) = rest.split_once("-> ").unwrap();
        let compiled = Expression::compile(&expression);
        if let Some((_, refusal)) = answer.split_once("[46: 23 ") {
            let error = compiled.unwrap_err().to_string();
            let begin: String = error.lines().next().unwrap().chars().take(110).collect();
            assert_eq!(begin, refusal.strip_suffix(']').unwrap(), "{expression}");
        } else {
            let compiled = compiled.unwrap();
            let matched: Vec<usize> = (0..messages.len())
                .filter(|i| {
                    compiled.matches(|name| messages[*i].iter().find(|p| p.0 == name).map(|p| p.1))
                })
                .collect();
            assert_eq!(format!("{matched:?} "), answer, "{expression}");
        }
        count += 1;
    }
    assert_eq!(count, 107);
}

#[test]
fn whole_message_of_a_refusal() {
    let error = Expression::compile("a ==").unwrap_err().to_string();
    assert_eq!(
        error,
        "org.apache.rocketmq.filter.parser.ParseException: Encountered \" \"=\" \"= \"\" at line 1, \
         column 4.\nWas expecting one of:\n    \"NOT\" ...\n    \"TRUE\" ...\n    \"FALSE\" \
         ...\n    \"NULL\" ...\n    <DECIMAL_LITERAL> ...\n    <FLOATING_POINT_LITERAL> ...\n    \
         <STRING_LITERAL> ...\n    <ID> ...\n    \"(\" ...\n    \"-\" ...\n    "
    );
}

#[test]
fn generated_expressions() {
    let text = golden("expressions.tsv");
    let messages: Vec<std::collections::BTreeMap<String, String>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (expression, expected) = line.split_once('\t').unwrap();
        let expression: String = serde_json::from_str(expression).unwrap();
        let (values, text) = match expected.split_once(' ') {
            Some((values, text)) if !expected.starts_with('!') => (values, text),
            _ => ("!", &expected[1..]),
        };
        let text: String = serde_json::from_str(text).unwrap();
        let ours = match Expression::compile(&expression) {
            Err(error) => ("!".to_owned(), error.to_string()),
            Ok(compiled) => {
                let value = |message: &std::collections::BTreeMap<String, String>| {
                    let lookup = |name: &str| message.get(name).map(|v| &**v);
                    match compiled.evaluate(lookup) {
                        Ok(Some(true)) => '1',
                        Ok(Some(false)) => '0',
                        Ok(None) => 'n',
                        Err(_) => 'e',
                    }
                };
                (messages.iter().map(value).collect(), compiled.to_string())
            }
        };
        if ours != (values.to_owned(), text.clone()) {
            wrong.push(format!("{expression:?}\n  java {values} {text:?}\n  ours {ours:?}"));
        }
    }
    let some: Vec<_> = wrong.iter().take(20).cloned().collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), some.join("\n"));
}

#[test]
fn bloom_filter() {
    for line in golden("bloom.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| fields[i].parse::<i32>().unwrap();
        if fields[0] == "p" {
            let bloom = BloomFilter::new(number(1), number(2)).unwrap();
            let text: String = serde_json::from_str(fields[3]).unwrap();
            let positions: Vec<i32> = serde_json::from_str(fields[4]).unwrap();
            assert_eq!(bloom.positions(&text).positions, positions, "{line}");
        } else {
            let bloom = BloomFilter::new(number(0), number(1)).unwrap();
            assert_eq!((bloom.hash_count(), bloom.bit_count()), (number(2), number(3)), "{line}");
        }
    }
}
