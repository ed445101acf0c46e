//! The value types of Java's settings: how they are parsed and how they are shown.

/// A type a setting may have: Java's rules for text in and text out.
pub trait JavaValue: Sized {
    /// Java's name of the type.
    const TYPE: &'static str;

    /// Reads the text as Java does; `None` where Java throws, and then the old value stays.
    fn parse(text: &str) -> Option<Self>;

    /// The text Java's `toString` gives.
    fn show(&self) -> String;
}

/// Java's `parseInt` and `parseLong`: an optional sign and digits, nothing else, no blanks.
macro_rules! integer {
    ($($rust:ty = $java:literal),*) => { $(
        impl JavaValue for $rust {
            const TYPE: &'static str = $java;

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )* };
}

integer!(i32 = "int", i64 = "long");

impl JavaValue for bool {
    const TYPE: &'static str = "boolean";

    /// Everything but `true`, in any case, is false; nothing is refused.
    fn parse(text: &str) -> Option<Self> {
        Some(text.eq_ignore_ascii_case("true"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl JavaValue for String {
    const TYPE: &'static str = "String";

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl JavaValue for f64 {
    const TYPE: &'static str = "double";

    /// Blanks around, a `d` or `f` behind and the words `NaN` and `Infinity` are taken;
    /// hexadecimal forms are not.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c <= ' ');
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1.0, rest),
            None => (1.0, text.strip_prefix('+').unwrap_or(text)),
        };
        match digits {
            "NaN" => return Some(f64::NAN),
            "Infinity" => return Some(sign * f64::INFINITY),
            _ => {}
        }
        let number = digits.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(digits);
        // Rust would also take "inf" and "nan", which Java refuses.
        if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        number.parse::<f64>().ok().map(|value| sign * value)
    }

    fn show(&self) -> String {
        let magnitude = self.abs();
        if self.is_nan() {
            "NaN".to_owned()
        } else if self.is_infinite() {
            if *self > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
        } else if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
            format!("{self:?}")
        } else {
            let text = format!("{self:E}");
            match text.split_once('E') {
                Some((digits, exponent)) if !digits.contains('.') => {
                    format!("{digits}.0E{exponent}")
                }
                _ => text,
            }
        }
    }
}

/// Declares an enum whose variants are read and shown by their Java name.
///
/// ```
/// config::java_enum! {
///     /// How messages reach the disk.
///     pub enum Flush {
///         /// Later.
///         #[default]
///         Async = "ASYNC_FLUSH",
///         /// Before the reply.
///         Sync = "SYNC_FLUSH",
///     }
/// }
/// assert_eq!(Flush::Sync.name(), "SYNC_FLUSH");
/// ```
#[macro_export]
macro_rules! java_enum {
    (
        $(#[$attr:meta])*
        pub enum $name:ident { $( $(#[$vattr:meta])* $variant:ident = $java:literal ),* $(,)? }
    ) => {
        $(#[$attr])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub enum $name { $( $(#[$vattr])* $variant, )* }

        impl $name {
            /// The name of the Java constant.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $java, )* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::JavaValue for $name {
            const TYPE: &'static str = stringify!($name);

            fn parse(text: &str) -> Option<Self> {
                match text { $( $java => Some(Self::$variant), )* _ => None }
            }

            fn show(&self) -> String {
                self.name().to_owned()
            }
        }
    };
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros declare public items")]
mod tests {
    use super::*;

    fn check<T: JavaValue>(text: &str, expected: Option<&str>) {
        let shown = T::parse(text).map(|v| v.show());
        assert_eq!(shown.as_deref(), expected, "{} {text:?}", T::TYPE);
    }

    #[test]
    fn integers_follow_parse_int() {
        check::<i32>("12", Some("12"));
        check::<i32>("+12", Some("12"));
        check::<i32>("-0", Some("0"));
        check::<i32>("007", Some("7"));
        check::<i32>("2147483648", None);
        check::<i32>(" 1", None);
        check::<i32>("1 ", None);
        check::<i32>("", None);
        check::<i32>("-", None);
        check::<i32>("1_000", None);
        check::<i32>("0x10", None);
        check::<i64>("-9223372036854775808", Some("-9223372036854775808"));
        check::<i64>("10L", None);
    }

    #[test]
    fn booleans_never_fail() {
        check::<bool>("TrUe", Some("true"));
        check::<bool>("true ", Some("false"));
        check::<bool>("yes", Some("false"));
        check::<bool>("", Some("false"));
    }

    #[test]
    fn doubles_read_and_print_like_java() {
        check::<f64>(" 1 ", Some("1.0"));
        check::<f64>("1.5d", Some("1.5"));
        check::<f64>("-Infinity", Some("-Infinity"));
        check::<f64>("NaN", Some("NaN"));
        check::<f64>("inf", None);
        check::<f64>("nan", None);
        check::<f64>("d", None);
        check::<f64>("--1", None);
        check::<f64>("1e10", Some("1.0E10"));
        check::<f64>("12345678.9", Some("1.23456789E7"));
        check::<f64>("0.0001", Some("1.0E-4"));
        check::<f64>("0.001", Some("0.001"));
        check::<f64>("-0", Some("-0.0"));
    }

    #[test]
    fn enums_go_by_exact_name() {
        java_enum! {
            /// Test.
            pub enum Role {
                /// First.
                #[default]
                AsyncMaster = "ASYNC_MASTER",
                /// Second.
                Slave = "SLAVE",
            }
        }
        check::<Role>("SLAVE", Some("SLAVE"));
        check::<Role>("slave", None);
        check::<Role>("", None);
        assert_eq!(Role::default().to_string(), "ASYNC_MASTER");
    }
}
