//! What must hold for any input.

use filter::{BloomFilter, Expression, TagSet};
use proptest::prelude::*;

/// Text made of what expressions are made of, so that the parser gets far.
fn near_expression() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "NULL",
        "BETWEEN",
        "TRUE",
        "false",
        "=",
        "<>",
        "<",
        ">",
        "<=",
        ">=",
        "(",
        ")",
        ",",
        "+",
        "-",
        "1",
        "0",
        "2.5",
        "1e3",
        "9L",
        "'x'",
        "''",
        "'",
        ".",
        "/*",
        "*/",
        "--",
        "\n",
        "é",
        "😀",
        "!",
        "99999999999999999999",
    ]);
    let space = prop::sample::select(vec!["", " ", "\t"]);
    prop::collection::vec((word, space), 0..40)
        .prop_map(|words| words.iter().flat_map(|(w, s)| [*w, *s]).collect())
}

fn exercise(text: &str) {
    match Expression::compile(text) {
        Ok(expression) => {
            for value in [None, Some("1"), Some("x"), Some("true"), Some("")] {
                let result = expression.evaluate(|_| value);
                assert_eq!(expression.matches(|_| value), result == Ok(Some(true)));
            }
            // What Java prints is itself an expression, apart from the operators' spelling.
            assert!(!expression.to_string().is_empty());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_safe(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn expression_like_text_is_safe(text in near_expression()) {
        exercise(&text);
    }

    #[test]
    fn any_value_is_safe(value in any::<String>()) {
        for text in ["a = 1", "a > 9999999999", "a < 1.5", "a = TRUE", "a >= a", "a IN ('x')"] {
            let _ = Expression::compile(text).unwrap().evaluate(|_| Some(&value));
        }
    }

    #[test]
    fn integers_compare_as_integers(value in any::<i32>(), literal in 0..i32::MAX) {
        let text = value.to_string();
        let check = |operator: &str, expected: bool| {
            let expression = Expression::compile(&format!("a {operator} {literal}")).unwrap();
            prop_assert_eq!(expression.matches(|_| Some(&text)), expected);
            Ok(())
        };
        check("=", value == literal)?;
        check("<>", value != literal)?;
        check(">", value > literal)?;
        check("<=", value <= literal)?;
    }

    #[test]
    fn doubles_survive_their_text(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let text = format!("{value:e}");
        let equal = Expression::compile("a >= b AND a <= b").unwrap();
        prop_assert!(equal.matches(|_| Some(&text)));
    }

    #[test]
    fn a_marked_consumer_is_hit(
        error in 1..100,
        expected in 1..500,
        names in prop::collection::vec(any::<String>(), 0..20),
    ) {
        let bloom = BloomFilter::new(error, expected).unwrap();
        let mut bits = vec![0; bloom.byte_count()];
        for name in &names {
            let of = bloom.positions(name);
            prop_assert!(bloom.fits(&of));
            of.mark(&mut bits);
        }
        for name in &names {
            prop_assert!(bloom.positions(name).is_hit(&bits));
        }
    }

    #[test]
    fn tags_are_trimmed_and_distinct(text in "[ a|\t]{0,30}") {
        if let Ok(set) = TagSet::parse(&text) {
            for (i, tag) in set.tags.iter().enumerate() {
                prop_assert!(!tag.is_empty() && tag.trim() == tag && !tag.contains("||"));
                prop_assert!(!set.tags[..i].contains(tag));
            }
        }
    }
}
