//! Nesting is bounded, so that no expression can exhaust a stack.

use filter::{CompileError, Expression, MAX_DEPTH};

/// Runs on a stack far smaller than that of any thread of the broker.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn too_deep_is_refused() {
    on_small_stack(|| {
        for times in [4 * MAX_DEPTH as usize + 1, 100_000] {
            for (open, inner, close) in [
                ("(", "a = 1", ")"),
                ("NOT ", "a", ""),
                ("NOT (", "a", ")"),
                ("- ", "a", ""),
                ("+(", "a", ")"),
                ("", "a", " IS NULL"),
                ("", "a = 1", " = TRUE"),
                ("(a = 1 OR a = 2 AND a = ", "1", ")"),
                ("(", "", ""),
            ] {
                let text = nested(open, inner, close, times);
                assert_eq!(Expression::compile(&text), Err(CompileError::TooDeep), "{open:?}");
            }
        }
        // A plus is dropped at once.
        assert!(Expression::compile(&nested("+ ", "a", "", 100_000)).is_ok());
    });
}

#[test]
fn the_deepest_works_on_a_small_stack() {
    on_small_stack(|| {
        let times = MAX_DEPTH as usize - 2;
        for (open, inner, close, times) in [
            ("(", "a", ")", 4 * MAX_DEPTH as usize),
            ("+(", "a", ")", 4 * MAX_DEPTH as usize),
            ("NOT ", "a", "", times),
            ("NOT (a > - ", "a", ")", times / 3),
            ("", "a", " IS NULL", times),
            ("(a = 1 OR a = 1 AND a = ", "a", ")", times / 3),
        ] {
            let compiled = Expression::compile(&nested(open, inner, close, times)).unwrap();
            let copy = compiled.clone();
            let _ = compiled.evaluate(|_| Some("1"));
            let _ = compiled.evaluate(|_| None);
            assert!(!copy.to_string().is_empty());
        }
    });
}

#[test]
fn long_chains_do_not_nest() {
    on_small_stack(|| {
        let text = (0..50_000).map(|i| format!("a = {i}")).collect::<Vec<_>>().join(" OR ");
        let compiled = Expression::compile(&text).unwrap();
        assert!(compiled.matches(|_| Some("49999")));
        assert!(!compiled.matches(|_| Some("50000")));
        assert!(compiled.to_string().ends_with("(a == 49999))"));
        let between = vec!["a BETWEEN 1 AND 5"; 50_000].join(" AND ");
        assert!(Expression::compile(&between).unwrap().matches(|_| Some("3")));
    });
}
