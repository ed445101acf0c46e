use super::*;

fn check(text: &str, expected: &[(&str, &str)]) {
    let read = Properties::parse(text.as_bytes()).unwrap();
    assert_eq!(read.iter().collect::<Vec<_>>(), expected, "{text:?}");
}

#[test]
fn reads_what_java_reads() {
    check("", &[]);
    check("   \n\t\n", &[]);
    check("a=1\nb:2\nc 3\nd\n", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "")]);
    check(
        "brokerName = broker-a\r\n  brokerId=0 ",
        &[("brokerName", "broker-a"), ("brokerId", "0 ")],
    );
    check("# x\n ! y\na=#1", &[("a", "#1")]);
    check("a=1\na=2", &[("a", "2")]);
    check("a=b \\\n   c\\\n\nd=1", &[("a", "b c"), ("d", "1")]);
    check("a=1\\\n#b", &[("a", "1#b")]);
    check("k\\ e\\:y=v=w", &[("k e:y", "v=w")]);
    check("a=\\t\\q\\\\", &[("a", "\tq\\")]);
    check("a=\\u4e2d\\u0020 ", &[("a", "中  ")]);
    check("=x", &[("", "x")]);
}

#[test]
fn takes_what_the_parser_alone_would_not() {
    check("# C:\\users and \\u\n#\\\na=1", &[("a", "1")]);
    check("a=\\uD83D\\uDE00!", &[("a", "😀!")]);
    check("a=\\uD83Dx\\uDE00", &[("a", "?x?")]);
    check("a=\\\\uD83D", &[("a", "\\uD83D")]);
    check("a=1\\", &[("a", "1")]);
    check("a=1\r\rb=2", &[("a", "1"), ("b", "2")]);
}

#[test]
fn bytes_are_latin1() {
    let read = Properties::parse(b"a=\xe9\x80").unwrap();
    assert_eq!(read.get("a"), Some("\u{e9}\u{80}"));
}

#[test]
fn broken_escapes_are_errors_with_a_line() {
    for text in ["a=\\u12", "a=\\uzzzz", "\\u=1"] {
        let error = Properties::parse(format!("x=1\n{text}").as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("Malformed \\uxxxx encoding"), "{text}");
        assert!(text.contains('2'), "{text}");
    }
}

#[test]
fn writes_plain_values_unescaped() {
    let file: Properties = [("namesrvAddr", "a:1;b:2"), ("messageDelayLevel", "1s 5s"), ("x", "")]
        .into_iter()
        .collect();
    assert_eq!(file.render(), "namesrvAddr=a:1;b:2\nmessageDelayLevel=1s 5s\nx=\n");
}

#[test]
fn what_is_written_reads_back() {
    let values = ["", " x", "a b", "C:\\x", "a\nb=c", "\\", "=x", "#x", "é中😀", "\tx\t", "a\\u12"];
    for value in values {
        for key in ["k", "a b", "#k", "k=:", "é", " "] {
            let one: Properties = [(key, value)].into_iter().collect();
            let text = one.render();
            assert_eq!(Properties::parse(text.as_bytes()).unwrap(), one, "{text:?}");
        }
    }
}

/// Random text from the letters that matter never panics.
#[test]
fn no_text_panics() {
    let letters = b"ab=: \\\\\\u0123dDeE#!\n\r\t\x0c\xff";
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..24 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push(letters[(seed >> 33) as usize % letters.len()]);
        }
        let _ = Properties::parse(&text);
    }
}
